"""Quotes from a day kept in memory are those of a day made anew, and a day is kept only while nothing changed."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pytest

from broker.errors import Conflict
from services.dispatch.planning import Day
from services.dispatch.roads import Road
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, Promise, Stop, Vehicle
from services.dispatch.warm import MOST_DAYS, Known, WarmDays

DAY = date(2026, 11, 24)
STOPS = tuple(Stop(f"s{i}", f"s{i}", 0.0, 0.0) for i in range(8))


def small_town(vehicles: int, seats: int) -> Town:
    place = np.arange(8.0)
    minutes = np.abs(place[:, None] - place[None, :]) * 6
    fleet = tuple(Vehicle(f"v{i}", f"v{i}", seats, 1, "s0", 420.0, 1080.0) for i in range(vehicles))
    return Town(STOPS, fleet, minutes)


def wishes(count: int, chance: random.Random) -> list[Ask]:
    pairs = [chance.sample(range(8), 2) for _ in range(count)]
    return [Ask(DAY, f"s{a}", f"s{b}", chance.uniform(480, 900), wheelchairs=chance.random() < 0.2) for a, b in pairs]


def offers(day: Day, ask: Ask) -> list[Promise]:
    try:
        return day.offers(ask)
    except Conflict:
        return []


def test_a_day_asked_many_times_answers_as_a_new_one() -> None:
    chance, settings = random.Random(3), DispatchSettings()
    town = small_town(2, 3)
    kept = Day(town, [], {}, settings, now=0.0)
    for i, ask in enumerate(wishes(25, chance)):
        found = offers(kept, ask)
        if found:
            kept = kept.take(Booking(f"b{i}", "r", ask, found[0]))
    refused = 0
    for ask in wishes(40, chance):
        fresh = Day(town, kept.bookings, kept.tours(), settings, now=0.0)
        found = offers(kept, ask)
        assert found == offers(fresh, ask)
        refused += not found
    assert 0 < refused < 40


def test_time_passes_in_a_kept_day_as_in_a_new_one() -> None:
    settings, town = DispatchSettings(), small_town(1, 4)
    kept = Day(town, [], {}, settings, now=0.0)
    kept = kept.take(Booking("b", "r", Ask(DAY, "s1", "s4", 540.0), Promise(540.0, 555.0, 600.0)))
    kept.offers(Ask(DAY, "s2", "s5", 541.0))
    fresh = Day(town, kept.bookings, kept.tours(), settings, now=546.0)
    kept.pass_time(546.0)
    ask = Ask(DAY, "s2", "s3", 500.0)
    assert kept.offers(ask) == fresh.offers(ask)
    assert kept.tours() == fresh.tours()


@pytest.mark.parametrize(
    "other",
    [
        Known(8, STOPS, (), (), (9,)),
        Known(7, STOPS[1:], (), (), (9,)),
        Known(7, STOPS, (Vehicle("v", "v", 1, 0, "s0", 0, 1),), (), (9,)),
        Known(7, STOPS, (), (Road("r", "r", False, ((0.0, 0.0), (1.0, 1.0)), "冠水"),), (9,)),
        Known(7, STOPS, (), (), (10,)),
    ],
)
def test_a_day_made_from_something_else_is_not_used(other: Known) -> None:
    days, known = WarmDays(), Known(7, STOPS, (), (), (9,))
    day = Day(small_town(1, 1), [], {}, DispatchSettings(), now=0.0)
    kept = days.put("fukui", DAY, known, day)
    assert days.get("fukui", DAY, known) is kept
    assert days.get("fukui", DAY, other) is None
    assert days.get("neighbour", DAY, known) is None
    for i in range(MOST_DAYS):
        days.put(f"t{i}", DAY, known, day)
    assert days.get("fukui", DAY, known) is None
