"""What happens on the road: reports as changes of a tour, times to expect, positions that jump."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from services.dispatch.driven import (
    CONFIRMED_BY,
    Position,
    expect,
    kilometres_driven,
    late,
    moved,
    up_to,
    without,
)
from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, BookingState, Promise, Stop, StopTime, Tour, Vehicle

DAY, SETTINGS = date(2026, 11, 24), DispatchSettings()
STOPS = tuple(Stop(f"s{i}", f"s{i}", 136.0 + 0.02 * i, 36.0) for i in range(5))
MINUTES = np.abs(np.arange(5.0)[:, None] - np.arange(5.0)[None, :]) * 6
BUS = Vehicle("v", "v", 2, 1, "s0", 480.0, 1080.0)
TOWN = Town(STOPS, (BUS,), MINUTES)


def booked(name: str, origin: int, destination: int, at: float) -> Booking:
    return Booking(name, name, Ask(DAY, f"s{origin}", f"s{destination}", at), Promise(at, at + 15, at + 60))


A, B = booked("a", 1, 3, 540.0), booked("b", 2, 4, 545.0)
TOUR = Tour(534.0, 1, (StopTime("a", True, 540.0), StopTime("b", True, 547.0), StopTime("a", False, 554.0),
                       StopTime("b", False, 561.0)))  # fmt: skip
KNOWN = {"a": A, "b": B}
NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_a_report_fixes_the_tour_up_to_its_stop_and_never_loosens_it() -> None:
    assert up_to(TOUR, "b", True).fixed == 2
    assert up_to(up_to(TOUR, "b", True), "a", True).fixed == 2
    assert up_to(TOUR, "nobody", True) == TOUR


def test_who_was_not_there_is_driven_no_further_and_the_others_are() -> None:
    tour = without(TOUR, A, SETTINGS)
    assert [(s.booking, s.boards) for s in tour.stops] == [("a", True), ("a", False), ("b", True), ("b", False)]
    assert (tour.fixed, tour.stops[1].at) == (2, 541.0)
    gone = Booking(A.id, A.rider, A.ask, A.promise, BookingState.NO_SHOW)
    day = Day(TOWN, [gone, B], {"v": tour}, SETTINGS, now=541.0)
    assert [(s.booking, s.boards) for s in day.tours()["v"].stops] == [(s.booking, s.boards) for s in tour.stops]
    assert day.lost == []
    # The bus stood at s1, one stop from the next rider; from its depot it would be two.
    assert day.tours()["v"].stops[2].at == pytest.approx(547.0)


def test_who_was_not_there_is_brought_nowhere() -> None:
    gone = {"a": Booking(A.id, A.rider, A.ask, A.promise, BookingState.NO_SHOW), "b": B}
    tour, done = without(TOUR, A, SETTINGS), {("a", True): 541.0, ("a", False): 541.0}
    expected = expect(TOWN, BUS, tour, gone, done, SETTINGS, now=541.0, place=None)
    assert [e.stop for e in expected] == ["s1", "s1", "s2", "s4"]
    assert expected[2].at == 547.0
    whole, empty = kilometres_driven(TOWN, BUS, tour, gone, 1.0)
    assert (whole, empty) == (pytest.approx(whole), pytest.approx(whole * 6 / 8))


def test_a_tour_that_cannot_be_driven_is_lost_alone() -> None:
    town = Town(STOPS, (BUS, Vehicle("w", "w", 2, 1, "s0", 480.0, 1080.0)), MINUTES)
    impossible = Tour(534.0, 2, (StopTime("a", True, 540.0), StopTime("a", False, 541.0)))
    sound = Tour(530.0, 1, (StopTime("b", True, 547.0), StopTime("b", False, 560.0)))
    day = Day(town, [A, B], {"v": impossible, "w": sound}, SETTINGS, now=535.0)
    assert day.tours()["w"].stops[0] == sound.stops[0]
    assert day.lost == []


def test_who_was_not_there_delays_no_stop_that_is_fixed_already() -> None:
    fixed = Tour(534.0, 2, (TOUR.stops[0], StopTime("b", True, 547.0), *TOUR.stops[2:]))
    gone = Booking(A.id, A.rider, A.ask, A.promise, BookingState.NO_SHOW)
    day = Day(TOWN, [gone, B], {"v": without(fixed, A, SETTINGS)}, SETTINGS, now=546.0)
    assert [s.at for s in day.tours()["v"].stops][:3] == [540.0, 541.0, 547.0]


def test_expected_times_follow_what_was_reported_and_where_the_bus_is() -> None:
    planned = expect(TOWN, BUS, TOUR, KNOWN, {}, SETTINGS, now=530.0, place=None)
    assert [e.at for e in planned] == [540.0, 547.0, 554.0, 561.0]
    behind = expect(TOWN, BUS, TOUR, KNOWN, {("a", True): 552.0}, SETTINGS, now=552.0, place=None)
    assert [e.at for e in behind] == [552.0, 559.0, 566.0, 573.0]
    assert [late(e, KNOWN[e.booking]) for e in behind] == [0.0, 0.0, 0.0, 0.0]
    silent = expect(TOWN, BUS, TOUR, KNOWN, {}, SETTINGS, now=570.0, place=None)
    assert silent[0].at == 570.0
    assert late(silent[0], A) == 15.0
    there = Position(STOPS[4].longitude, 36.0, NOON)
    far = expect(TOWN, BUS, TOUR, KNOWN, {("a", True): 541.0}, SETTINGS, now=541.0, place=there)
    assert far[1].at == pytest.approx(541.0 + 3.6 * 1.3 / 25 * 60, abs=0.5)


def test_a_jump_is_doubted_until_the_places_agree() -> None:
    here = moved(None, 136.0, 36.0, NOON, 110.0)
    assert here == Position(136.0, 36.0, NOON)
    at = [NOON + timedelta(seconds=10 * n) for n in range(1, 6)]
    step = moved(here, 136.002, 36.0, at[0], 110.0)
    assert step == Position(136.002, 36.0, at[0])
    jumped = moved(step, 137.0, 36.0, at[1], 110.0)
    assert jumped is not None
    assert (jumped.longitude, jumped.doubts) == (136.002, 1)
    back = moved(jumped, 136.003, 36.0, at[2], 110.0)
    assert back == Position(136.003, 36.0, at[2])
    carried: Position | None = jumped
    for n in range(2, 2 + CONFIRMED_BY - 1):
        assert carried is not None
        carried = moved(carried, 137.0 + 0.001 * n, 36.0, at[n], 110.0)
    assert carried is not None
    assert (round(carried.longitude, 3), carried.doubts) == (137.003, 0)
    assert moved(step, 136.0, 36.0, NOON, 110.0) is None


def test_kilometres_with_nobody_on_board() -> None:
    whole, empty = kilometres_driven(TOWN, BUS, TOUR, KNOWN, 1.0)
    one = whole / 8
    assert one == pytest.approx(1.8, abs=0.01)
    assert empty == pytest.approx(5 * one)
    assert kilometres_driven(TOWN, BUS, Tour(0.0, 0, ()), KNOWN, 1.0) == (0.0, 0.0)
