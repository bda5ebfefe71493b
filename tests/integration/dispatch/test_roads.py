"""Closed roads against a real PostgreSQL: buses go around them, and who cannot be served as promised is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.errors import Conflict, Invalid, NotFound
from schemas.river import Stage
from services.dispatch import store
from services.dispatch.crew import Crew
from services.dispatch.people import Rider
from services.dispatch.roads import Road
from services.dispatch.service import BusService
from services.dispatch.values import Ask, Booking, BookingState, ClosureRule
from services.dispatch.watching import ChangeWatcher
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import DAY, OUTLET, Now, days, service, town
from tests.integration.dispatch.test_desk import kept
from tests.integration.dispatch.test_service import change

# The stops s0 … s3 lie on one line from west to east, a kilometre apart; the wall stands between s1 and s2.
WALL = Road("bridge", "大橋", False, ((136.215, 35.85), (136.215, 36.05)))
BECAUSE = "大橋が冠水したため"
GAUGE = "urn:ngsi-ld:FloodMonitoring:g1"


async def booked(buses: BusService, origin: int, destination: int, earliest: float, rider: str = "r") -> Booking:
    ask = Ask(DAY, f"s{origin}", f"s{destination}", earliest)
    return await buses.desk.book("fukui", ask, (await buses.desk.quote("fukui", ask))[0], rider)


async def watch(database: CityDatabase, now: Now, stage: Stage) -> None:
    """The gauge says where it stands."""
    crew = Crew(database.system, days(now), OUTLET)
    watcher = ChangeWatcher(database.system, days(now), service(database, now).desk, crew)
    async with database.system.transaction() as tx:
        said = {"stage": {"type": "Property", "value": stage.value}}
        await watcher.handle(tx, [change(now, GAUGE, "FloodMonitoring", said)])


async def stored(database: CityDatabase, booking: Booking) -> Booking:
    async with database.app.transaction("fukui") as tx:
        return await store.load_booking(tx, booking.id)


async def test_a_bus_goes_around_a_closed_road_and_who_is_late_by_it_is_promised_anew(database: CityDatabase) -> None:
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.save_rider("fukui", Rider("r", "山田", phone="0776200001"))
    await buses.draw_road("fukui", WALL)
    across, beside = await booked(buses, 1, 2, 540.0), await booked(buses, 2, 6, 640.0)
    now.set(500.0)
    anew = await buses.desk.close_road("fukui", DAY, "bridge", BECAUSE)
    assert anew.broken == ()
    assert [b.id for b in anew.moved] == [across.id]
    known = await stored(database, across)
    assert known.state is BookingState.BOOKED
    assert known.promise.arrive_by > across.promise.arrive_by
    assert known.direct > 2 * across.direct
    assert [(b.promise, b.because, b.at) for b in known.breaches] == [(across.promise, BECAUSE, now())]
    tours = await buses.desk.plan("fukui", DAY)
    assert kept(tours, across.id, known.promise)
    assert kept(tours, beside.id, beside.promise)
    told = await buses.told("fukui", "r")
    assert [n["said"] for n in told if n["kind"] == "moved" and BECAUSE in n["said"]] != []
    whole, _ = await buses.figures("fukui", DAY, DAY)
    assert whole.booked == 2

    now.set(510.0)
    await buses.desk.open_road("fukui", "bridge")
    assert kept(await buses.desk.plan("fukui", DAY), across.id, known.promise)
    assert len((await stored(database, across)).breaches) == 1


async def test_who_is_on_board_is_carried_around_and_nobody_is_lost(database: CityDatabase) -> None:
    """The bus that crossed the bridge before has done so; the way on is the long one."""
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.draw_road("fukui", WALL)
    aboard, later = await booked(buses, 1, 3, 540.0), await booked(buses, 2, 3, 560.0, "s")
    tour = (await buses.desk.plan("fukui", DAY))["v0"]
    now.set(tour.stops[0].at + 1.5)
    assert [s.booking for s in tour.stops[:1]] == [aboard.id]
    anew = await buses.desk.close_road("fukui", DAY, "bridge", BECAUSE)
    assert anew.broken == ()
    assert aboard.id in {b.id for b in anew.moved}
    tours = await buses.desk.plan("fukui", DAY)
    first, second = await stored(database, aboard), await stored(database, later)
    assert tours["v0"].stops[0].booking == aboard.id
    assert kept(tours, first.id, first.promise)
    assert kept(tours, second.id, second.promise)


async def test_a_stop_on_closed_ground_is_closed_until_it_is_open_again(database: CityDatabase) -> None:
    await town(database, 1)
    buses = service(database, Now())
    around = ((136.225, 35.945), (136.235, 35.945), (136.235, 35.955), (136.225, 35.955), (136.225, 35.945))
    await buses.draw_road("fukui", Road("pond", "低地", True, around))
    there = await booked(buses, 1, 3, 540.0)
    anew = await buses.desk.close_road("fukui", DAY, "pond", "浸水")
    assert [b.id for b in anew.broken] == [there.id]
    with pytest.raises(Invalid, match="浸水") as refused:
        await buses.desk.quote("fukui", Ask(DAY, "s1", "s3", 600.0))
    assert refused.value.field == "destination"
    with pytest.raises(Conflict, match="open it"):
        await buses.draw_road("fukui", Road("pond", "低地", True, around))
    await buses.desk.open_road("fukui", "pond")
    await booked(buses, 1, 3, 600.0)
    await buses.drop_road("fukui", "pond")
    with pytest.raises(NotFound):
        await buses.desk.close_road("fukui", DAY, "pond", "浸水")


async def test_a_rising_river_closes_a_road_and_opens_it_when_it_has_fallen(database: CityDatabase) -> None:
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.draw_road("fukui", WALL)
    await buses.set_closure_rule("fukui", ClosureRule(GAUGE, Stage.DANGER, (), roads=("bridge",)))
    with pytest.raises(Invalid, match="draw it") as refused:
        await buses.set_closure_rule("fukui", ClosureRule(GAUGE, Stage.DANGER, (), roads=("nowhere",)))
    assert refused.value.field == "roads"
    across = await booked(buses, 1, 2, 540.0)
    await watch(database, now, Stage.DANGER)
    (road,) = await buses.roads("fukui")
    assert (road.closed_by, road.closed_because) == (GAUGE, "川の水位が氾濫危険水位に達したため")
    assert len((await stored(database, across)).breaches) == 1
    await watch(database, now, Stage.DANGER)
    assert len((await stored(database, across)).breaches) == 1
    await watch(database, now, Stage.BELOW)
    (road,) = await buses.roads("fukui")
    assert road == WALL
    with pytest.raises(Conflict, match=GAUGE):
        await buses.drop_road("fukui", "bridge")


async def test_tonights_flood_breaks_no_promise_of_tomorrow_until_tomorrow_has_come(database: CityDatabase) -> None:
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.draw_road("fukui", WALL)
    across = await booked(buses, 1, 2, 540.0)
    now.set(-120.0)
    await buses.desk.close_road("fukui", buses.days.today(), "bridge", BECAUSE, by=GAUGE)
    assert (await stored(database, across)).breaches == ()
    assert kept(await buses.desk.plan("fukui", DAY), across.id, across.promise)
    now.set(5.0)
    anew = await buses.desk.settle("fukui", DAY)
    assert anew is not None
    assert [b.id for b in anew.moved] == [across.id]
    assert await buses.desk.settle("fukui", DAY) is None


async def test_a_neighbour_knows_nothing_of_it(database: CityDatabase) -> None:
    await town(database, 1)
    buses = service(database, Now())
    await buses.draw_road("fukui", replace(WALL, closed_because=BECAUSE))
    assert await buses.roads("neighbour") == ()
    with pytest.raises(NotFound):
        await buses.drop_road("neighbour", "bridge")


async def test_looking_for_who_is_left_out_waits_for_no_booking(database: CityDatabase) -> None:
    """The look comes every two seconds: while somebody books it finds nothing to do, and does not queue."""
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.draw_road("fukui", WALL)
    await booked(buses, 2, 3, 540.0)
    now.set(-120.0)
    await buses.desk.close_road("fukui", buses.days.today(), "bridge", BECAUSE, by=GAUGE)
    now.set(5.0)
    async with database.app.transaction("fukui") as tx:
        await store.lock_day(tx, DAY)
        async with asyncio.timeout(30):
            assert await buses.desk.settle("fukui", DAY) is None


async def test_of_many_that_find_somebody_left_out_at_once_one_plans_anew(database: CityDatabase) -> None:
    await town(database, 1)
    now = Now()
    buses = service(database, now)
    await buses.draw_road("fukui", WALL)
    across = await booked(buses, 1, 2, 540.0)
    now.set(-120.0)
    await buses.desk.close_road("fukui", buses.days.today(), "bridge", BECAUSE, by=GAUGE)
    now.set(5.0)
    async with database.app.transaction("fukui") as tx:
        await store.lock_day(tx, DAY)
        looks = [asyncio.create_task(service(database, now).desk.settle("fukui", DAY)) for _ in range(3)]
        async with asyncio.timeout(60):  # until all have found somebody, and wait for the booking under way
            waiting = 0
            while waiting < len(looks):
                async with database.system.transaction() as other:  # what others wait for, whoever they are
                    waiting = await other.fetchval("select count(*) from pg_locks where not granted")
                await asyncio.sleep(0.05)
        assert not any(look.done() for look in looks)
    found = await asyncio.gather(*looks)
    assert [[b.id for b in anew.moved] for anew in found if anew is not None] == [[across.id]]
    assert len((await stored(database, across)).breaches) == 1
