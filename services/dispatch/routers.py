"""Driving times from a router over HTTP: OSRM and Valhalla, with time-out, fallback, and what they told kept."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any

import httpx
import numpy as np

from broker.errors import Unavailable
from schemas.clock import JST, utc_now
from services.dispatch.engine.arrays import Floats
from services.dispatch.kept import Kept, Point, Table
from services.dispatch.roads import Road, outlines
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import UNREACHABLE, TravelTimes, longer
from services.dispatch.values import Stop

QUIET_S = 60.0
"""A router that failed is left alone for so long: nobody waits for its time-out again and again."""
MOST_WAITS = 10
"""What is prepared may take so many time-outs of one question in all."""
AT_ONCE = 4
_WEDNESDAY = 2
_Monotonic = Callable[[], float]
_log = logging.getLogger(__name__)


class Router:
    """What a router tells is kept by pair and hour; where it fails, the fallback answers for what is not known yet."""

    name: str
    by_hour: bool
    asks = True

    def __init__(
        self,
        client: httpx.AsyncClient,
        address: str,
        timeout_s: float,
        fallback: TravelTimes,
        settings: DispatchSettings | None = None,
        now: _Monotonic = time.monotonic,
    ) -> None:
        kept = settings or DispatchSettings()
        self._client, self._address, self._timeout, self._fallback = client, address.rstrip("/"), timeout_s, fallback
        self._age, self._kept, self._now = kept.router_age_s, Kept(kept.router_pairs), now
        self._asking, self._quiet_until, self._revision = asyncio.Lock(), -math.inf, 0

    @property
    def revision(self) -> int:
        """Advances whenever the router has told something."""
        return self._revision + self._fallback.revision

    async def prepare(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> None:
        """See `TravelTimes`."""
        if not await self._try(stops, hours, closed, since=self._now() - self._age, wait=self._timeout * MOST_WAITS):
            await self._fallback.prepare(stops, hours, closed)

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`. Asks only for pairs that were never told; a whole day's drives belong to `prepare`."""
        await self._try(stops, hours, closed, since=-math.inf, wait=self._timeout)
        found = self._known(stops, hours, closed)
        holes = np.isnan(found)
        if holes.any():
            found = np.where(holes, await self._fallback.minutes(stops, hours, closed), found)
        return np.asarray(np.minimum(found, UNREACHABLE))

    def _known(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road]) -> Floats:
        """(P, P) minutes of the slowest hour; NaN where an hour is not known."""
        where = _points(stops)
        read = [self._table(hour, closed, where).read(where) for hour in self._hours(hours)]
        return np.asarray(reduce(np.maximum, read))

    async def _try(
        self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road], *, since: float, wait: float
    ) -> bool:
        """Ask for what nobody told at `since` or later; False when the router fails, or has lately."""
        if self._now() < self._quiet_until:
            return not np.isnan(self._known(stops, hours, closed)).any()
        try:
            async with asyncio.timeout(wait), self._asking:
                await self._ask(_points(stops), self._hours(hours), closed, since)
        except (httpx.HTTPError, Unavailable, TimeoutError) as error:
            self._quiet_until = self._now() + QUIET_S
            reason = f"{type(error).__name__}: {error}"
            _log.warning(
                "%s at %s gave no travel times (%s); the fallback's are used", self.name, self._address, reason
            )
            return False
        return True

    async def _ask(
        self, where: Sequence[Point], hours: Sequence[int | None], closed: Sequence[Road], since: float
    ) -> None:
        pending = self._lacking(where, hours, closed, since)

        async def work() -> None:
            for hour, table, sources, targets in pending:
                told = await self._asked(sources, targets, hour, closed)
                table.write(sources, targets, told, self._now())
                self._revision += 1

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(work())
        except* (httpx.HTTPError, Unavailable) as group:
            raise Unavailable(repr(group.exceptions[0])) from group

    def _lacking(
        self, where: Sequence[Point], hours: Sequence[int | None], closed: Sequence[Road], since: float
    ) -> Iterator[tuple[int | None, Table, list[Point], list[Point]]]:
        for hour in hours:
            table = self._table(hour, closed, where)
            for sources, targets in table.lacking(where, since):
                yield hour, table, sources, targets

    def _hours(self, hours: Sequence[int]) -> tuple[int | None, ...]:
        return tuple(sorted(set(hours))) if self.by_hour else (None,)

    def _table(self, hour: int | None, closed: Sequence[Road], where: Sequence[Point]) -> Table:
        return self._kept.table((hour, tuple((road.area, road.points) for road in closed)), where)

    async def _asked(
        self, sources: Sequence[Point], targets: Sequence[Point], hour: int | None, closed: Sequence[Road]
    ) -> Floats:
        """(sources, targets) minutes. Raises `Unavailable` for an answer that makes no sense, or as httpx does."""
        raise NotImplementedError


class Osrm(Router):
    """OSRM's table service: the same at all hours, as it takes no departure.

    It cannot be told of closed ground, so the fallback says what the way around adds.
    """

    name, by_hour = "OSRM", False

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`."""
        added = await longer(self._fallback, stops, hours, closed)
        return np.asarray(np.minimum(await super().minutes(stops, hours) + added, UNREACHABLE))

    async def prepare(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> None:  # noqa: ARG002
        """See `TravelTimes`."""
        await super().prepare(stops, hours)

    async def _asked(
        self,
        sources: Sequence[Point],
        targets: Sequence[Point],
        hour: int | None,  # noqa: ARG002
        closed: Sequence[Road],  # noqa: ARG002
    ) -> Floats:
        places = list(dict.fromkeys((*sources, *targets)))
        where = ";".join(f"{longitude:.6f},{latitude:.6f}" for longitude, latitude in places)
        chosen = (("sources", sources), ("destinations", targets))
        asked = {name: ";".join(str(places.index(one)) for one in some) for name, some in chosen if some != places}
        address = f"{self._address}/table/v1/driving/{where}"
        answer = await self._client.get(address, params=asked or None, timeout=self._timeout)
        return _minutes(_of(answer, "durations"), (len(sources), len(targets)))


class Valhalla(Router):
    """Valhalla's time-distance matrix, by hour of departure on a working day (`date_time`), around closed ground.

    Its configuration bounds the outlines of closed ground (`service_limits.max_exclude_polygons_length`) and says up to
    which distance departures count (`service_limits.max_timedep_distance_matrix`; 0, as delivered: never). A pair
    without a time has no way left where roads are closed; where none is, the answer has holes and is not used.
    """

    name, by_hour = "Valhalla", True

    async def minutes(self, stops: Sequence[Stop], hours: Sequence[int], closed: Sequence[Road] = ()) -> Floats:
        """See `TravelTimes`. A depot on closed ground can be left and reached."""
        found = await super().minutes(stops, hours, closed)
        cut = found >= UNREACHABLE
        if not closed or not cut.any():
            return found
        free = await super().minutes(stops, hours)
        on_it = np.array([stop.closed_because is not None for stop in stops], np.bool_)
        return np.where((on_it[:, None] | on_it) & cut, free, found)

    async def _asked(
        self, sources: Sequence[Point], targets: Sequence[Point], hour: int | None, closed: Sequence[Road]
    ) -> Floats:
        asked: dict[str, Any] = {"sources": _places(sources), "targets": _places(targets)}
        asked |= {"costing": "bus", "units": "kilometers", "date_time": {"type": 1, "value": _departure(hour or 0)}}
        if closed:
            asked["exclude_polygons"] = outlines(closed)
        answer = await self._client.post(f"{self._address}/sources_to_targets", json=asked, timeout=self._timeout)
        nowhere = math.inf if closed else math.nan
        try:
            rows = _of(answer, "sources_to_targets")
            times = [[nowhere if pair["time"] is None else pair["time"] for pair in row] for row in rows]
        except (KeyError, TypeError) as error:
            raise Unavailable(f"the answer is not a matrix of times: {error!r}") from error
        found = _minutes(times, (len(sources), len(targets)))
        if closed and (found >= UNREACHABLE).any():
            await self._asked(sources, targets, hour, ())  # holes that are there without the closures too are a failure
        return found


def _departure(hour: int) -> str:
    """That hour of the next Wednesday, as Valhalla reads it: a plan holds for working days' traffic."""
    today = utc_now().astimezone(JST).date()
    day = today + timedelta(days=(_WEDNESDAY - today.weekday() - 1) % 7 + 1)
    return f"{day}T{hour:02d}:00"


def _points(stops: Sequence[Stop]) -> list[Point]:
    return [(round(stop.longitude, 6), round(stop.latitude, 6)) for stop in stops]


def _places(points: Sequence[Point]) -> list[dict[str, float]]:
    return [{"lat": latitude, "lon": longitude} for longitude, latitude in points]


def _minutes(given: Any, shape: tuple[int, int]) -> Floats:
    """Seconds as minutes. Raises `Unavailable` unless there are as many rows and columns that make sense."""
    try:
        seconds = np.array(given, np.float64)
    except (ValueError, TypeError) as error:
        raise Unavailable(f"the answer is not a table of durations: {error!r}") from error
    if seconds.shape != shape or np.isnan(seconds).any() or (seconds < 0).any():
        raise Unavailable("the table of durations has holes: some stop cannot be reached by road")
    return np.asarray(np.minimum(seconds / 60, UNREACHABLE))


def _of(answer: httpx.Response, name: str) -> Any:
    """A member of the answer. Raises as httpx does, and `Unavailable` for what is no JSON object with it."""
    answer.raise_for_status()
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"the answer has no {name}: {error!r}") from error
