"""From a detector's message to what a family sees: in any order, told once, and nothing in clear outside the vault."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from broker.delivery.notice import Filter
from broker.delivery.personal import reach
from broker.delivery.queue import subscribe
from broker.errors import CityError, Conflict, Forbidden, Invalid, NotFound
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS, NewRecord, Record
from broker.store.entities import EntityWriter
from services.presence.codes import ephemeral_id
from services.presence.desk import Asker
from services.presence.keeping import Keeper
from services.presence.rules import Rule
from services.presence.store import set_flow_least
from services.presence.telling import KIND, Teller
from tests.integration.presence.conftest import CODE, FAMILY, NAME, NOW, SETTINGS, UUID, Town

T0 = datetime(2026, 11, 23, 22, 45, tzinfo=UTC)
WAY = [("home-1", 0), ("home-1", 60), ("park-1", 420), ("gate-1", 900), ("gate-1", 930)]


def walk(town: Town) -> list[Record]:
    return [town.heard(pole, T0 + timedelta(seconds=at)) for pole, at in WAY]


async def places(town: Town) -> dict[str, str]:
    async with town.database.app.transaction("fukui") as tx:
        found = await town.desk.settings(tx, FAMILY, town.tag)
    return {place["name"]: place["id"] for place in found["places"]}


async def rule(town: Town, *rules: Rule) -> None:
    async with town.database.app.transaction("fukui") as tx:
        await town.desk.set_rules(tx, FAMILY, town.tag, rules)


async def family_hears(town: Town) -> None:
    wants = Filter(kinds=(KIND,), about={"tag": (town.tag,), "guardian": ("fukui.mother",)})
    async with town.database.system.transaction() as tx:
        await subscribe(tx, "fukui", channel="webhook", target="https://x.example/", secret=b"s", wants=wants)
        await subscribe(tx, "fukui", channel="webhook", target="https://all.example/", secret=b"s")


async def told(town: Town) -> list[str]:
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch(
            "select d.notice::text as notice, s.target from delivery d join subscriber s on s.id = d.subscriber_id"
            " order by d.id"
        )
    assert {row["target"] for row in rows} <= {"https://x.example/"}, "only who named the tag and themself hears of it"
    return [json.loads(row["notice"])["body"]["kind"] for row in rows]


async def test_a_child_walks_to_school_and_the_family_sees_it(town: Town) -> None:
    await family_hears(town)
    ids = await places(town)
    await rule(town, Rule(id="a", kind="enter", place=ids["第一小学校"]), Rule(id="b", kind="leave", place=ids["自宅"]))
    town.now = T0 + timedelta(seconds=940)
    for record in walk(town):
        await town.tell([record])
    found = await town.presence()
    assert (found["name"], found["status"], found["places"][0]["name"]) == (NAME, "at-place", "第一小学校")
    assert found["location"]["coordinates"] == [134.845, 34.76]
    day = await town.history()
    kinds = [(event["kind"], event["place"], event["withdrawn"]) for event in day["events"]]
    assert kinds == [("enter", "自宅", False), ("leave", "自宅", False), ("enter", "第一小学校", False)]
    assert [fix["location"][0] for fix in day["path"]] == [134.84, 134.8425, 134.845]
    assert await told(town) == ["leave", "enter"]
    town.now += timedelta(hours=3)
    assert (await town.presence())["status"] == "unseen"


async def test_only_a_guardian_who_asked_is_told_and_nobody_once_it_ended(town: Town) -> None:
    gate = (await places(town))["第一小学校"]
    await rule(town, Rule(id="a", kind="enter", place=gate))
    town.now = T0
    await town.tell([town.heard("gate-1", T0)])
    assert await pushed(town) == [], "nobody asked"
    async with town.database.app.transaction("fukui") as tx:
        assert await tx.fetch("select from disclosure") == [], "so nothing was disclosed"
        place = ("webhook", "https://mother.example/", ["tags"])
        await reach(tx, "fukui", "fukui.mother", *place, T0, secret=b"s")
        await reach(tx, "fukui", "fukui.stranger", "webhook", "https://stranger.example/", ["tags"], T0, secret=b"s")
    for minute, pole in ((20, "far-1"), (45, "gate-1")):
        town.now = T0 + timedelta(minutes=minute)
        await town.tell([town.heard(pole, town.now)] * 2)
    told = await pushed(town)
    assert [(notice["target"], notice["kind"], notice["page"]) for notice in told] == [
        ("https://mother.example/", "enter", f"tags.html?tag={town.tag}")
    ]
    async with town.database.system.transaction() as tx:
        await tx.execute("update guardianship set ended_at = $1, ended_by = 'clerk'", town.now)
    for minute, pole in ((70, "far-1"), (95, "gate-1")):
        town.now = T0 + timedelta(minutes=minute)
        await town.tell([town.heard(pole, town.now)])
    assert len(await pushed(town)) == 1


async def pushed(town: Town) -> list[dict[str, str]]:
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch(
            "select d.notice::text as notice, s.target from delivery d join subscriber s on s.id = d.subscriber_id"
            " order by d.id"
        )
    notices = [(json.loads(row["notice"]), row["target"]) for row in rows]
    return [{"target": target, "kind": one["body"]["kind"], "page": one["page"]} for one, target in notices]


async def test_any_order_and_repetition_end_alike_and_every_detection_is_counted(town: Town) -> None:
    town.now = T0 + timedelta(seconds=940)
    for record in walk(town):
        await town.tell([record])
    straight = (await town.presence(), await town.history())
    chance = random.Random(7)
    for _ in range(3):
        async with town.database.system.transaction() as tx:
            await tx.execute(
                "delete from tag_cell; delete from tag_event; delete from tag_day; delete from tag_presence"
            )
        records = walk(town) * 2
        chance.shuffle(records)
        while records:
            count = chance.randint(1, 3)
            await town.tell(records[:count])
            del records[:count]
        seen, day = await town.presence(), await town.history()
        day["events"] = [event for event in day["events"] if not event["withdrawn"]]
        assert (seen, day) == straight
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch("select counts::text as counts from account_batch")
    total: dict[str, int] = {}
    for row in rows:
        for counts in json.loads(row["counts"]).values():
            for outcome, number in counts.items():
                total[outcome] = total.get(outcome, 0) + number
    assert total["received"] == 5 + 3 * 10 == total["stored"] + total["duplicate"]
    assert total["duplicate"] >= 15


async def test_a_late_report_mends_the_day_and_wakes_nobody(town: Town) -> None:
    await family_hears(town)
    await rule(town, Rule(id="a", kind="leave", place=(await places(town))["自宅"]))
    yesterday = T0 - timedelta(days=1)
    town.now = T0
    await town.tell([town.heard("home-1", T0 - timedelta(seconds=60))])
    await town.tell([town.heard("home-1", yesterday), town.heard("park-1", yesterday + timedelta(seconds=600))])
    assert (await town.presence())["places"][0]["name"] == "自宅"
    assert await told(town) == []
    async with town.database.system.transaction() as tx:
        kinds = [
            row["kind"] for row in await tx.fetch("select kind from tag_event where withdrawn_at is null order by at")
        ]
    assert kinds == ["enter", "leave", "enter"]


async def test_not_arrived_by_half_past_eight_and_unseen_are_told_once(town: Town) -> None:
    await family_hears(town)
    ids = await places(town)
    await rule(
        town,
        Rule(id="a", kind="not-arrived", place=ids["第一小学校"], by="08:30"),
        Rule(id="u", kind="unseen", minutes=45),
    )
    town.now = T0 + timedelta(minutes=1)
    await town.tell([town.heard("home-1", T0)])
    keeper = keeper_of(town)
    assert await keeper.look() == 0
    town.now = NOW + timedelta(seconds=5)
    for _ in range(2):
        await keeper.look()
    assert sorted(await told(town)) == ["not-arrived", "unseen"]


async def test_who_is_not_family_is_told_nothing(town: Town) -> None:
    await town.tell([town.heard("gate-1", T0)])
    stranger = Asker("fukui", "fukui.stranger")
    with pytest.raises(Forbidden):
        async with town.database.app.transaction("fukui") as tx:
            await town.desk.presence(tx, town.gate, stranger, town.tag)
    with pytest.raises(NotFound):
        async with town.database.app.transaction("fukui") as tx:
            await town.desk.settings(tx, stranger, town.tag)
    with pytest.raises(NotFound):
        async with town.database.app.transaction("neighbour") as tx:
            await town.desk.presence(tx, town.gate, Asker("neighbour", FAMILY.id), town.tag)
    async with town.database.app.transaction("fukui") as tx:
        looked = await tx.fetch("select recipient, allowed from disclosure order by id")
    assert [(row["recipient"], row["allowed"]) for row in looked] == [("fukui.stranger", False)]


async def test_the_gateways_own_user_has_no_right_to_the_tables(town: Town) -> None:
    for table in ("tag", "tag_alias", "tag_place", "tag_presence", "tag_cell", "tag_event", "tag_search"):
        with pytest.raises(CityError):
            async with town.database.app.transaction("fukui") as tx:
                await tx.fetch(f"select * from {table}")


@pytest.mark.parametrize("code", ["", "ibeacon:xyz", "mac:AA", "ibeacon:" + UUID + ":1"])
async def test_a_code_that_is_none_is_refused(town: Town, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        async with town.database.app.transaction("fukui") as tx:
            await town.desk.register(tx, FAMILY, "fukui.child", code, "x")
    assert refused.value.field == "code"


async def test_a_tag_is_registered_once(town: Town) -> None:
    printed = "iBeacon:FDA50693-A4E2-4FB1-AFCF-C6EB07647825:10:7"
    with pytest.raises(Conflict):
        async with town.database.app.transaction("fukui") as tx:
            await town.desk.register(tx, FAMILY, "fukui.child", printed, "x")


async def test_only_counts_of_many_are_open(town: Town) -> None:
    hour = datetime(2026, 11, 23, 22, tzinfo=UTC)
    town.now = hour + timedelta(hours=1)
    await town.tell([town.heard("gate-1", hour + timedelta(minutes=m), minor=m) for m in range(12)])
    await town.tell([town.heard("park-1", hour + timedelta(minutes=m), minor=m) for m in range(9)])
    town.now = hour + timedelta(hours=4)
    assert await keeper_of(town).publish() == 1
    async with town.database.system.transaction() as tx:
        (row,) = await tx.fetch("select id, doc::text as doc from entity where first_type = 'CrowdFlowObserved'")
    assert row["id"].endswith("gate-1")
    assert json.loads(row["doc"])["peopleCount"]["value"] == 12
    await town.tell([town.heard("gate-1", hour + timedelta(minutes=30), minor=30)])
    assert await keeper_of(town).publish() == 0, "an hour is told once: who reports later is not told from a difference"


async def test_a_city_has_its_own_least_number_and_a_tag_that_changes_its_name_counts_once(town: Town) -> None:
    hour = datetime(2026, 11, 23, 22, tzinfo=UTC)
    key, counter = bytes(range(16)), 1 << 20
    town.now = hour
    async with town.database.app.transaction("fukui") as tx:
        await town.desk.register(tx, FAMILY, "fukui.child", f"eddystone-eid-key:{key.hex()}:7:{counter}", NAME)
    town.now = hour + timedelta(hours=1)
    heard = []
    for seconds in range(0, 3600, 128):
        for its_key in (key, bytes(16)):  # one that is registered, and one that is not
            name, at = ephemeral_id(its_key, 7, counter + seconds), hour + timedelta(seconds=seconds)
            heard.append(rotating(town, at, name.hex()))
    await town.tell(heard)
    await town.tell([town.heard("gate-1", hour, minor=minor) for minor in range(100, 109)])
    town.now = hour + timedelta(hours=4)
    async with town.database.system.transaction() as tx:
        await set_flow_least(tx, "fukui", 11)
    assert await keeper_of(town).publish() == 0, "nine and one that changes its name are ten, and this city asks for 11"
    async with town.database.system.transaction() as tx:
        await tx.execute("delete from tag_told_hour")
        await set_flow_least(tx, "fukui", 10)
    assert await keeper_of(town).publish() == 1
    async with town.database.system.transaction() as tx:
        doc = await tx.fetchval("select doc::text from entity where first_type = 'CrowdFlowObserved'")
    assert json.loads(doc)["peopleCount"]["value"] == 10


def rotating(town: Town, at: datetime, name: str) -> Record:
    """An Eddystone-EID frame as its record."""
    advertisement = f"0303aafe0d16aafe30c5{name}"
    row = {"t": at.isoformat(), "adv": advertisement, "rssi": -70}
    return town.sent("gate-1", {"sightings": [row]})


async def test_days_past_their_time_are_dropped_with_proof(town: Town) -> None:
    await town.tell([town.heard("gate-1", T0)])
    town.now = T0 + timedelta(days=32)
    assert await keeper_of(town).forget() == 2
    async with town.database.system.transaction() as tx:
        proof = await tx.fetch("select kind, day, rows from tag_dropped order by kind")
        left = await tx.fetchval("select count(*) from tag_cell")
    assert [(row["kind"], row["day"], row["rows"]) for row in proof] == [
        ("tag_cell", T0.date(), 1),
        ("tag_flow", T0.date(), 1),
    ]
    assert left == 0


async def test_a_new_epoch_finds_the_tag_again(town: Town) -> None:
    town.now = NOW + timedelta(days=40)
    assert await keeper_of(town).name() >= 1
    await town.tell([town.heard("gate-1", town.now)])
    assert (await town.presence())["status"] == "at-place"


async def test_a_tag_that_changes_its_name_is_found_again_for_days(town: Town) -> None:
    key, start = bytes(range(16)), town.now
    async with town.database.app.transaction("fukui") as tx:
        code = f"eddystone-eid-key:{key.hex()}:10:5000"
        tag = await town.desk.register(tx, FAMILY, "fukui.child", code, "弟")
    with pytest.raises(Conflict):
        async with town.database.app.transaction("fukui") as tx:
            await town.desk.register(tx, FAMILY, "fukui.child", f"eddystone-eid-key:{key.hex()}:10:9000", "弟")
    keeper = keeper_of(town)
    for hours in (0, 30, 55, 80):
        town.now = start + timedelta(hours=hours)
        await keeper.name()
        sent = ephemeral_id(key, 10, 5000 + hours * 3600)
        advert = "0201060303aafe0d16aafe30e7" + sent.hex()
        await town.tell([town.sent("gate-1", {"sightings": [{"adv": advert, "rssi": -60}]})])
        async with town.database.app.transaction("fukui") as tx:
            found = await town.desk.presence(tx, town.gate, FAMILY, tag)
        assert (found["status"], found["seenAt"]) == ("staying", town.now.isoformat().replace("+00:00", "Z"))
    dump = await everything(town)
    assert key.hex().encode() not in dump
    town.now = start + timedelta(days=40)
    await keeper.forget()
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from tag_alias where until < $1", start + timedelta(days=4)) == 0


async def test_what_a_family_ends_is_gone(town: Town) -> None:
    await town.tell([town.heard("gate-1", T0)])
    async with town.database.app.transaction("fukui") as tx:
        await town.desk.forget(tx, FAMILY, town.tag)
    async with town.database.system.transaction() as tx:
        for table in ("tag", "tag_alias", "tag_place", "tag_presence", "tag_cell", "tag_event", "tag_day"):
            assert await tx.fetchval(f"select count(*) from {table}") == 0, table


async def test_a_planted_id_and_name_stand_nowhere_in_log_or_database(town: Town) -> None:
    log = PostgresLog(town.database.system, partitions={OBSERVATIONS: 1, CHANGES: 1})
    records = [*walk(town), *town.broken()]
    await log.append(OBSERVATIONS, [NewRecord(record.key, record.value) for record in records])
    await town.keep(records)
    await keeper_of(town).publish()
    dump = await everything(town)
    assert len(dump) > 10_000, "the dump holds something"
    assert b"gate-1" in dump
    raw = bytes.fromhex(UUID)
    for planted in (
        UUID.encode(),
        raw,
        raw.hex().upper().encode(),
        CODE.encode(),
        NAME.encode(),
        "第一小学校".encode(),
    ):
        assert planted not in dump
        assert planted.hex().encode() not in dump


async def everything(town: Town) -> bytes:
    """Every row of every table, bytes in hexadecimal and (where they are text or JSON) as they are."""
    async with town.database.system.transaction() as tx:
        tables = await tx.fetch(
            "select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace"
            " and c.relkind in ('r', 'p') and not c.relispartition and has_table_privilege(c.oid, 'select')"
        )
        rows: list[bytes] = []
        for table in tables:
            for row in await tx.fetch(f"select * from {table['name']}"):
                for value in row.values():
                    rows.append(
                        value.hex().encode() + b"|" + value if isinstance(value, bytes) else str(value).encode()
                    )
    return b"\n".join(rows)


def keeper_of(town: Town) -> Keeper:
    outlet = PostgresOutlet({OBSERVATIONS: 1, CHANGES: 1})
    teller = Teller(town.gate, town.clock)
    return Keeper(town.database.system, town.veil, SETTINGS, teller, EntityWriter(outlet), town.clock)
