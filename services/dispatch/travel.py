"""How long driving takes between stops: one port, three drivers (straight line, a file by hour, OSRM over HTTP)."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import httpx
import numpy as np

from broker.errors import Invalid, Unavailable
from services.dispatch.engine.arrays import Floats
from services.dispatch.values import Stop

EARTH_KM = 6371.0
_log = logging.getLogger(__name__)


class TravelTimes(Protocol):
    """Minutes between stops."""

    async def minutes(self, stops: Sequence[Stop], hour: int) -> Floats:
        """(P, P) minutes from each stop to each other, setting out in `hour` (0 … 23 in Japan)."""


class StraightLine:
    """The distance over the ground, lengthened as roads are, at one speed for each hour."""

    def __init__(self, speed: float, detour: float, by_hour: Mapping[int, float] | None = None) -> None:
        self._speed, self._detour, self._by_hour = speed, detour, by_hour or {}

    async def minutes(self, stops: Sequence[Stop], hour: int) -> Floats:
        """See `TravelTimes`."""
        where = np.radians([[stop.longitude, stop.latitude] for stop in stops]).reshape(-1, 2)
        apart = where[:, None, :] - where[None, :, :]
        chord = np.sin(apart[..., 1] / 2) ** 2
        chord = chord + np.outer(np.cos(where[:, 1]), np.cos(where[:, 1])) * np.sin(apart[..., 0] / 2) ** 2
        km = 2 * EARTH_KM * np.arcsin(np.sqrt(chord))
        return np.asarray(km * self._detour / self._by_hour.get(hour, self._speed) * 60, np.float64)


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

    async def minutes(self, stops: Sequence[Stop], hour: int) -> Floats:
        """See `TravelTimes`. Pairs that the file does not know are the fallback's."""
        found = await self._fallback.minutes(stops, hour)
        for i, one in enumerate(stops):
            for j, other in enumerate(stops):
                known = self._known.get((hour, one.id, other.id), self._known.get((None, one.id, other.id)))
                if known is not None:
                    found[i, j] = known
        return found


class Osrm:
    """OSRM's table service; when it does not answer in time, or not sensibly, the fallback does."""

    def __init__(self, client: httpx.AsyncClient, address: str, timeout_s: float, fallback: TravelTimes) -> None:
        self._client, self._address, self._timeout, self._fallback = client, address.rstrip("/"), timeout_s, fallback

    async def minutes(self, stops: Sequence[Stop], hour: int) -> Floats:
        """See `TravelTimes`."""
        try:
            return await self._ask(stops)
        except (httpx.HTTPError, Unavailable) as error:
            _log.warning("OSRM at %s gave no travel times (%s); the fallback's are used", self._address, error)
            return await self._fallback.minutes(stops, hour)

    async def _ask(self, stops: Sequence[Stop]) -> Floats:
        where = ";".join(f"{stop.longitude:.6f},{stop.latitude:.6f}" for stop in stops)
        answer = await self._client.get(f"{self._address}/table/v1/driving/{where}", timeout=self._timeout)
        answer.raise_for_status()
        try:
            seconds = np.array(answer.json()["durations"], np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"the answer is not a table of durations: {error!r}") from error
        if seconds.shape != (len(stops), len(stops)) or not np.isfinite(seconds).all() or (seconds < 0).any():
            raise Unavailable("the table of durations has holes: some stop cannot be reached by road")
        return np.asarray(seconds / 60)


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
