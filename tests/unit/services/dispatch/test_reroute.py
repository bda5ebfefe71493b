"""Planning anew: what was driven stays, whoever is on board is carried, and every promise that can be kept is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from services.dispatch.planning import Day
from services.dispatch.reroute import Trouble, plan_anew
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, Promise, Stop, StopTime, Tour, Vehicle

DAY = date(2026, 11, 24)
STOPS = tuple(Stop(name, name, 136.0 + i / 100, 36.0) for i, name in enumerate("abc"))
BUS = Vehicle("v", "v", 4, 0, "a", 0.0, 1440.0)
SETTINGS = DispatchSettings(reserve=2.0)
SHORT = np.array([[0.0, 10.0, 20.0], [10.0, 0.0, 10.0], [20.0, 10.0, 0.0]])
LONG = SHORT + np.array([[0.0, 60.0, 60.0], [60.0, 0.0, 60.0], [60.0, 60.0, 0.0]])
FLOOD = Trouble("冠水", datetime(2026, 11, 24, tzinfo=UTC))


def booking(name: str, origin: str, destination: str, at: float, arrive: float) -> Booking:
    return Booking(name, name, Ask(DAY, origin, destination, at), Promise(at, at + 15, arrive), direct=10.0)


def town(minutes: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = LONG) -> Town:
    return Town(STOPS, (BUS,), minutes)


def test_legs_that_were_driven_are_not_driven_again_on_the_closed_road() -> None:
    rides = [booking("1", "a", "b", 60.0, 100.0), booking("2", "b", "c", 75.0, 400.0)]
    before = Day(town(SHORT), rides, {}, SETTINGS, now=50.0)
    before.pass_time(72.0)
    tours = before.tours()
    anew = plan_anew(town(), rides, tours, SETTINGS, FLOOD, now=90.0)
    after = anew.day.tours()["v"]
    assert after.stops[: tours["v"].fixed] == tours["v"].stops[: tours["v"].fixed]
    assert (anew.broken, anew.moved) == ((), ())


def test_who_is_on_board_arrives_later_and_who_waits_behind_is_promised_the_next_ride() -> None:
    one, other = booking("1", "a", "b", 60.0, 85.0), booking("2", "b", "c", 75.0, 110.0)
    stops = (
        StopTime("1", True, 60.0),
        StopTime("1", False, 71.0),
        StopTime("2", True, 75.0),
        StopTime("2", False, 86.0),
    )
    anew = plan_anew(town(), [one, other], {"v": Tour(60.0, 1, stops)}, SETTINGS, FLOOD, now=61.0)
    assert anew.broken == ()
    moved = {b.id: b for b in anew.moved}
    assert moved["1"].promise == replace(one.promise, arrive_by=133.0)
    assert moved["1"].breaches[0].promise == one.promise
    assert moved["2"].promise.pickup_from >= other.promise.pickup_from
    times = {(s.booking, s.boards): s.at for s in anew.day.tours()["v"].stops}
    assert times["1", True] == 60.0
    assert times["1", False] <= 133.0
    promise = moved["2"].promise
    assert promise.pickup_from <= times["2", True] <= promise.pickup_until
    assert times["2", False] <= promise.arrive_by


def test_whom_no_bus_can_fetch_within_the_look_ahead_is_told_that_the_ride_is_off() -> None:
    far = town(SHORT + 300.0 * (1 - np.eye(3)))
    anew = plan_anew(far, [booking("1", "b", "c", 60.0, 100.0)], {}, SETTINGS, FLOOD, now=50.0)
    assert ([b.id for b in anew.broken], anew.moved) == (["1"], ())


def test_a_promise_given_anew_is_kept_when_the_road_is_open_again() -> None:
    """The ride limit of the short drive would forbid what was promised for the long one."""
    rides = [booking("1", "b", "c", 60.0, 90.0)]
    anew = plan_anew(town(), rides, Day(town(SHORT), rides, {}, SETTINGS, now=0.0).tours(), SETTINGS, FLOOD, now=1.0)
    assert [b.id for b in anew.moved] == ["1"]
    again = Day(town(SHORT), list(anew.moved), anew.day.tours(), SETTINGS, now=2.0)
    assert again.lost == []


def test_who_has_got_off_already_is_told_nothing_though_the_plan_said_later() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    done = replace(booking("1", "a", "b", 60.0, 85.0), boarded_at=at, alighted_at=at)
    tours = {"v": Tour(60.0, 2, (StopTime("1", True, 60.0), StopTime("1", False, 71.0)))}
    anew = plan_anew(town(), [done], tours, SETTINGS, FLOOD, now=65.0)
    assert (anew.broken, anew.moved) == ((), ())
