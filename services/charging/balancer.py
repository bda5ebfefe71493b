"""Holds each site's load by telling its stations how much they may draw, again and again, by what they say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from broker.errors import Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import JST, Clock, utc_now
from services.charging.disaster import Emergency, ruled
from services.charging.sessions import Session, parse
from services.charging.settings import ChargingSettings
from services.charging.sharing import Demand, Key, allocate, steps, weight_of

_SQL = load("services.charging", "balance")
_LEAST_A, _VOLTS = 6.0, 200.0
_COMMAND_SECONDS = 120
_AGAIN = timedelta(seconds=60)
_WORTH_W = 50.0
"""Differences below this are not told: each one is a message to a station."""
_log = logging.getLogger(__name__)


class Plug(NamedTuple):
    """A connector of a site: what it was told, what it may draw at the most until then, and its session."""

    key: Key
    most_w: float
    phases: int
    unit: str
    priority: Any
    flooded: bool
    connected: bool
    session: Session | None
    watts: float | None
    before_w: float
    pending: bool
    told_at: datetime | None

    @property
    def least_w(self) -> float:
        """6 A on each phase: below this a vehicle does not charge (IEC 61851-1)."""
        return min(_LEAST_A * _VOLTS * self.phases, self.most_w)

    @property
    def drawing_w(self) -> float:
        """The most that it can draw now. Who was never told anything may draw all once a car is there."""
        if self.watts is None:
            return self.most_w if self.session is not None else 0.0
        return max(self.watts, self.before_w) if self.pending else self.watts


def limit_at(limit_w: float, windows: Sequence[dict[str, Any]], now: datetime) -> float:
    """The site's limit at a time: the lowest of its own and of the peak cuts in force."""
    local = now.astimezone(JST)
    minute = local.hour * 60 + local.minute
    cuts = [float(each["limitW"]) for each in windows if _within(minute, each["from"], each["until"])]
    return min([limit_w, *cuts])


def targets_of(plugs: Iterable[Plug], limit_w: float, sharing: Any, emergency: Emergency | None) -> dict[Key, float]:
    """What each connector should have: a share where a car is, else its least, so that one that comes can begin.

    What connectors without a car may draw is not counted: a car that comes begins at the least, and within the time of
    reaction the shares are made anew.
    """
    found: dict[Key, float] = {}
    demands: list[tuple[datetime, Demand]] = []
    for plug in plugs:
        if plug.session is None:
            stopped = emergency is not None and (
                plug.flooded or (plug.priority == "public" and emergency.public_cap_w < plug.least_w)
            )
            found[plug.key] = 0.0 if stopped else plug.least_w
            continue
        soc = plug.session.soc
        need = None if soc is None else max(100 - soc, 0) / 100 * 40_000
        demand = Demand(plug.key, plug.most_w, plug.least_w, weight=weight_of(sharing, need, None))
        since = plug.session.started_at or plug.session.last_at
        demands.append((since, ruled(demand, plug.priority, emergency, flooded=plug.flooded)))
    shares = allocate(limit_w, [demand for _, demand in sorted(demands, key=lambda each: each[0])])
    return {**found, **shares}


class Balancer:
    """One round for every site, each in a transaction of its own; of several processes one does it."""

    def __init__(self, database: Database, settings: ChargingSettings, clock: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Look at every site every `balance_s`, until `stop`."""
        while not stop.is_set():
            try:
                await self.round()
            except (Conflict, Unavailable) as error:
                _log.warning("the load is looked at later: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.balance_s)

    async def round(self) -> int:
        """Look at every site once; how many connectors were told something."""
        async with self._database.transaction() as tx:
            sites = await tx.fetch(_SQL["sites"])
        count = 0
        for site in sites:
            async with self._database.transaction() as tx:
                if await tx.fetchval(_SQL["lock"], f"{site['tenant']}/{site['id']}"):
                    count += await self._site(tx, site)
        return count

    async def _site(self, tx: Transaction, site: Any) -> int:
        now, tenant = self._clock(), site["tenant"]
        row = await tx.fetchrow(_SQL["emergency"], tenant)
        emergency = None if row is None else Emergency(row["public_cap_w"], row["emergency_floor_w"])
        plugs = [self._plug(each, now) for each in await tx.fetch(_SQL["connectors"], tenant, site["id"])]
        limit = limit_at(site["limit_w"], json.loads(site["windows"]), now) * (1 - self._settings.reserve)
        targets = targets_of(plugs, limit, site["sharing"], emergency)
        charging = {plug.key: targets[plug.key] for plug in plugs if plug.session is not None}
        drawing = {plug.key: plug.drawing_w for plug in plugs if plug.session is not None}
        least = min((plug.least_w for plug in plugs), default=0.0)
        told = steps(limit, charging, drawing, least)
        for plug in plugs:
            unheard = plug.pending and plug.connected and plug.told_at is not None and now - plug.told_at >= _AGAIN
            if plug.session is None and (plug.watts != targets[plug.key] or unheard):
                told[plug.key] = targets[plug.key]
            elif (plug.watts is None or unheard) and targets[plug.key] <= plug.drawing_w:
                told.setdefault(plug.key, targets[plug.key])
        count = 0
        for plug in plugs:
            watts = told.get(plug.key)
            if watts is None or (plug.watts is not None and 0 < abs(plug.watts - watts) < _WORTH_W):
                continue
            if plug.pending and plug.told_at is not None and now - plug.told_at < _AGAIN and watts >= (plug.watts or 0):
                continue
            count += await self._tell(tx, tenant, plug, watts, now)
        return count

    def _plug(self, row: Any, now: datetime) -> Plug:
        reaction = timedelta(seconds=self._settings.reaction_s)
        followed = row["told"] == "done" and now >= row["asked_at"] + reaction if row["watts"] is not None else True
        return Plug(
            (row["station"], row["connector"]), row["most_w"], row["phases"], row["unit"], row["priority"],
            row["flooded"], row["connected"], parse(json.loads(row["session"])) if row["session"] else None,
            row["watts"], row["before_w"] or 0.0, not followed, row["asked_at"],
        )  # fmt: skip

    async def _tell(self, tx: Transaction, tenant: str, plug: Plug, watts: float, now: datetime) -> int:
        station, connector = plug.key
        number = secrets.token_urlsafe(12)
        arguments: dict[str, Any] = {
            "connector": connector,
            "watts": round(watts, 1),
            "unit": plug.unit,
            "phases": plug.phases,
        }
        if plug.session is not None:
            arguments["transaction"] = plug.session.transaction
        expires = now + timedelta(seconds=_COMMAND_SECONDS)
        if await tx.fetchval(_SQL["command"], tenant, number, station, json.dumps(arguments), now, expires) is None:
            return 0
        await tx.execute(_SQL["told"], tenant, station, connector, watts, plug.drawing_w, number, now)
        return 1


def _within(minute: int, start: float, end: float) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end
