"""How fast watch tags are heard, in one process: `python -m bench.tags`.

Raw frames a second (from a message of 50 sightings to detections under pseudonyms, the log's record made), windows
folded a second for a tag that walks among its places, and points a second asked against 5,000 places.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from adapters.watch_tag.routes import FAMILY, ROUTES
from bench.machine import machine
from broker.ingest.intake import record_of
from broker.ingest.judge import Judge
from broker.ingest.personal import Curtain
from broker.ingest.ports import Inbound
from broker.store.devices import Device
from broker.veil import Veil
from schemas.device import DeviceProfile, Point
from services.presence.places import Fences, circle, read_polygon
from services.presence.track import Cell, State, Watch, fold

NOW = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
PLACES, POINTS, SIGHTINGS = 5_000, 20_000, 50
_SECONDS = 3.0


class _OneDetector:
    """The registry as the judge asks it."""

    _pole = Device("city", "pole", FAMILY, profile=DeviceProfile(location=Point((134.84, 34.76))))

    def find(self, tenant: str, device_id: str) -> Device | None:
        return self._pole

    def unknown_policy(self, tenant: str) -> str:
        return "reject"


def rate(work: Callable[[], int]) -> float:
    """What `work` returns, a second, over some seconds."""
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < _SECONDS:
        done += work()
    return done / spent


def frames() -> Callable[[], int]:
    """One message of raw advertisements, from bytes to the record."""
    judge = Judge(ROUTES, _OneDetector(), Curtain(Veil(bytes(range(32)), 30)))
    rows = [
        {"t": NOW.isoformat(), "adv": f"0201061aff4c000215{'ab' * 16}000a{minor:04x}c5", "rssi": -67}
        for minor in range(SIGHTINGS)
    ]
    payload = json.dumps({"sent": NOW.isoformat(), "sightings": rows}).encode()
    message = Inbound("city", "pole", "city/tag/pole/up", payload, NOW, "bench")

    def work() -> int:
        record = judge.judge(message)
        assert record_of(record).value
        return len(record.detections)

    return work


def windows() -> Callable[[], int]:
    """A day of a tag's minutes among three places."""
    chance = random.Random(1)
    middles = [(134.84 + 0.004 * n, 34.76) for n in range(3)]
    fences = Fences({f"p{n}": read_polygon(circle(middle, 80)) for n, middle in enumerate(middles)})
    cells = []
    for window in range(1440):
        lon, lat = middles[(window // 60) % 3]
        at = NOW + timedelta(minutes=window)
        cells.append(Cell(window, f"d{lon}", chance.randint(-90, -50), at, lon, lat, 50.0, at, at))
    watch = Watch(fences, 60, 900)
    return lambda: len(fold(State(), cells, watch))


def fences(*, bulk: bool) -> Callable[[], int]:
    """Points against all places of a city, one by one or all at once."""
    chance = random.Random(2)

    def somewhere() -> tuple[float, float]:
        return 134.7 + 0.3 * chance.random(), 34.6 + 0.3 * chance.random()

    city = Fences({str(n): read_polygon(circle(somewhere(), 100)) for n in range(PLACES)})
    points = [somewhere() for _ in range(POINTS)]

    def at_once() -> int:
        city.inside(points)
        return POINTS

    def singly() -> int:
        for point in points[:1000]:
            city.at(point)
        return 1000

    return at_once if bulk else singly


def main() -> None:
    """Print the four rates."""
    print(json.dumps(machine(), ensure_ascii=False))
    for name, work in (
        ("raw frames decoded, named and packed a second", frames()),
        ("windows folded a second", windows()),
        (f"points a second against {PLACES} places, one by one", fences(bulk=False)),
        (f"points a second against {PLACES} places, {POINTS} at once", fences(bulk=True)),
    ):
        print(f"{rate(work):12,.0f}  {name}")


if __name__ == "__main__":
    main()
