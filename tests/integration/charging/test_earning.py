"""Charging at midday earns points: from the card of a person who linked it, over the log, to their account."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from broker.consent.register import add_person, link
from broker.log.postgres import PostgresLog
from broker.ports import CHANGES, Record
from broker.store.positions import PostgresPositions
from services.charging.personal import CardsHolding
from services.charging.posting import SERVICE as CHARGING
from services.charging.posting import fingerprint
from services.points.hearing import MIDDAY_CHARGING, Ears
from services.points.personal import SERVICE as POINTS
from services.points.town import Town
from tests.integration.charging.conftest import Central
from tests.integration.points.conftest import RULES, Scene, scene

__all__ = ["scene"]
PERSON = "fukui.hanako"
CAMPAIGN = {
    "id": "hiruma",
    "title": "昼間の充電",
    "rule": {"type": "participation", "event": MIDDAY_CHARGING, "points": 50},
    "start": "2026-04-01",
    "end": "2027-03-31",
}


async def test_charging_at_midday_earns_points_once(central: Central, scene: Scene) -> None:
    await scene.town.put_rules("fukui", {"campaigns": [*RULES["campaigns"], CAMPAIGN]}, "staff")
    await scene.town.fund("fukui", "hiruma", "campaign/hiruma", 1000)
    await central.allow("CARD-1", "CARD-2")
    async with scene.database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", PERSON, scene.now)
        await link(tx, "fukui", PERSON, POINTS, "resident/a", "staff", scene.now)
        await link(tx, "fukui", PERSON, CHARGING, fingerprint("fukui", "CARD-1"), "staff", scene.now)
    for name, card, at in (
        ("EV-1", "CARD-1", scene.now),  # noon in Japan
        ("EV-2", "CARD-1", scene.now + timedelta(hours=9)),  # in the evening
        ("EV-3", "CARD-2", scene.now),  # nobody's card
    ):
        station = await central.station(name, "2.0.1", clock=lambda at=at: at)
        await station.start(card)
        station.charge(timedelta(hours=1), 6000)
        await station.stop(card)
    ears = Ears(Town(scene.database.system, scene.ledger, lambda: scene.now))
    for _ in range(2):
        async with scene.database.system.transaction() as tx:
            await ears.handle(tx, await _changes(central.log, scene))
    assert await scene.balance("resident/a") == 50
    rows = await central.rows(
        "select id, doc #>> '{person,object}' as person from entity where first_type = 'EVChargingSession'"
    )
    named = {row["id"].split(":")[3]: row["person"] for row in rows}
    assert named == {"EV-1": f"urn:ngsi-ld:Person:{PERSON}", "EV-2": f"urn:ngsi-ld:Person:{PERSON}", "EV-3": None}
    await _is_held_and_forgotten(scene)


async def _is_held_and_forgotten(scene: Scene) -> None:
    """What the person may see of it, and what becomes of it when they want it gone."""
    holding = CardsHolding()
    async with scene.database.app.transaction("fukui") as tx:
        [held] = await holding.export(tx, "fukui", PERSON)
        assert [card["card"] for card in held["cards"]] == ["CARD-1"]
        assert {session["station"] for session in held["sessions"]} == {"EV-1", "EV-2"}
        done = await holding.erase(tx, "fukui", PERSON, scene.now)
        assert (done.erased, done.kept) == (3, 0)
        assert await holding.export(tx, "fukui", PERSON) == []
        assert [row["token"] for row in await tx.fetch("select token from charging_token")] == ["CARD-2"]


async def _changes(log: PostgresLog, scene: Scene) -> list[Record]:
    """Everything that the log tells so far."""
    consumer = await log.consumer(CHANGES, "a test", PostgresPositions(scene.database.system))
    found: list[Record] = []
    async with asyncio.timeout(60):
        while batch := await consumer.poll(max_records=100, wait=1.0):
            found += batch
    await consumer.close()
    return found
