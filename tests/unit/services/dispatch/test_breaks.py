"""Drivers have their breaks, at the depot with nobody on board, and no promise is broken for one that comes later."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from broker.errors import Conflict, Invalid
from services.dispatch.driven import expect, kilometres_driven, up_to
from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town, boarding, check_shift
from services.dispatch.values import Ask, Booking, BookingState, Break, Promise, Stop, StopTime, Tour, Vehicle

DAY, SETTINGS = date(2026, 11, 24), DispatchSettings()
STOPS = tuple(Stop(f"s{i}", f"s{i}", 136.0 + 0.02 * i, 36.0) for i in range(8))
PLACE = np.arange(8.0)
MINUTES = np.abs(PLACE[:, None] - PLACE[None, :]) * 5
NOON = Break(690.0, 750.0, 45.0)


def town(*breaks: Break, vehicles: int = 1) -> Town:
    fleet = tuple(Vehicle(f"v{v}", f"v{v}", 4, 1, "s0", 480.0, 1080.0, breaks=breaks) for v in range(vehicles))
    return Town(STOPS, fleet, MINUTES)


def ride(chance: random.Random, earliest: float, latest: float) -> Ask:
    one, other = chance.sample(range(8), 2)
    return Ask(DAY, f"s{one}", f"s{other}", chance.uniform(earliest, latest))


def filled(of: Town, chance: random.Random, wishes: int, *, now: float = 0.0) -> Day:
    day = Day(of, [], {}, SETTINGS, now=now)
    for i in range(wishes):
        ask = ride(chance, 600.0, 800.0)
        try:
            promise = day.offers(ask)[0]
        except Conflict:
            continue
        day = day.take(Booking(f"b{i}", "r", replace(ask, earliest=promise.pickup_from), promise, direct=of.drive(ask)))
    return day


def rested(of: Town, day: Day) -> int:
    """How many breaks the plan has. Checked by the stops' times alone: there is time for each, and nobody on board."""
    known, found = {b.id: b for b in day.bookings}, 0
    for vehicle in of.vehicles:
        tour = day.tour(vehicle.id)
        for rest in tour.rests:
            one = vehicle.breaks[rest.number]
            assert one.earliest - 1e-6 <= rest.at <= one.latest + 1e-6
            before = [s for s in tour.stops if s.at <= rest.at]
            aboard = {s.booking for s in before if s.boards} - {s.booking for s in before if not s.boards}
            assert aboard == set()
            for stop in before:
                away = of.minutes[of.place(place(stop, known)), 0]
                assert stop.at + boarding(known[stop.booking].ask, SETTINGS) + away <= rest.at + 1e-6
            for stop in tour.stops[len(before) :]:
                assert rest.at + one.minutes + of.minutes[0, of.place(place(stop, known))] <= stop.at + 1e-6
            found += 1
    return found


def place(stop: StopTime, known: dict[str, Booking]) -> str:
    ask = known[stop.booking].ask
    return ask.origin if stop.boards else ask.destination


@pytest.mark.parametrize("seed", range(6))
def test_a_day_full_of_rides_leaves_each_driver_the_break(seed: int) -> None:
    of = town(NOON, vehicles=2)
    day = filled(of, random.Random(seed), 30)
    assert len(day.bookings) > 8
    assert day.lost == []
    assert rested(of, day) == 2
    day.improve(400)
    assert rested(of, day) == 2
    again = Day(of, day.bookings, day.tours(), SETTINGS, now=0.0)
    assert again.tours() == day.tours()


@pytest.mark.parametrize("seed", range(6))
def test_a_break_that_was_had_stays_and_no_promise_is_lost_while_the_day_goes_on(seed: int) -> None:
    chance = random.Random(seed)
    of = town(NOON, vehicles=2)
    day = filled(of, chance, 16)
    for now in range(600, 900, 10):
        day = Day(of, day.bookings, day.tours(), SETTINGS, now=float(now))
        assert day.lost == []
        assert rested(of, day) == 2
        gone = [b for b in day.bookings if chance.random() < 0.03 and not touched(day, b.id)]
        kept = [replace(b, state=BookingState.CANCELLED) if b in gone else b for b in day.bookings]
        day = Day(of, kept, day.tours(), SETTINGS, now=float(now))
        assert rested(of, day) == 2
        try:
            ask = ride(chance, now + 10.0, now + 60.0)
            promise = day.offers(ask)[0]
            made = Booking(f"n{now}", "r", replace(ask, earliest=promise.pickup_from), promise, direct=of.drive(ask))
            day = day.take(made)
        except Conflict:
            continue
    assert all(rest.begun for vehicle in of.vehicles for rest in day.tour(vehicle.id).rests)


def touched(day: Day, booking: str) -> bool:
    return any(s.booking == booking for tour in day.tours().values() for s in tour.stops[: tour.fixed])


def test_a_break_that_is_added_to_a_planned_day_is_had_where_it_fits_and_else_gives_way() -> None:
    day = filled(town(), random.Random(2), 40)
    roomy = town(Break(480.0, 1000.0, 30.0))
    later = Day(roomy, day.bookings, day.tours(), SETTINGS, now=500.0)
    assert (later.lost, rested(roomy, later)) == ([], 1)
    full = town(Break(650.0, 660.0, 120.0))
    later = Day(full, day.bookings, day.tours(), SETTINGS, now=500.0)
    assert (later.lost, rested(full, later)) == ([], 0)
    promised = {b.id: b.promise for b in day.bookings}
    at = {(s.booking, s.boards): s.at for s in later.tour("v0").stops}
    assert all(
        p.pickup_from <= at[b, True] <= p.pickup_until and at[b, False] <= p.arrive_by for b, p in promised.items()
    )


def test_who_is_expected_behind_a_break_is_expected_after_it() -> None:
    one = Booking("a", "a", Ask(DAY, "s1", "s2", 680.0), Promise(680.0, 695.0, 730.0))
    other = Booking("b", "b", Ask(DAY, "s3", "s4", 760.0), Promise(760.0, 775.0, 800.0))
    of = town(NOON)
    day = Day(of, [one, other], {}, SETTINGS, now=0.0)
    tour, bus, known = day.tour("v0"), of.vehicles[0], {"a": one, "b": other}
    (rest,) = tour.rests
    assert tour.before(rest) == 2
    done = {("a", True): 690.0, ("a", False): 715.0}
    found = expect(of, bus, tour, known, done, SETTINGS, now=716.0, place=None)
    # 25 minutes late at s2: a minute to get off, ten to the depot, the break, fifteen to s3.
    assert found[2].at == pytest.approx(max(715.0 + 1.0 + 10.0, rest.at) + 45.0 + 15.0)
    driven, empty = kilometres_driven(of, bus, tour, known, 1.0)
    without = replace(tour, rests=())
    assert kilometres_driven(of, bus, without, known, 1.0) < (driven, empty)
    # A report of the stop behind says that the break is over.
    assert up_to(tour, "b", True).had(rest)
    assert not tour.had(rest)


def test_a_driver_whose_bus_broke_down_has_no_break_to_keep() -> None:
    of = town(NOON)
    broken = Town(STOPS, tuple(replace(v, broken_because="故障") for v in of.vehicles), MINUTES)
    assert Day(broken, [], {"v0": Tour(480.0, 0, ())}, SETTINGS, now=800.0).tour("v0").rests == ()


@pytest.mark.parametrize(
    ("breaks", "field"),
    [
        ((Break(400.0, 500.0, 30.0),), "breaks.0"),
        ((Break(700.0, 690.0, 30.0),), "breaks.0"),
        ((Break(700.0, 720.0, 0.0),), "breaks.0"),
        ((Break(1040.0, 1060.0, 30.0),), "breaks.0"),
        ((NOON, Break(760.0, 800.0, 15.0)), "breaks.1"),
    ],
)
def test_breaks_that_no_driver_can_keep_are_refused(breaks: tuple[Break, ...], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_shift(Vehicle("v", "v", 4, 1, "s0", 480.0, 1080.0, breaks=breaks))
    assert refused.value.field == field
    check_shift(Vehicle("v", "v", 4, 1, "s0", 480.0, 1080.0, breaks=(NOON, Break(800.0, 820.0, 15.0))))
