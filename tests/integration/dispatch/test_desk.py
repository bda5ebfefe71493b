"""The booking desk against a real PostgreSQL: promises are made once, kept, and survive what happens to a plan."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from broker.errors import Conflict, Invalid, NotFound
from services.dispatch import store
from services.dispatch.desk import BookingDesk
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from services.dispatch.values import Ask, BookingState, Promise, Tour
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import DAY, STOPS, Now, town


def desk(database: CityDatabase, now: Now) -> BookingDesk:
    return BookingDesk(database.app, StraightLine(25.0, 1.3), DispatchSettings(), now)


def ask(origin: int, destination: int, earliest: float, **more: object) -> Ask:
    return replace(Ask(DAY, f"s{origin}", f"s{destination}", earliest), **more)  # type: ignore[arg-type]


async def book_first(at: BookingDesk, wish: Ask, rider: str = "r") -> str:
    offers = await at.quote("fukui", wish)
    return (await at.book("fukui", wish, offers[0], rider)).id


def kept(tours: dict[str, Tour], booking: str, promise: Promise) -> bool:
    """Whether the plan fetches and delivers as promised, in one vehicle."""
    for tour in tours.values():
        times = {s.boards: s.at for s in tour.stops if s.booking == booking}
        if times:
            on_time = promise.pickup_from - 1e-6 <= times[True] <= promise.pickup_until + 1e-6
            return on_time and times[True] < times[False] <= promise.arrive_by + 1e-6
    return False


async def test_a_quote_offers_windows_and_a_booking_is_planned_within_its_promise(database: CityDatabase) -> None:
    await town(database, 1)
    at = desk(database, Now())
    wish = ask(1, 6, 540.0)
    offers = await at.quote("fukui", wish)
    assert [o.pickup_from for o in offers] == [540.0, 555.0, 570.0]
    booking = await at.book("fukui", wish, offers[1], "山田")
    assert kept(await at.plan("fukui", DAY), booking.id, offers[1])


async def test_of_two_operators_booking_the_last_seat_at_once_exactly_one_wins(database: CityDatabase) -> None:
    await town(database, 1, seats=1)
    desks = [desk(database, Now()) for _ in range(6)]
    wish = ask(1, 11, 540.0, seats=1)
    offer = (await desks[0].quote("fukui", wish))[0]
    answers = await asyncio.gather(
        *(d.book("fukui", wish, offer, f"r{i}") for i, d in enumerate(desks)), return_exceptions=True
    )
    won = [a for a in answers if not isinstance(a, BaseException)]
    # One seat, and the way there and back longer than the window: nobody else fits.
    assert len(won) == 1
    assert all(isinstance(a, Conflict) for a in answers if isinstance(a, BaseException))
    async with database.app.transaction("fukui") as tx:
        assert [b.id for b in await store.load_bookings(tx, DAY)] == [won[0].id]


async def test_the_same_request_twice_is_one_booking(database: CityDatabase) -> None:
    await town(database, 1)
    at, wish = desk(database, Now()), ask(1, 6, 540.0)
    offer = (await at.quote("fukui", wish))[0]
    both = await asyncio.gather(*(at.book("fukui", wish, offer, "r", asked_as="clinic-17") for _ in range(2)))
    assert both[0].id == both[1].id


async def test_every_promise_is_kept_while_a_day_fills_and_plans_are_improved(database: CityDatabase) -> None:
    await town(database, 3)
    now = Now()
    at, promises = desk(database, now), {}
    for i in range(30):
        now.set(480.0 + 5 * i)
        wish = ask(i % 11, (i * 5 + 3) % 11, now.at.hour * 60 + now.at.minute + 40, wheelchairs=int(i % 7 == 0))
        if wish.origin == wish.destination:
            continue
        try:
            offer = (await at.quote("fukui", wish))[0]
            promises[(await at.book("fukui", wish, offer, f"r{i}")).id] = offer
        except Conflict:
            continue
        if i % 5 == 0:
            await at.improve("fukui", DAY)
        tours = await at.plan("fukui", DAY)
        assert all(kept(tours, booking, promise) for booking, promise in promises.items())
    assert len(promises) > 20


async def test_promises_survive_a_lost_plan(database: CityDatabase) -> None:
    await town(database, 2)
    at, promises = desk(database, Now()), {}
    for i in range(8):
        wish = ask(i, i + 3, 520.0 + 20 * i)
        offer = (await at.quote("fukui", wish))[0]
        promises[(await at.book("fukui", wish, offer, f"r{i}")).id] = offer
    async with database.app.transaction("fukui") as tx:
        revision, _ = await store.lock_day(tx, DAY)
        await store.save_day(tx, DAY, {}, revision)
    tours = await desk(database, Now()).plan("fukui", DAY)
    assert all(kept(tours, booking, promise) for booking, promise in promises.items())


async def test_an_improvement_of_an_older_plan_is_dropped(database: CityDatabase) -> None:
    await town(database, 1)
    at = desk(database, Now())
    await book_first(at, ask(1, 6, 540.0))
    async with database.app.transaction("fukui") as tx:
        revision, tours = await store.read_day(tx, DAY)
    await book_first(at, ask(2, 7, 600.0))
    with pytest.raises(Conflict, match="has changed"):
        async with database.app.transaction("fukui") as tx:
            await store.save_day(tx, DAY, tours, revision)


async def test_a_cancelled_seat_is_free_again_and_a_bus_on_its_way_cannot_be_cancelled(database: CityDatabase) -> None:
    await town(database, 1, seats=1)
    now = Now()
    at, wish = desk(database, now), ask(1, 11, 540.0)
    first = await book_first(at, wish)
    offer = Promise(540.0, 555.0, (await at.quote("fukui", ask(1, 11, 700.0)))[0].arrive_by - 160.0)
    with pytest.raises(Conflict):
        await at.book("fukui", wish, offer, "late")
    await at.cancel("fukui", first)
    await at.cancel("fukui", first)
    second = await at.book("fukui", wish, offer, "late")
    now.set(541.0)
    with pytest.raises(Conflict, match="on its way"):
        await at.cancel("fukui", second.id)
    with pytest.raises(NotFound):
        await at.cancel("fukui", "nobody")


async def test_a_change_is_both_or_neither(database: CityDatabase) -> None:
    await town(database, 1, seats=1)
    at = desk(database, Now())
    taken, wish = ask(1, 11, 540.0), ask(2, 9, 660.0)
    await book_first(at, taken)
    other = await book_first(at, wish)
    async with database.app.transaction("fukui") as tx:
        full = next(b for b in await store.load_bookings(tx, DAY) if b.id != other).promise
    with pytest.raises(Conflict):
        await at.change("fukui", other, taken, full)
    async with database.app.transaction("fukui") as tx:
        assert (await store.load_booking(tx, other)).state is BookingState.BOOKED
    later = ask(2, 9, 800.0)
    moved = await at.change("fukui", other, later, (await at.quote("fukui", later))[0])
    assert kept(await at.plan("fukui", DAY), moved.id, moved.promise)


async def test_a_breakdown_moves_riders_to_other_buses_and_promises_the_others_the_next_ride(
    database: CityDatabase,
) -> None:
    await town(database, 2, seats=1)
    now = Now()
    at, wish = desk(database, now), ask(1, 11, 540.0)
    offer = (await at.quote("fukui", wish))[0]
    both = [await at.book("fukui", wish, offer, f"r{i}") for i in range(2)]
    free = await book_first(at, ask(3, 5, 700.0))
    anew = await at.report_breakdown("fukui", DAY, "v0", "エンジン故障")
    assert anew.broken == ()
    (moved,) = anew.moved
    assert moved.id in {b.id for b in both}
    assert moved.promise.pickup_from > offer.pickup_from
    tours = await at.plan("fukui", DAY)
    assert tours["v0"].stops == ()
    assert {s.booking for s in tours["v1"].stops} == {free, *(b.id for b in both)}
    assert kept(tours, moved.id, moved.promise)
    async with database.app.transaction("fukui") as tx:
        known = await store.load_booking(tx, moved.id)
    assert (known.state, known.promise) == (BookingState.BOOKED, moved.promise)
    assert [(b.promise, b.because) for b in known.breaches] == [(offer, "エンジン故障")]


async def test_a_rider_on_a_bus_that_breaks_down_is_named_not_fetched_again(database: CityDatabase) -> None:
    await town(database, 2)
    now = Now()
    at = desk(database, now)
    aboard = await book_first(at, ask(1, 11, 540.0))
    tours = await at.plan("fukui", DAY)
    vehicle = next(v for v, tour in tours.items() if tour.stops)
    now.set(tours[vehicle].stops[0].at + 1)
    await at.improve("fukui", DAY)
    anew = await at.report_breakdown("fukui", DAY, vehicle, "パンク")
    assert ([b.id for b in anew.broken], anew.moved) == ([aboard], ())


async def test_a_flooded_stop_leaves_the_plan_and_is_refused_with_the_reason(database: CityDatabase) -> None:
    await town(database, 1)
    at = desk(database, Now())
    there, elsewhere = await book_first(at, ask(1, 6, 540.0)), await book_first(at, ask(2, 7, 600.0))
    anew = await at.close_stop("fukui", DAY, "s6", "氾濫危険水位")
    assert [b.id for b in anew.broken] == [there]
    assert {s.booking for t in (await at.plan("fukui", DAY)).values() for s in t.stops} == {elsewhere}
    with pytest.raises(Invalid, match="氾濫危険水位") as refused:
        await at.quote("fukui", ask(1, 6, 700.0))
    assert refused.value.field == "destination"


@pytest.mark.parametrize(
    ("wish", "field", "says"),
    [
        (ask(1, 99, 540.0), "stop", "no stop 's99'"),
        (ask(1, 1, 540.0), "destination", "ends where it begins"),
        (ask(1, 6, 540.0, seats=9), "seats", "split the group"),
        (ask(1, 6, 540.0, seats=0), "seats", "at least one"),
        (ask(1, 6, 540.0, arrive_by=541.0), "arriveBy", "the earliest arrival is 9:"),
        (ask(1, 6, 540.0, day=date(2026, 11, 20)), "day", "is over"),
        (ask(1, 6, -3.0), "earliest", "minutes from midnight"),
    ],
)
async def test_what_cannot_be_asked_says_which_field_and_what_would_do(
    database: CityDatabase, wish: Ask, field: str, says: str
) -> None:
    await town(database, 1)
    with pytest.raises(Invalid, match=says) as refused:
        await desk(database, Now()).quote("fukui", wish)
    assert refused.value.field == field


async def test_a_promise_that_no_quote_gives_is_refused(database: CityDatabase) -> None:
    await town(database, 1)
    with pytest.raises(Invalid, match="ask for a quote"):
        await desk(database, Now()).book("fukui", ask(1, 6, 540.0), Promise(540.0, 900.0, 2000.0), "r")


async def test_a_neighbour_sees_nothing_of_it(database: CityDatabase) -> None:
    await town(database, 1)
    booked = await book_first(desk(database, Now()), ask(1, 6, 540.0))
    async with database.app.transaction("neighbour") as tx:
        assert await store.load_bookings(tx, DAY) == []
        assert await store.load_stops(tx) == ()
        with pytest.raises(NotFound):
            await store.load_booking(tx, booked)


async def test_a_promise_for_the_rush_hour_is_planned_with_its_driving_times(database: CityDatabase) -> None:
    """Made in a calm hour, and still kept when the hour has come; neither does the plan change for the worse."""
    await town(database, 1)
    now, rush = Now(), StraightLine(25.0, 1.3, {17: 8.0})
    at = BookingDesk(database.app, rush, DispatchSettings(), now)
    wish = ask(1, 11, 16 * 60 + 50.0)
    promise = (await at.quote("fukui", wish))[0]
    booking = await at.book("fukui", wish, promise, "r")
    slow = StraightLine(8.0, 1.3)
    assert booking.direct == pytest.approx((await slow.minutes(STOPS, [17]))[1, 11])
    for minute in (16 * 60 + 59.0, 17 * 60 + 1.0):
        now.set(minute)
        assert kept(await at.plan("fukui", DAY), booking.id, promise)
