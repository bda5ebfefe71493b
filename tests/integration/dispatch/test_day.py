"""A town's day from the first call to the last stop, with a breakdown and the flood of July 2023."""

from __future__ import annotations

from cityos.bus_day import BECAUSE, BESIDE_THE_RIVER, BROKEN, DAY, LEVELS, BusDay
from schemas.river import STAGE_NAMES, Stage
from services.dispatch import store
from services.dispatch.values import BookingState
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import OUTLET


async def test_every_promise_is_kept_but_those_broken_by_what_is_recorded(database: CityDatabase) -> None:
    day, said = BusDay(database.system, OUTLET, "fukui", requests=80, vehicles=4), list[str]()
    figures = await day.play(said.append)
    async with database.app.transaction("fukui") as tx:
        bookings = await store.load_bookings(tx, DAY)
        stops = await store.load_stops(tx)
        _, tours = await store.read_day(tx, DAY)
    assert len(bookings) + len(day.tally.refused) == 80
    assert all(b.alighted_at for b in bookings if b.state is BookingState.BOOKED)
    ridden = [b for b in bookings if b.alighted_at]
    assert figures.ridden == len(ridden) > 50
    river = f"川の水位が{STAGE_NAMES[Stage.DANGER].ja}に達したため"
    assert {b.broken_because for b in bookings} <= {None, BECAUSE, river}
    assert {breach.because for b in bookings for breach in b.breaches} <= {BECAUSE, river}
    assert figures.kept == sum(not b.breaches for b in ridden) / (len(ridden) + figures.broken)
    assert any(b.broken_because == river for b in bookings)
    rested = {name: [rest.begun for rest in tour.rests] for name, tour in tours.items() if name != BROKEN}
    assert rested == {f"demo-{number}": [True, True] for number in (1, 2, 4)}
    assert any("休止" in line for line in said)
    assert any("3号車が故障" in line for line in said)
    assert any("再開" in line for line in said)
    assert [stop.id for stop in stops if stop.closed_because] == []
    assert set(BESIDE_THE_RIVER) <= {stop.id for stop in stops}
    assert LEVELS.stage(2.57) is Stage.DANGER
