"""Holds each site's load by telling its stations how much they may draw, again and again, by what they say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from broker.errors import Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import JST, Clock, utc_now
from services.charging.disaster import Emergency, ruled
from services.charging.sessions import Session, parse
from services.charging.settings import ChargingSettings
from services.charging.sharing import Cap, Demand, Key, allocate, steps, weight_of

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
    site: str
    most_w: float
    phases: int
    unit: str
    priority: Any
    flooded: bool
    connected: bool
    session: Session | None
    power_w: float
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


class Node(NamedTuple):
    """A site, or a feeder or district above sites: its limit now, and the sites whose load it counts, itself too."""

    id: str
    limit_w: float
    sharing: Any
    sites: frozenset[str]


def limit_at(limit_w: float, windows: Sequence[dict[str, Any]], now: datetime) -> float:
    """The site's limit at a time: the lowest of its own and of the peak cuts in force."""
    local = now.astimezone(JST)
    minute = local.hour * 60 + local.minute
    cuts = [float(each["limitW"]) for each in windows if _within(minute, each["from"], each["until"])]
    return min([limit_w, *cuts])


def metered(attribute: str | None, now: datetime, fresh: timedelta) -> float | None:
    """Watts that a meter's attribute (JSON) says, None where it is too old, has no time, or is no number."""
    told = json.loads(attribute) if attribute else {}
    value, at = told.get("value"), told.get("observedAt")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(at, str):
        return None
    if now - datetime.fromisoformat(at) > fresh:
        return None
    return float(value) * (1000.0 if told.get("unitCode") == "KWT" else 1.0)


def trees(parents: Mapping[str, str | None]) -> list[dict[str, frozenset[str]]]:
    """Sites that share a limit, one mapping for each top: from each site to all below it and itself, the top first.

    `parents` says what each is part of. Where a ring was made, none in it is a top, and none is held: `desk.save_site`
    refuses it.
    """
    below: defaultdict[str, set[str]] = defaultdict(set)
    tops: defaultdict[str, list[str]] = defaultdict(list)
    for site in parents:
        line = lineage(site, parents)
        if line is not None:
            tops[line[-1]].append(site)
            for above in line:
                below[above].add(site)
    return [{site: frozenset(below[site]) for site in sorted(sites, key=top.__ne__)} for top, sites in tops.items()]


def lineage(site: str, parents: Mapping[str, str | None]) -> list[str] | None:
    """The site, what it is part of, and so on up; None where that comes round to itself."""
    line = [site]
    while (above := parents.get(line[-1])) is not None:
        if above in line:
            return None
        line.append(above)
    return line


def targets_of(plugs: Iterable[Plug], nodes: Sequence[Node], emergency: Emergency | None) -> dict[Key, float]:
    """What each connector should have: a share where a car is, else its least, so that one that comes can begin.

    `nodes` are the sites, and the feeders above them, the top first.

    What connectors without a car may draw is not counted: a car that comes begins at the least, and within the time of
    reaction the shares are made anew.
    """
    found: dict[Key, float] = {}
    demands: list[tuple[datetime, Demand]] = []
    plugs, sharing = list(plugs), {node.id: node.sharing for node in nodes}
    for plug in plugs:
        if plug.session is None:
            stopped = emergency is not None and (
                plug.flooded or (plug.priority == "public" and emergency.public_cap_w < plug.least_w)
            )
            found[plug.key] = 0.0 if stopped else plug.least_w
            continue
        soc = plug.session.soc
        need = None if soc is None else max(100 - soc, 0) / 100 * 40_000
        demand = Demand(plug.key, plug.most_w, plug.least_w, weight=weight_of(sharing[plug.site], need, None))
        since = plug.session.started_at or plug.session.last_at
        demands.append((since, ruled(demand, plug.priority, emergency, flooded=plug.flooded)))
    waiting = [demand for _, demand in sorted(demands, key=lambda each: each[0])]
    return {**found, **allocate(nodes[0].limit_w, waiting, caps_of(plugs, nodes))}


def caps_of(plugs: Sequence[Plug], nodes: Sequence[Node]) -> list[Cap]:
    """The limits below the top one, each of the connectors that it holds for."""
    return [Cap(node.limit_w, frozenset(p.key for p in plugs if p.site in node.sites)) for node in nodes[1:]]


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
            rows = await tx.fetch(_SQL["sites"])
        cities: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for row in rows:
            cities[row["tenant"]][row["id"]] = row
        count = 0
        for tenant, sites in cities.items():
            for tree in trees({name: row["part_of"] for name, row in sites.items()}):
                async with self._database.transaction() as tx:
                    if await tx.fetchval(_SQL["lock"], f"{tenant}/{next(iter(tree))}"):
                        count += await self._hold(tx, tenant, tree, sites)
        return count

    def _node(self, row: Any, sites: frozenset[str], plugs: Sequence[Plug], now: datetime) -> Node:
        limit = limit_at(row["limit_w"], json.loads(row["windows"]), now) * (1 - self._settings.reserve)
        if row["meter"] is not None:
            drawn = sum(plug.power_w for plug in plugs if plug.site in sites)
            total = metered(row["metered"], now, timedelta(seconds=self._settings.meter_s))
            limit -= row["base_w"] if total is None else max(total - drawn, 0.0)
        return Node(row["id"], max(limit, 0.0), row["sharing"], sites)

    async def _hold(
        self, tx: Transaction, tenant: str, tree: Mapping[str, frozenset[str]], sites: Mapping[str, Any]
    ) -> int:
        now = self._clock()
        row = await tx.fetchrow(_SQL["emergency"], tenant)
        emergency = None if row is None else Emergency(row["public_cap_w"], row["emergency_floor_w"])
        plugs = [self._plug(each, now) for each in await tx.fetch(_SQL["connectors"], tenant, list(tree))]
        nodes = [self._node(sites[name], below, plugs, now) for name, below in tree.items()]
        targets = targets_of(plugs, nodes, emergency)
        charging = {plug.key: targets[plug.key] for plug in plugs if plug.session is not None}
        drawing = {plug.key: plug.drawing_w for plug in plugs if plug.session is not None}
        least = min((plug.least_w for plug in plugs), default=0.0)
        told = steps(nodes[0].limit_w, charging, drawing, least, caps_of(plugs, nodes))
        for plug in plugs:
            unheard = plug.pending and plug.connected and plug.told_at is not None and now - plug.told_at >= _AGAIN
            if plug.session is None and (plug.watts != targets[plug.key] or unheard):
                told[plug.key] = targets[plug.key]
            elif (plug.watts is None or unheard) and targets[plug.key] <= plug.drawing_w:
                told.setdefault(plug.key, targets[plug.key])
        await self._note_loads(tx, tenant, nodes, plugs, now)
        count = 0
        for plug in plugs:
            watts = told.get(plug.key)
            if watts is None or (plug.watts is not None and 0 < abs(plug.watts - watts) < _WORTH_W):
                continue
            if plug.pending and plug.told_at is not None and now - plug.told_at < _AGAIN and watts >= (plug.watts or 0):
                continue
            count += await self._tell(tx, tenant, plug, watts, now)
        return count

    async def _note_loads(
        self, tx: Transaction, tenant: str, nodes: Sequence[Node], plugs: Sequence[Plug], now: datetime
    ) -> None:
        """Keep what each site draws for its chart, and forget what is older than `load_days`."""
        for node in nodes:
            here = [plug for plug in plugs if plug.site in node.sites]
            given = sum(plug.drawing_w for plug in here if plug.session is not None)
            drawn = sum(plug.power_w for plug in here)
            await tx.execute(_SQL["note_load"], tenant, node.id, now, drawn, given, node.limit_w)
            if now.minute == 0:
                await tx.execute(_SQL["forget_load"], tenant, node.id, now - timedelta(days=self._settings.load_days))

    def _plug(self, row: Any, now: datetime) -> Plug:
        reaction = timedelta(seconds=self._settings.reaction_s)
        followed = row["told"] == "done" and now >= row["asked_at"] + reaction if row["watts"] is not None else True
        return Plug(
            (row["station"], row["connector"]), row["site"], row["most_w"], row["phases"], row["unit"], row["priority"],
            row["flooded"], row["connected"], parse(json.loads(row["session"])) if row["session"] else None,
            row["power_w"] or 0.0, row["watts"], row["before_w"] or 0.0, not followed, row["asked_at"],
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
