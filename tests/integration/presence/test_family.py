"""A family's routes on the real gateway: by session alone, each its own tags, every look in the register."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from access.defaults import SCOPES
from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.keys import open_keys
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS
from services.presence.keying import key_all, row_of
from services.presence.personal import TagsHolding
from services.presence.places import circle
from services.presence.role import run
from services.presence.rules import Rule
from services.presence.searching import SearchDesk
from services.presence.store import TAG
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import SETTINGS, City
from tests.integration.presence.conftest import FAMILY, NAME, NOW, POLES, UUID, Town
from tests.integration.presence.conftest import SETTINGS as TAGS

CODE = f"iBeacon:{UUID.upper()}:10:8"


@pytest.fixture
async def city(town: Town) -> AsyncIterator[City]:
    partitions = {CHANGES: 1}
    log = PostgresLog(town.database.system, partitions=partitions)
    keys = await open_keys(town.database.app, "fukui")
    outlet = PostgresOutlet(partitions)
    searches = SearchDesk(town.desk, town.veil, town.clock)
    holdings = [TagsHolding(town.desk)]
    services = Gateway(
        *(town.database.app, log, outlet, keys, SETTINGS),
        tags=town.desk,
        searches=searches,
        holdings=holdings,
    )
    yield City(create_app(services), services, log, town.database)
    await log.close()


async def test_a_family_registers_watches_and_ends_a_tag(city: City, town: Town) -> None:
    async with city.client() as client, city.client() as other:
        me, stranger = Browser(city, client), Browser(city, other)
        assert (await me.get("/account/tags")).status_code == 401
        wearer = await me.sign_up("elder@example.jp")
        await me.log_in("elder@example.jp")
        assert (await me.get("/account/tags")).json() == {"tags": []}
        given = (await me.get("/account/tags/resolver")).json()
        assert (len(given["publicKey"]), given["leastExponent"]) == (64, 7)
        refused = await me.post("/account/tags", {"person": wearer, "code": "ibeacon:x", "name": "祖父"})
        assert (refused.status_code, refused.json()["field"]) == (400, "code")
        made = await me.post("/account/tags", {"person": wearer, "code": CODE, "name": "祖父"})
        assert made.status_code == 201, made.text
        tag = made.json()["id"]
        path = f"/account/tags/{tag}"

        outline = circle(POLES["home-1"], 80)
        place = (await me.post(f"{path}/places", {"name": "自宅", "polygon": outline})).json()["id"]
        rules = {"rules": [{"id": "a", "kind": "outside", "place": place}]}
        headers = {"X-CSRF-Token": me.csrf}
        assert (await client.put(f"{path}/rules", json=rules, headers=headers)).status_code == 204
        wrong = await client.put(f"{path}/rules", json={"rules": [{"id": "a", "kind": "enter"}]}, headers=headers)
        assert (wrong.status_code, wrong.json()["field"]) == (400, "rules[0].place")
        assert (await me.get(f"{path}/settings")).json()["rules"][0]["kind"] == "outside"

        town.now = NOW
        await town.tell([town.heard("home-1", NOW - timedelta(seconds=30), minor=8)])
        seen = (await me.get(path)).json()
        assert (seen["name"], seen["status"], seen["places"]) == ("祖父", "at-place", [{"id": place, "name": "自宅"}])
        assert CODE.lower() not in str(seen).lower()
        day = (await me.get(f"{path}/history", params={"day": "2026-11-24"})).json()
        assert [event["kind"] for event in day["events"]] == ["enter"]

        await stranger.sign_up("stranger@example.jp")
        await stranger.log_in("stranger@example.jp")
        assert (await stranger.get(path)).status_code == 403
        assert (await stranger.get(f"{path}/settings")).status_code == 404
        assert (await stranger.get("/account/tags", params={"person": wearer})).status_code == 404
        looks = (await me.get("/account/personal/disclosures", params={"own": True})).json()["disclosures"]
        assert {(look["allowed"], look["category"]) for look in looks} == {(True, "location"), (False, "location")}

        carried = (await me.get("/account/personal/export")).json()
        (held,) = (one for one in carried["services"] if one["service"] == "presence")
        assert held["records"][0]["places"][0]["name"] == "自宅"
        assert [event["kind"] for day in held["records"][0]["days"] for event in day["events"]] == ["enter"]
        assert CODE.lower() not in str(carried).lower()
        assert (await client.delete(path, headers=headers)).status_code == 204
        assert (await me.get(path)).status_code == 404


async def test_a_grown_wearer_lets_a_relative_see_and_be_told_until_they_take_it_back(city: City, town: Town) -> None:
    async with city.client() as client, city.client() as other:
        elder, daughter = Browser(city, client), Browser(city, other)
        wearer = await elder.sign_up("elder@example.jp")
        await elder.log_in("elder@example.jp")
        relative = await daughter.sign_up("daughter@example.jp")
        await daughter.log_in("daughter@example.jp")
        assert (await daughter.post("/account/ways/mail", {"matters": ["tags"]})).status_code == 201
        tag = (await elder.post("/account/tags", {"person": wearer, "code": CODE, "name": "わたし"})).json()["id"]
        path = f"/account/tags/{tag}"
        place = {"name": "自宅", "polygon": circle(POLES["home-1"], 80)}
        home = (await elder.post(f"{path}/places", place)).json()["id"]
        rules = {"rules": [{"id": "a", "kind": "enter", "place": home}]}
        assert (await client.put(f"{path}/rules", json=rules, headers={"X-CSRF-Token": elder.csrf})).status_code == 204
        assert (await daughter.get("/account/tags/shared")).json() == {"tags": []}
        assert (await daughter.get(path)).status_code == 403

        until = (NOW + timedelta(days=30)).isoformat()
        wish = {"recipient": relative, "category": "location", "purpose": "family-watch", "until": until}
        given = (await elder.post("/account/personal/consents", wish)).json()["id"]
        assert [one["id"] for one in (await daughter.get("/account/tags/shared")).json()["tags"]] == [tag]
        town.now = NOW
        await town.tell([town.heard("home-1", NOW, minor=8)])
        seen = (await daughter.get(path)).json()
        assert (seen["status"], seen["places"][0]["name"]) == ("at-place", "自宅")
        assert (await daughter.get(f"{path}/settings")).status_code == 404, "places and rules stay the wearer's"
        assert (await daughter.post(f"{path}/places", place)).status_code == 404
        assert await told(town) == ["daughter@example.jp"]

        assert (await elder.post(f"/account/personal/consents/{given}/withdrawal", {})).status_code == 200
        assert (await daughter.get("/account/tags/shared")).json() == {"tags": []}
        assert (await daughter.get(path)).status_code == 403
        for minute, pole in ((20, "far-1"), (45, "home-1")):
            town.now = NOW + timedelta(minutes=minute)
            await town.tell([town.heard(pole, town.now, minor=8)])
        assert await told(town) == ["daughter@example.jp"]


async def test_erasing_a_person_leaves_nothing_of_their_tags(town: Town) -> None:
    """`TagsHolding.erase` alone: every table that names the tag, whatever is added to them later."""
    await town.tell([town.heard("home-1", NOW - timedelta(minutes=2)), town.heard("gate-1", NOW)])
    holding, now = TagsHolding(town.desk), town.clock()
    columns = "select table_name as name from information_schema.columns where column_name = 'tag_id'"
    async with town.database.system.transaction() as tx:
        tables = sorted(row["name"] for row in await tx.fetch(f"{columns} and table_schema = 'public'"))
    assert {"tag_cell", "tag_event", "tag_place", "tag_presence", "tag_search"} <= set(tables)

    async def kept() -> dict[str, int]:
        async with town.database.system.transaction() as tx:
            row = row_of(town.veil, "fukui", town.tag)
            found = {"tag": await tx.fetchval("select count(*) from tag where id = $1", row)}
            for name in tables:
                found[name] = await tx.fetchval(f"select count(*) from {name} where tag_id = $1", row)
        return {name: count for name, count in found.items() if count}

    assert {"tag", "tag_alias", "tag_cell", "tag_place", "tag_presence"} <= (await kept()).keys()
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.mother", now)).erased == 0, "she wears none"
    assert await kept()
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.child", now)).erased == 1
        assert await holding.export(tx, "fukui", "fukui.child") == []
    assert await kept() == {}
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.child", now)).erased == 0


async def cells_by_text(town: Town, *known: str) -> list[str]:
    """The tables in which a movement or an event stands in a row with any of these texts, however it is stored."""
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch(
            "select table_name as name from information_schema.tables where table_schema = 'public'"
            " and table_type = 'BASE TABLE' order by 1"
        )
        found = []
        for name in (row["name"] for row in rows):
            for one in await tx.fetch(f"select t::text as line from {name} t"):
                if any(text in one["line"] for text in known):
                    found.append(name)
    return sorted(set(found))


async def test_a_copy_of_the_database_ties_nobody_to_a_movement(town: Town) -> None:
    """No table that says where a tag was has anything in common with those that know a person."""
    await town.tell([town.heard("home-1", NOW - timedelta(minutes=2)), town.heard("gate-1", NOW)])
    assert (await town.presence())["status"] == "at-place"
    async with town.database.app.transaction("fukui") as tx:
        await SearchDesk(town.desk, town.veil, town.clock).report(tx, FAMILY, town.tag, "赤い帽子")
    named = await cells_by_text(town, "fukui.child", "fukui.mother", town.tag)
    assert {"person_link", "disclosure", "person"} <= set(named)
    movements = await cells_by_text(town, row_of(town.veil, "fukui", town.tag))
    assert {"tag", "tag_presence", "tag_event", "tag_day", "tag_search"} <= set(movements)
    assert not set(named) & set(movements)
    async with town.database.system.transaction() as tx:
        linked = await tx.fetchval("select linked_at from person_link where service = 'presence'")
        assert await tx.fetchval("select count(*) from tag where registered_at = $1", linked) == 0


async def start_until_keyed(town: Town) -> None:
    """The role as it starts with a newer program."""
    partitions, stop = {OBSERVATIONS: 1, CHANGES: 1}, asyncio.Event()
    log, system = PostgresLog(town.database.system, partitions=partitions), town.database.system
    task = asyncio.create_task(run(log, system, PostgresOutlet(partitions), town.veil, TAGS, stop, town.clock))
    for _ in range(3000):
        async with system.transaction() as tx:
            if await tx.fetchval("select count(*) from tag where not keyed") == 0:
                break
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.wait_for(task, 60)
    await log.close()


async def test_rows_from_before_are_given_their_names(town: Town) -> None:
    """A tag whose rows bear its handle, as they did before: nothing of it is lost, and nothing is done twice."""
    await town.tell([town.heard("home-1", NOW - timedelta(minutes=2)), town.heard("gate-1", NOW)])
    async with town.database.app.transaction("fukui") as tx:
        await town.desk.set_rules(tx, FAMILY, town.tag, [Rule(id="a", kind="battery-low")])
        await SearchDesk(town.desk, town.veil, town.clock).report(tx, FAMILY, town.tag, "赤い帽子")
    seen, day, row = await town.presence(), await town.history(), row_of(town.veil, "fukui", town.tag)
    async with town.database.system.transaction() as tx:
        city, sealed = await tx.fetchval("select tenant_id from tag"), await tx.fetchval("select sealed from tag")
        wearer = msgspec.json.decode(town.veil.open("fukui", TAG, sealed))
        del wearer["handle"]
        old = town.veil.seal("fukui", TAG, msgspec.json.encode(wearer))
        await tx.execute("update tag set id = $1, sealed = $2, keyed = false", town.tag, old)
        for table in ("tag_search", "tag_cell"):
            await tx.execute(f"update {table} set tag_id = $1", town.tag)
        await tx.execute("update tag_rule set id = $1 || '.a'", town.tag)
        assert await tx.fetchval("select count(*) from tag_presence where tag_id = $1", town.tag) == 1
        assert city is not None
    await start_until_keyed(town)
    assert await key_all(town.database.system, town.veil) == 0
    assert (await town.presence(), await town.history()) == (seen, day)
    assert not set(await cells_by_text(town, town.tag)) & {"tag", "tag_presence", "tag_event", "tag_rule", "tag_search"}
    async with town.database.app.transaction("fukui") as tx:
        kept = await town.desk.settings(tx, FAMILY, town.tag)
        assert [rule["id"] for rule in kept["rules"]] == ["a"]
        shown = await SearchDesk(town.desk, town.veil, town.clock).shown(tx, FAMILY, town.tag)
        assert shown is not None
        assert shown["words"] == "赤い帽子"
        assert (await TagsHolding(town.desk).erase(tx, "fukui", "fukui.child", town.clock())).erased == 1
    assert await cells_by_text(town, row) == []


async def told(town: Town) -> list[str]:
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch(
            "select s.target from delivery d join subscriber s on s.id = d.subscriber_id order by d.id"
        )
    return [row["target"] for row in rows]


async def test_no_list_of_the_api_names_a_tag_or_who_wears_it(city: City, town: Town) -> None:
    """Every list that there is, with every scope, after good and broken messages of the tag."""
    await town.keep([town.heard("gate-1", NOW - timedelta(seconds=30)), *town.broken()])
    headers = {"Authorization": f"Bearer {await city.token(*SCOPES)}"}
    async with city.client() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        lists = [path for path, does in paths.items() if "get" in does and "{" not in path and "/events" not in path]
        types = ("Device", "DeviceMeasurement", "CrowdFlowObserved", "Person")
        lists += [f"/ngsi-ld/v1/{kind}entities?type={type}" for kind in ("", "temporal/") for type in types]
        answers = {path: await client.get(path, headers=headers) for path in lists}
    assert sum(answer.status_code == 200 for answer in answers.values()) > 10
    assert any("gate-1" in answer.text and "not-json" in answer.text.lower() for answer in answers.values())
    for path, answer in answers.items():
        for planted in (UUID, NAME, "第一小学校"):
            assert planted not in answer.text.lower(), path
            assert planted.encode().hex() not in answer.text.lower(), path
