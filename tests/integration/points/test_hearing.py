"""Points for what the log tells of: once for each ride, whatever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from broker.consent.register import add_person, link
from broker.consume import Consumption, Subscription
from broker.entities.merge import EntityUpdate
from broker.errors import Conflict, NotFound
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, Record, Transaction
from broker.store.entities import EntityWriter
from broker.store.positions import PostgresPositions
from services.points.earning import Occasion
from services.points.fares import UnpaidFare, collect, settle, unpaid
from services.points.hearing import GROUP, RIDE, Ears
from services.points.personal import SERVICE
from services.points.refusals import Declined
from services.points.town import Town
from tests.integration.points.conftest import RULES, Scene

PARTITIONS = {CHANGES: 2}
CAMPAIGN = {
    "id": "noru",
    "title": "バスでポイント",
    "rule": {"type": "participation", "event": RIDE, "points": 30},
    "start": "2026-04-01",
    "end": "2027-03-31",
}


class Death(BaseException):
    """The process dies here."""


@pytest.fixture
async def log(scene: Scene) -> AsyncIterator[PostgresLog]:
    await scene.town.put_rules("fukui", {"campaigns": [*RULES["campaigns"], CAMPAIGN]}, "staff")
    await scene.town.fund("fukui", "noru", "campaign/noru", 100)
    async with scene.database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", "fukui.hanako", scene.now)
        await link(tx, "fukui", "fukui.hanako", SERVICE, "resident/a", "staff", scene.now)
    log = PostgresLog(scene.database.system, partitions=PARTITIONS)
    yield log
    await log.close()


def buses(scene: Scene) -> Town:
    """The town as the role `points` has it: it sees all cities, and knows where fares go."""
    return Town(scene.database.system, scene.ledger, lambda: scene.now, fare_shop="bus")


async def ride(
    scene: Scene, number: int, person: str | None = "fukui.hanako", *, payment: str = "cash", yen: int = 300
) -> None:
    attributes = {
        "status": {"type": "Property", "value": "completed"},
        "fare": {"type": "Property", "value": yen},
        "payment": {"type": "Property", "value": payment},
    }
    if person is not None:
        attributes["person"] = {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{person}"}
    update = EntityUpdate(f"urn:ngsi-ld:RideBooking:{number}", ("RideBooking",), attributes)
    async with scene.database.app.transaction("fukui") as tx:
        await EntityWriter(PostgresOutlet(PARTITIONS)).write(tx, "fukui", [update], at=scene.now)


async def test_a_fare_is_paid_once_with_points_for_transport_first(scene: Scene, log: PostgresLog) -> None:
    claim = Occasion(
        id="claim/1",
        person=await scene.town.person("fukui", "resident/a"),
        at=scene.now,
        campaign="idou75",
    )
    await scene.town.earn("fukui", claim)
    ears = Ears(buses(scene))
    for number, yen in ((1, 400), (2, 2600), (3, 10)):
        await ride(scene, number, payment="points", yen=yen)
    consumer = await log.consumer(CHANGES, "test", PostgresPositions(scene.database.system))
    async with asyncio.timeout(60):
        records: list[Record] = []
        while len(records) < 3:
            records += await consumer.poll(max_records=10, wait=1.0)
    await consumer.close()
    for _ in range(2):
        async with scene.database.system.transaction() as tx:
            await ears.handle(tx, records)
    # 3,000 for transport and three rewards of 30: the first two fares take the 3,000, the third a reward's 10.
    assert await scene.balance("shop/bus") == 3010
    assert await scene.balance("resident/a") == 80


async def heard(scene: Scene, log: PostgresLog, count: int) -> None:
    """What the log holds, taken twice: as after a crash before the position advanced."""
    consumer = await log.consumer(CHANGES, "test", PostgresPositions(scene.database.system))
    records: list[Record] = []
    async with asyncio.timeout(60):
        while len(records) < count:
            records += await consumer.poll(max_records=10, wait=1.0)
    await consumer.close()
    for _ in range(2):
        async with scene.database.system.transaction() as tx:
            await Ears(buses(scene)).handle(tx, records)


async def listed(scene: Scene, *, ended: bool = False) -> list[UnpaidFare]:
    async with scene.database.app.transaction("fukui") as tx:
        return await unpaid(tx, 10, ended=ended)


RIDE_1 = "urn:ngsi-ld:RideBooking:1"


async def test_a_fare_that_the_balance_does_not_cover_is_listed_until_it_is_collected(
    scene: Scene, log: PostgresLog
) -> None:
    await ride(scene, 1, payment="points", yen=400)
    await ride(scene, 2, "fukui.without-an-account", payment="points")
    await ride(scene, 3, None, payment="points")
    await heard(scene, log, 3)
    assert await scene.balance("shop/bus") == 0
    assert await scene.balance("resident/a") == 30
    assert {(one.ride[-1], one.account, one.yen) for one in await listed(scene)} == {
        ("1", "resident/a", 400),
        ("2", None, 300),
        ("3", None, 300),
    }
    town = buses(scene)
    for _ in range(2):
        with pytest.raises(Declined, match="残高が足りません"):
            await collect(town, "fukui", RIDE_1, "fukui.treasurer")
    with pytest.raises(Declined, match="口座が分かりません"):
        await collect(town, "fukui", "urn:ngsi-ld:RideBooking:3", "fukui.treasurer")
    await scene.town.sell("fukui", "s", "resident/a", 1000, 0, scene.now + timedelta(days=90), "premium")
    asked = [collect(town, "fukui", RIDE_1, "fukui.treasurer") for _ in range(8)]
    await asyncio.gather(*asked)
    assert (await scene.balance("shop/bus"), await scene.balance("resident/a")) == (400, 630)
    for _ in range(2):
        await settle(town, "fukui", "urn:ngsi-ld:RideBooking:2", "cash", "fukui.treasurer", "")
    with pytest.raises(Conflict, match="collected already"):
        await settle(town, "fukui", RIDE_1, "cash", "fukui.treasurer", "")
    with pytest.raises(Conflict, match="collected already"):
        await collect(town, "fukui", "urn:ngsi-ld:RideBooking:2", "fukui.treasurer")
    with pytest.raises(NotFound):
        await settle(town, "fukui", "urn:ngsi-ld:RideBooking:9", "cash", "fukui.treasurer", "")
    assert [one.ride[-1] for one in await listed(scene)] == ["3"]
    assert {(one.ride[-1], one.how) for one in await listed(scene, ended=True)} == {("1", "points"), ("2", "cash")}


async def test_a_fare_that_is_being_taken_is_not_collected_twice(scene: Scene, log: PostgresLog) -> None:
    await ride(scene, 1, payment="points", yen=400)
    await heard(scene, log, 1)
    async with scene.database.app.transaction("fukui") as tx:  # whoever took it died in between
        await tx.execute("update points_unpaid_fare set how = 'points', by = 'fukui.treasurer'")
    with pytest.raises(Conflict, match="being taken in points"):
        await settle(buses(scene), "fukui", RIDE_1, "cash", "fukui.treasurer", "")
    await scene.town.sell("fukui", "s", "resident/a", 1000, 0, scene.now + timedelta(days=90), "premium")
    for _ in range(2):
        await collect(buses(scene), "fukui", RIDE_1, "fukui.treasurer")
    assert await scene.balance("shop/bus") == 400


async def until(condition: object, run: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # type: ignore[operator]
            assert not run.done(), run
            await asyncio.sleep(0.02)


async def test_each_ride_earns_once_whatever_dies(scene: Scene, log: PostgresLog) -> None:
    ears = Ears(buses(scene))
    deaths = 0

    async def dies_twice(tx: Transaction, records: Sequence[Record]) -> None:
        nonlocal deaths
        await ears.handle(tx, records)
        if deaths < 2:
            deaths += 1
            raise Death

    await ride(scene, 1)
    await ride(scene, 2, "fukui.without-an-account")
    for _ in range(2):
        with contextlib.suppress(Death):
            await Consumption(log, scene.database.system, Subscription(CHANGES, GROUP), dies_twice).run(asyncio.Event())
    assert deaths == 2
    stop = asyncio.Event()
    again = Consumption(log, scene.database.system, Subscription(CHANGES, GROUP), dies_twice)
    running = asyncio.create_task(again.run(stop))
    for number in (1, 3, 4, 5, 6):
        await ride(scene, number + 10 if number > 1 else 1)
    await until(lambda: _has(scene, 90), running)
    await ride(scene, 20)
    stop.set()
    await running
    # The fund held 100: three rides at 30, and no award is cut in two.
    assert await scene.balance("resident/a") == 90
    assert await scene.balance("campaign/noru") == 10


async def _has(scene: Scene, points: int) -> bool:
    return await scene.balance("resident/a") == points
