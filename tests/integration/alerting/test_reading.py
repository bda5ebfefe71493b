"""What the map shows is what was decided, and a tenant sees only its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import etree

from broker.errors import Invalid
from services.alerting.reading import FloodReading, StoredRules, city_now
from services.alerting.rulebook import load_rules
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import EBA, START, Flood

HARA = "urn:ngsi-ld:WaterObserved:180009:125"
READING = FloodReading(public_url="https://city.example")


@pytest.fixture
async def flood(database: CityDatabase) -> Flood:
    flood = Flood(database)
    await flood.gauge()
    await flood.gauge(HARA, stages={}, name="別")
    return flood


async def test_the_list_of_gauges(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 1.2), (10, 1.45), (20, 1.47))
    async with database.app.transaction("fukui") as tx:
        eba, hara = await READING.gauges(tx)
    assert (eba["id"], eba["stationId"], eba["name"], eba["river"]) == (EBA, "124", "江波", "天王川")
    assert eba["thresholds"] == {"standby": 1.0, "caution": 1.4, "evacuation": None, "danger": 2.0}
    assert (eba["level"], eba["stage"], eba["trend"], eba["quality"]) == (1.47, "caution", "rising", "good")
    assert (eba["observedAt"], eba["status"], eba["suspectStage"]) == ("2024-07-01T00:20:00Z", "provisional", None)
    assert (hara["level"], hara["stage"], hara["quality"]) == (None, "unknown", "missing")


async def test_a_silent_gauge_and_a_suspect_one(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 0.5), (10, 9.0))
    async with database.app.transaction("fukui") as tx:
        eba, _ = await READING.gauges(tx)
    assert (eba["stage"], eba["quality"], eba["suspectStage"]) == ("below", "suspect", "danger")
    flood.now = START + timedelta(hours=2)
    await flood.watch.look()
    async with database.app.transaction("fukui") as tx:
        eba, _ = await READING.gauges(tx)
    assert (eba["stage"], eba["quality"], eba["suspectStage"]) == ("unknown", "missing", None)


async def test_a_hydrograph_shows_the_latest_version_and_its_quality(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 0.5), (10, 9.0), (20, 0.6), (20, 0.62))
    async with database.app.transaction("fukui") as tx:
        graph = await READING.hydrograph(tx, EBA, START, START + timedelta(minutes=21))
        nothing = await READING.hydrograph(tx, "urn:ngsi-ld:WaterObserved:0:0", START, START + timedelta(days=1))
    assert nothing is None
    assert graph is not None
    assert [(p["level"], p["quality"], p["version"]) for p in graph["points"]] == [
        (0.5, "good", 0),
        (9.0, "bad", 0),
        (0.62, "good", 1),
    ]
    assert graph["points"][1]["reasons"] == ["spike"]
    assert graph["thresholds"]["danger"] == 2.0


async def test_alerts_cap_and_feed(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 0.5), (10, 2.1), (20, 1.8), (30, 0.5), (70, 0.5), (110, 0.5))
    async with database.app.transaction("fukui") as tx:
        assert await READING.alerts(tx, True) == []
        (alert,) = await READING.alerts(tx, False)
        feed = etree.fromstring(await READING.feed(tx))
        assert await READING.cap(tx, "nothing") is None
        links = feed.xpath("//*[local-name()='link' and @rel='alternate']/@href")
        documents = [await READING.cap(tx, link.rsplit("/", 1)[-1].removesuffix(".xml")) for link in links]
    assert (alert["status"], alert["endedBy"], alert["severity"]) == ("actual", "clear", "informational")
    assert alert["issuedAt"] == "2024-07-01T00:10:05Z"
    assert all(link.startswith("https://city.example/cap/180009-124-1-actual-") for link in links)
    kinds = [etree.fromstring(document).findtext("{*}msgType") for document in documents if document]
    assert kinds == ["Update", "Update", "Alert"]
    last = etree.fromstring(documents[0] or b"")
    assert last.findtext("{*}info/{*}responseType") == "AllClear"


async def test_a_neighbour_sees_nothing_of_it(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 0.5), (10, 2.1))
    async with database.app.transaction("neighbour") as tx:
        assert await READING.gauges(tx) == []
        assert await READING.alerts(tx, False) == []
        assert await READING.hydrograph(tx, EBA, START, START + timedelta(days=1)) is None
        assert await READING.cap(tx, "180009-124-1-actual-1") is None
        assert b"<entry" not in await READING.feed(tx)


async def test_every_decision_can_be_explained(flood: Flood, database: CityDatabase) -> None:
    await flood.feed((0, 0.5), (10, 2.1))
    async with database.app.transaction("fukui") as tx:
        raised, first = await READING.decisions(tx, EBA, START, START + timedelta(days=1))
    assert (first["kind"], raised["kind"], raised["after"], raised["why"]) == (
        "first",
        "raise",
        "danger",
        "danger-at-once",
    )
    assert raised["inputs"]["level"] == 2.1


async def test_rules_are_replaced_through_the_application_role(flood: Flood, database: CityDatabase) -> None:
    rules = StoredRules(load_rules("name: 初期"))
    async with database.app.transaction("fukui") as tx:
        assert (await rules.current(tx))["document"] == {"name": "初期"}
        stored = await rules.replace(tx, "fukui", {"lower": {"margin_m": 0.2}}, "client-1")
        assert stored["number"] == 1
        assert (await rules.current(tx))["effective"]["lower"] == {"margin_m": 0.2, "dwell_min": 30.0}
        with pytest.raises(Invalid) as caught:
            await rules.replace(tx, "fukui", {"lower": {"margin": 0.2}}, "client-1")
    assert caught.value.field == "lower.margin"
    async with database.app.transaction("neighbour") as tx:
        assert (await rules.current(tx))["document"] == {"name": "初期"}


async def test_the_clock_of_a_replay(database: CityDatabase) -> None:
    flood = Flood(database, clock="data")
    await flood.gauge()
    async with database.app.transaction("fukui") as tx:
        assert await city_now(tx) is None
    await flood.feed((0, 0.5), (30, 0.5), (20, 0.5))
    async with database.app.transaction("fukui") as tx:
        assert await city_now(tx) == START + timedelta(minutes=30)
    await flood.gauge(HARA, name="別")
    await flood.feed((40, 0.5), (2 * 1440, 0.5), (2 * 1440 + 10, 0.5), entity_id=HARA)
    await flood.feed((50, 0.5))
    async with database.app.transaction("fukui") as tx:
        assert await city_now(tx) == START + timedelta(minutes=50), (
            "one gauge two days ahead does not take the city along"
        )
