"""How long driving takes between stops: the port, and its drivers without a server (straight line, a file by hour)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from broker.errors import Invalid
from services.dispatch.engine.arrays import Floats
from services.dispatch.roads import EARTH_KM, Road, further
from services.dispatch.values import Stop

UNREACHABLE = 10_000.0
"""Minutes between places that no open road joins: longer than any day, so that no plan has such a drive."""


class TravelTimes(Protocol):
    """Minutes between stops."""

    @property
    def asks(self) -> bool:
        """Whether it asks a server, and so may take its time: see `prepare`."""

    @property
    def revision(self) -> int:
        """Advances when times may be others than before."""

    async def prepare(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> None:
        """Ask for what `minutes` will need, and anew for what is old: while nobody waits for a lock."""

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """(P, P) minutes from each stop to each other around `closed` roads, as they are in the slowest of `hours`
        (0 … 23 in Japan, one or more) for each pair. The slowest of triangle inequalities is one.

        `UNREACHABLE` where no way is left.
        """


class Local:
    """A driver that asks nobody."""

    asks = False
    revision = 0

    async def prepare(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> None:
        """Nothing to do."""


class StraightLine(Local):
    """The distance over the ground, lengthened as roads are, at one speed for each hour."""

    def __init__(self, speed: float, detour: float, by_hour: Mapping[int, float] | None = None) -> None:
        self._speed, self._detour, self._by_hour = speed, detour, by_hour or {}

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`."""
        where = np.radians([[stop.longitude, stop.latitude] for stop in stops]).reshape(-1, 2)
        apart = where[:, None, :] - where[None, :, :]
        chord = np.sin(apart[..., 1] / 2) ** 2
        chord = chord + np.outer(np.cos(where[:, 1]), np.cos(where[:, 1])) * np.sin(apart[..., 0] / 2) ** 2
        km = 2 * EARTH_KM * np.arcsin(np.sqrt(chord)) + further(stops, closed)
        speed = min(self._by_hour.get(hour, self._speed) for hour in hours)
        minutes = km * self._detour / speed * 60
        return np.asarray(np.minimum(minutes, UNREACHABLE), np.float64)


async def longer(ways: TravelTimes, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
    """(P, P) minutes by which `closed` roads lengthen the drives, as `ways` knows them."""
    if not closed:
        return np.zeros((len(stops), len(stops)))
    return np.asarray(await ways.minutes(stops, hours, closed) - await ways.minutes(stops, hours))


def kilometres(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """The distance over the ground, in a straight line."""
    one, other = math.radians(latitude), math.radians(other_latitude)
    apart = math.radians(other_longitude - longitude)
    chord = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(apart / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, chord)))


class MatrixFile(Local):
    """Minutes from a CSV file with the columns hour, from, to, minutes; an empty hour holds for the hours not given."""

    def __init__(self, path: Path, fallback: TravelTimes) -> None:
        self._fallback, self._known = fallback, _read(path)
        self._given = lru_cache(32)(self._slowest)

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`. Pairs and hours that the file does not know are the fallback's, and so are ways around."""
        found = await self._fallback.minutes(stops, hours, closed)
        added = await longer(self._fallback, stops, hours, closed)
        slowest, whole = self._given(tuple(stop.id for stop in stops), tuple(hours))
        known = slowest + added
        return np.asarray(np.minimum(np.where(whole, known, np.maximum(known, found)), UNREACHABLE))

    def _slowest(self, stops: tuple[str, ...], hours: tuple[int, ...]) -> tuple[Floats, NDArray[np.bool_]]:
        """(P, P) minutes of the slowest hour that the file knows (-inf: of none), and whether it knows them all."""
        slowest = np.full((len(stops), len(stops)), -np.inf)
        whole = np.zeros(slowest.shape, np.bool_)
        for (i, one), (j, other) in product(enumerate(stops), repeat=2):
            always = self._known.get((None, one, other))
            known = [self._known.get((hour, one, other), always) for hour in hours]
            given = [minutes for minutes in known if minutes is not None]
            slowest[i, j], whole[i, j] = max(given, default=-np.inf), len(given) == len(known)
        return slowest, whole


def _read(path: Path) -> dict[tuple[int | None, str, str], float]:
    known: dict[tuple[int | None, str, str], float] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                minutes = float(row["minutes"])
                hour = int(row["hour"]) if row["hour"] else None
                known[hour, row["from"], row["to"]] = minutes
            except (KeyError, TypeError, ValueError) as error:
                raise Invalid(f"{path.name}, line {number}: hour,from,to,minutes expected ({error!r})") from error
            if not 0 <= minutes < 1440:
                raise Invalid(f"{path.name}, line {number}: {minutes} is not a driving time in minutes")
    return known
