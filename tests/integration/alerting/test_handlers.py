"""Readings become decisions, entities, alerts and deliveries in one transaction, whatever is repeated or fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.delivery.notice import Filter
from broker.delivery.queue import subscribe
from broker.errors import Conflict
from broker.ports import Record
from schemas.river import Mode
from services.alerting.rulebook import load_rules
from services.alerting.store import store_rules
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import EBA, START, Flood

MONITORING = "urn:ngsi-ld:FloodMonitoring:180009:124"
ALERT = "urn:ngsi-ld:Alert:180009:124:1"
HARA = "urn:ngsi-ld:WaterObserved:180009:125"


@pytest.fixture
async def flood(database: CityDatabase) -> Flood:
    flood = Flood(database)
    await flood.gauge()
    return flood


async def test_the_morning_of_1_july_2024(flood: Flood) -> None:
    """江波: 0.65 m at 06:20, 1.67 m at 07:20, 2.03 m at 08:20."""
    await flood.feed((0, 0.65), (60, 1.67))
    entity = await flood.entity(MONITORING)
    assert entity is not None
    assert entity["stage"]["value"] == "caution"
    assert entity["trend"]["value"] == "rising"
    assert entity["alertLevel"] == {"type": "Property", "value": 1.4, "unitCode": "MTR"}
    assert "evacuationLevel" not in entity
    assert entity["refWaterObserved"] == {"type": "Relationship", "object": EBA}
    await flood.feed((120, 2.03))
    alert = await flood.entity(ALERT)
    assert alert is not None
    assert (alert["category"]["value"], alert["subCategory"]["value"]) == ("naturalDisaster", "flood")
    assert (alert["stage"]["value"], alert["severity"]["value"]) == ("danger", "critical")
    decided = await flood.rows("select kind, stage_after, why, rules, inputs::text as inputs from decision order by id")
    assert [(r["kind"], r["stage_after"], r["why"]) for r in decided] == [
        ("first", "below", "first-reading"),
        ("raise", "caution", "long-interval"),
        ("raise", "danger", "danger-at-once"),
    ]
    assert decided[2]["rules"].startswith("0-")
    assert "2.03" in decided[2]["inputs"]


async def test_an_uneventful_reading_writes_no_entity(flood: Flood) -> None:
    await flood.feed((0, 0.5), (10, 0.5))
    flood.announced()
    await flood.feed((20, 0.5), (30, 0.51))
    assert flood.announced() == []


async def test_a_gauge_without_stages(flood: Flood) -> None:
    await flood.gauge(HARA, stages={}, name="無し")
    await flood.feed((0, 99.0), entity_id=HARA)
    entity = await flood.entity("urn:ngsi-ld:FloodMonitoring:180009:125")
    assert entity is not None
    assert (entity["stage"]["value"], entity["floodLevelStatus"]["value"]) == ("none", "No threshold")
    assert await flood.rows("select * from alert") == []


async def test_an_alert_goes_up_and_down_and_is_cleared(flood: Flood) -> None:
    await flood.feed((0, 0.5), (60, 1.5), (70, 2.1), (80, 1.8), (90, 1.7), (120, 1.6))
    await flood.feed((130, 1.2), (140, 1.2), (170, 0.5), (200, 0.5), (240, 0.5))
    messages = await flood.rows("select kind, headline from alert_message order by number")
    assert [row["kind"] for row in messages] == ["alert", "update", "update", "clear"]
    assert messages[0]["headline"] == "天王川（江波） 氾濫注意水位に到達"
    (alert,) = await flood.rows("select * from alert")
    assert (alert["ended_by"], alert["highest"]) == ("clear", 4)
    entity = await flood.entity(ALERT)
    assert entity is not None
    assert "validTo" in entity
    await flood.feed((300, 1.5))
    assert await flood.entity("urn:ngsi-ld:Alert:180009:124:2") is not None


async def test_a_correction_retracts_what_it_takes_away(flood: Flood) -> None:
    await flood.feed((0, 0.5), (10, 2.3))
    await flood.feed((10, 0.53))
    kinds = [row["kind"] for row in await flood.rows("select kind from alert_message order by number")]
    assert kinds == ["alert", "cancel"]


async def test_a_whole_flood_in_one_batch_says_all_there_is_to_say(flood: Flood) -> None:
    records = await flood.store((0, 0.5), (10, 2.1), (20, 1.2), (30, 1.0), (50, 0.5), (80, 0.5), (120, 0.5))
    await flood.handle(records)
    kinds = [row["kind"] for row in await flood.rows("select kind from alert_message order by number")]
    assert kinds[0] == "alert"
    assert kinds[-1] == "clear"


async def test_a_suspect_value_goes_to_staff_only(flood: Flood) -> None:
    async with flood.database.transaction() as tx:
        await subscribe(tx, "fukui", channel="mail", target="staff@city.example", wants=Filter(staff=True))
        await subscribe(tx, "fukui", channel="mail", target="someone@city.example")
    await flood.feed((0, 0.5), (10, 9.0))
    assert await flood.rows("select * from alert") == []
    (sent,) = await flood.rows(
        "select target, notice ->> 'kind' as kind from delivery d join subscriber s on s.id = d.subscriber_id"
    )
    assert (sent["target"], sent["kind"]) == ("staff@city.example", "flood.suspect")
    (mark,) = await flood.rows("select quality, reasons from quality_mark")
    assert (mark["quality"], mark["reasons"]) == ("suspect", ["rate"])
    await flood.feed((11, 9.1))
    (alert,) = await flood.rows("select * from alert")
    assert alert["rank"] == 4


async def test_an_exercise_reaches_only_those_who_take_exercises(flood: Flood) -> None:
    async with flood.database.transaction() as tx:
        await subscribe(tx, "fukui", channel="mail", target="actual@city.example")
        await subscribe(tx, "fukui", channel="mail", target="both@city.example", wants=Filter(modes=tuple(Mode)))
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await store_rules(tx, tenant, load_rules("mode: exercise"), by="test")
    await flood.feed((0, 2.5))
    (sent,) = await flood.rows(
        "select target, notice ->> 'subject' as subject from delivery d join subscriber s on s.id = d.subscriber_id"
    )
    assert sent["target"] == "both@city.example"
    assert sent["subject"].startswith("【訓練】")
    entity = await flood.entity("urn:ngsi-ld:Alert:180009:124:exercise:1")
    assert entity is not None
    assert entity["status"]["value"] == "exercise"


async def test_new_rules_hold_from_the_next_reading_and_stand_in_the_decision(flood: Flood) -> None:
    await flood.feed((0, 0.5))
    async with flood.database.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        book = load_rules("gauges: {124: {stages: {danger: 0.6}}}")
        first = await store_rules(tx, tenant, book, by="test")
        again = await store_rules(tx, tenant, book, by="test")
        assert first.number == again.number == 1
    await flood.feed((10, 0.65))
    (row,) = await flood.rows("select rules, stage_after from decision where kind = 'raise'")
    assert (row["rules"], row["stage_after"]) == (first.version, "danger")


async def test_new_rules_are_shown_with_the_next_reading_though_nothing_else_changes(flood: Flood) -> None:
    await flood.feed((0, 0.5), (10, 0.5), (20, 0.5))
    async with flood.database.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        stored = await store_rules(tx, tenant, load_rules("gauges: {124: {stages: {danger: 3.0}}}"), by="test")
    await flood.feed((30, 0.5))
    entity = await flood.entity(MONITORING)
    assert entity is not None
    assert (entity["dangerLevel"]["value"], entity["rulesVersion"]["value"]) == (3.0, stored.version)
    assert "alertLevel" not in entity
    flood.announced()
    await flood.feed((40, 0.5))
    assert flood.announced() == []


async def test_a_restarted_process_goes_on_where_the_database_stands(flood: Flood) -> None:
    flood.handler = flood.another_handler()
    await flood.feed((0, 1.1), (10, 1.41))
    flood.handler = flood.another_handler()
    await flood.feed((20, 1.42))
    (row,) = await flood.rows("select rank from gauge_state")
    assert row["rank"] == 2


async def test_readings_between_checkpoints_are_found_in_history_after_a_restart(database: CityDatabase) -> None:
    flood = Flood(database, checkpoint_s=86400.0)
    await flood.gauge()
    await flood.feed((0, 1.2), (10, 1.2), (20, 1.2), (30, 1.38))
    (before,) = await flood.rows("select observed_at from gauge_state")
    await flood.feed((40, 1.39))
    flood.handler = flood.another_handler()
    await flood.feed((50, 1.405), (60, 1.405))
    (row,) = await flood.rows("select rank, jsonb_array_length(state -> 1) as kept from gauge_state")
    assert before["observed_at"] < START + timedelta(minutes=40)
    assert (row["rank"], row["kept"]) == (2, 7)


async def test_a_failed_transaction_leaves_nothing_in_memory(flood: Flood) -> None:
    await flood.feed((0, 0.5))
    records = await flood.store((10, 2.2))
    with pytest.raises(RuntimeError, match="power"):
        await _fail(flood, records)
    assert await flood.rows("select * from alert") == []
    await flood.handle(records)
    assert len(await flood.rows("select * from alert")) == 1
    assert len(await flood.rows("select * from decision where kind = 'raise'")) == 1


async def _fail(flood: Flood, records: list[Record]) -> None:
    async with flood.database.transaction() as tx:
        await flood.handler.handle(tx, records)
        raise RuntimeError("the power fails here")


async def test_two_processes_never_overwrite_each_other(flood: Flood) -> None:
    await flood.feed((0, 0.5))
    other = flood.another_handler()
    records = await flood.store((10, 2.2))
    async with flood.database.transaction() as tx:
        await other.handle(tx, records)
    later = await flood.store((20, 0.9))
    shifted = [record._replace(offset=records[-1].offset) for record in later]
    with pytest.raises(Conflict):
        await flood.handle(shifted)
    await flood.handle(later)
    (row,) = await flood.rows("select rank from gauge_state")
    assert row["rank"] == 4


async def test_a_neighbour_on_the_same_river_promotes_at_once(flood: Flood) -> None:
    await flood.gauge(HARA, name="上流")
    await flood.feed((0, 0.5), (10, 0.8), (20, 1.2), entity_id=HARA)
    await flood.feed((0, 0.5), (20, 9.0))
    (row,) = await flood.rows("select rank, quality, reasons from gauge_state where entity_id = $1", EBA)
    assert (row["rank"], row["reasons"]) == (4, ["neighbour-agrees"])


async def test_a_neighbour_that_rises_afterwards_promotes_a_waiting_doubt(flood: Flood) -> None:
    await flood.gauge(HARA, name="上流")
    await flood.feed((0, 0.5), entity_id=HARA)
    await flood.feed((0, 0.5), (20, 9.0))
    assert await flood.rows("select * from alert") == []
    await flood.feed((21, 2.4), entity_id=HARA)
    gauges = await flood.rows("select entity_id, rank from gauge_state order by entity_id")
    assert [row["rank"] for row in gauges] == [4, 4]
    assert len(await flood.rows("select * from alert")) == 2


async def test_what_is_no_level_is_passed_over(flood: Flood) -> None:
    records = await flood.store((0, 0.5))
    broken = records[0]._replace(value=b"{not json", offset=records[0].offset + 1)
    text = records[0]._replace(
        value=records[0].value.replace(b'"value":0.5', b'"value":"high"'), offset=records[0].offset + 2
    )
    await flood.handle([*records, broken, text])
    (row,) = await flood.rows("select level from gauge_state")
    assert row["level"] == 0.5


async def test_tenants_are_apart(flood: Flood) -> None:
    await flood.gauge(tenant="neighbour")
    await flood.feed((0, 2.5), tenant="neighbour")
    rows = await flood.rows("select t.name from alert a join tenant t on t.id = a.tenant_id")
    assert [row["name"] for row in rows] == ["neighbour"]


async def test_a_silent_gauge_is_unknown_and_its_alert_stays(flood: Flood) -> None:
    await flood.feed((0, 2.5))
    flood.now = START + timedelta(minutes=39)
    assert await flood.watch.look() == 0
    flood.now = START + timedelta(minutes=41)
    assert await flood.watch.look() == 1
    assert await flood.watch.look() == 0
    entity = await flood.entity(MONITORING)
    assert entity is not None
    assert (entity["stage"]["value"], entity["quality"]["value"]) == ("unknown", "missing")
    (alert,) = await flood.rows("select ended_at from alert")
    assert alert["ended_at"] is None
    await flood.feed((35, 2.4))
    entity = await flood.entity(MONITORING)
    assert entity is not None
    assert entity["stage"]["value"] == "danger"
    kinds = [row["kind"] for row in await flood.rows("select kind from decision order by id")]
    assert kinds == ["raise", "silent", "returned"]


async def test_a_replayed_flood_is_judged_by_its_own_clock(database: CityDatabase) -> None:
    flood = Flood(database, clock="data", mode="exercise")
    await flood.gauge()
    await flood.gauge(HARA, name="別")
    await flood.feed((0, 0.5))
    await flood.feed((0, 0.5), (30, 0.5), entity_id=HARA)
    flood.now = START + timedelta(days=700)
    assert await flood.watch.look() == 0
    await flood.feed((60, 0.5), entity_id=HARA)
    assert await flood.watch.look() == 1
    (row,) = await flood.rows("select entity_id from gauge_state where silent_since is not null")
    assert row["entity_id"] == EBA
