"""How long driving takes between stops: one port, four drivers (straight line, a file by hour, OSRM, Valhalla)."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from broker.errors import Invalid, Unavailable
from services.dispatch.engine.arrays import Floats
from services.dispatch.roads import EARTH_KM, Road, further, outlines
from services.dispatch.values import Stop

UNREACHABLE = 10_000.0
"""Minutes between places that no open road joins: longer than any day, so that no plan has such a drive."""
_log = logging.getLogger(__name__)


class TravelTimes(Protocol):
    """Minutes between stops."""

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """(P, P) minutes from each stop to each other around `closed` roads, as they are in the slowest of `hours`
        (0 … 23 in Japan, one or more) for each pair. The slowest of triangle inequalities is one.

        `UNREACHABLE` where no way is left.
        """


class StraightLine:
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


async def _longer(ways: TravelTimes, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
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


class MatrixFile:
    """Minutes from a CSV file with the columns hour, from, to, minutes; an empty hour holds for the hours not given."""

    def __init__(self, path: Path, fallback: TravelTimes) -> None:
        self._fallback, self._known = fallback, _read(path)
        self._given = lru_cache(32)(self._slowest)

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`. Pairs and hours that the file does not know are the fallback's, and so are ways around."""
        found = await self._fallback.minutes(stops, hours, closed)
        longer = await _longer(self._fallback, stops, hours, closed)
        slowest, whole = self._given(tuple(stop.id for stop in stops), tuple(hours))
        known = slowest + longer
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


class Router:
    """A router over HTTP; when it does not answer in time, or not sensibly, the fallback does."""

    name: str

    def __init__(self, client: httpx.AsyncClient, address: str, timeout_s: float, fallback: TravelTimes) -> None:
        self._client, self._address, self._timeout, self._fallback = client, address.rstrip("/"), timeout_s, fallback

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`."""
        try:
            return await self._asked(stops, hours, closed)
        except (httpx.HTTPError, Unavailable) as error:
            _log.warning("%s at %s gave no travel times (%s); the fallback's are used", self.name, self._address, error)
            return await self._fallback.minutes(stops, hours, closed)

    async def _asked(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
        raise NotImplementedError

    def _table(self, given: Any, count: int) -> Floats:
        """Seconds as minutes. Raises `Unavailable` unless there are `count` rows of as many that make sense."""
        try:
            seconds = np.array(given, np.float64)
        except (ValueError, TypeError) as error:
            raise Unavailable(f"the answer is not a table of durations: {error!r}") from error
        if seconds.shape != (count, count) or np.isnan(seconds).any() or (seconds < 0).any():
            raise Unavailable("the table of durations has holes: some stop cannot be reached by road")
        return np.asarray(np.minimum(seconds / 60, UNREACHABLE))


class Osrm(Router):
    """OSRM's table service. It cannot be told of closed ground, so the fallback says what the way around adds."""

    name = "OSRM"

    async def _asked(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
        where = ";".join(f"{stop.longitude:.6f},{stop.latitude:.6f}" for stop in stops)
        answer = await self._client.get(f"{self._address}/table/v1/driving/{where}", timeout=self._timeout)
        found = self._table(_of(answer, "durations"), len(stops))
        return np.asarray(np.minimum(found + await _longer(self._fallback, stops, hours, closed), UNREACHABLE))


class Valhalla(Router):
    """Valhalla's time-distance matrix, which goes around the outlines of closed ground (`exclude_polygons`).

    Its configuration bounds their length (`service_limits.max_exclude_polygons_length`). A pair without a time has no
    way left where roads are closed; where none is, the table has holes and is not used.
    """

    name = "Valhalla"

    async def _asked(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
        where = [{"lat": round(stop.latitude, 6), "lon": round(stop.longitude, 6)} for stop in stops]
        asked: dict[str, Any] = {"sources": where, "targets": where, "costing": "bus", "units": "kilometers"}
        if closed:
            asked["exclude_polygons"] = outlines(closed)
        answer = await self._client.post(f"{self._address}/sources_to_targets", json=asked, timeout=self._timeout)
        rows = _of(answer, "sources_to_targets")
        nowhere = math.inf if closed else math.nan
        try:
            times = [[nowhere if pair["time"] is None else pair["time"] for pair in row] for row in rows]
        except (KeyError, TypeError) as error:
            raise Unavailable(f"the answer is not a matrix of times: {error!r}") from error
        found = self._table(times, len(stops))
        if not (found >= UNREACHABLE).any():
            return found
        # Unless it has holes without the closures too; and a depot on closed ground can be left and reached.
        free = await self._asked(stops, hours, ())
        on_it = np.array([stop.closed_because is not None for stop in stops], np.bool_)
        return np.where((on_it[:, None] | on_it) & (found >= UNREACHABLE), free, found)


def _of(answer: httpx.Response, name: str) -> Any:
    """A member of the answer. Raises as httpx does, and `Unavailable` for what is no JSON object with it."""
    answer.raise_for_status()
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"the answer has no {name}: {error!r}") from error


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
