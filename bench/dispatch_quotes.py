"""How fast the buses answer: a quote beside 500 and 2,000 open requests, and moves of improvement a second."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import date
from typing import Any

import numpy as np

from bench.machine import machine, percentile, write
from broker.errors import Conflict
from services.dispatch.engine.planner import Planner
from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.values import Ask, Booking, Stop, Vehicle

DAY = date(2026, 11, 24)
STOPS = 300
QUOTES = 500


def town(vehicles: int, chance: random.Random) -> Town:
    """Stops on 20 km by 20 km, buses with eight seats and two wheelchairs."""
    km = np.array([(chance.uniform(0, 20), chance.uniform(0, 20)) for _ in range(STOPS)])
    minutes = np.hypot(km[:, None, 0] - km[None, :, 0], km[:, None, 1] - km[None, :, 1]) * 1.3 / 25 * 60
    stops = tuple(Stop(f"s{i}", f"s{i}", 0.0, 0.0) for i in range(STOPS))
    buses = tuple(Vehicle(f"v{i}", f"v{i}", 8, 2, f"s{chance.randrange(STOPS)}", 360, 1260) for i in range(vehicles))
    return Town(stops, buses, minutes)


def wish(chance: random.Random) -> Ask:
    """Anybody, anywhere, some time of the day."""
    one, other = chance.sample(range(STOPS), 2)
    return Ask(DAY, f"s{one}", f"s{other}", chance.uniform(420, 1080), wheelchairs=int(chance.random() < 0.1))


def full_day(vehicles: int, requests: int, chance: random.Random) -> Day:
    """A day on which `requests` rides are promised."""
    settings = DispatchSettings()
    empty = Day(town(vehicles, chance), [], {}, settings, now=0.0)
    wanted: list[Booking] = []
    while len(wanted) < requests:
        ask = wish(chance)
        promise = empty.promise(ask, ask.earliest)
        if promise is not None:
            wanted.append(Booking(f"b{len(wanted)}", "", ask, promise))
    planned = Day(empty.town, wanted, {}, settings, now=0.0, only=0)
    planner: Planner = planned._planner
    for r in range(requests):
        place = planner.find(r)
        if place is not None:
            planner.put(r, place)
    lost = set(planner.left_out(range(requests)))
    kept = [b for r, b in enumerate(wanted) if r not in lost]
    return Day(empty.town, kept, planned.tours(), settings, now=0.0)


def measure(vehicles: int, requests: int) -> dict[str, Any]:
    """Quotes one after the other, up to three offers each, with everything but reading the database.

    After a booking or an improvement the first quote builds the problem and the plan anew; those behind it do not.
    """
    chance = random.Random(7)
    day = full_day(vehicles, requests, chance)
    tours = day.tours()
    first: list[float] = []
    took: list[float] = []
    for number in range(QUOTES):
        begin = time.perf_counter()
        if number % 10 == 0:
            day = Day(day.town, day.bookings, tours, day.settings, now=0.0)
        with suppress(Conflict):
            day.offers(wish(chance))
        (took if number % 10 else first).append((time.perf_counter() - begin) * 1000)
    begin = time.perf_counter()
    moves = 300
    day.improve(moves)
    return {
        "vehicles": vehicles,
        "open_requests": len(day.bookings),
        "quote_p50_ms": round(percentile(took, 0.5), 1),
        "quote_p99_ms": round(percentile(took, 0.99), 1),
        "quote_after_a_change_p50_ms": round(percentile(first, 0.5), 1),
        "quote_after_a_change_p99_ms": round(percentile(first, 0.99), 1),
        "moves_per_second": round(moves / (time.perf_counter() - begin)),
    }


def main() -> None:
    """Measure, print, keep in bench/out/dispatch_quotes.json."""
    where = machine()
    full_day(2, 10, random.Random(1)).improve(1)
    figures = [measure(vehicles, requests) for vehicles, requests in ((50, 500), (200, 2000))]
    for line in figures:
        print(line, flush=True)
    write("dispatch_quotes", {"machine": where, "figures": figures})


if __name__ == "__main__":
    main()
