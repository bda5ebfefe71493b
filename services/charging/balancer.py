"""Holds each site's load by telling its stations how much they may draw, again and again, by what they say."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from broker.errors import Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.waiting import rounds
from schemas.clock import JST, Clock, utc_now
from services.charging.disaster import Emergency
from services.charging.plugs import NOWHERE, Node, Plug, asked, caps_of, targets_of
from services.charging.sessions import parse
from services.charging.settings import ChargingSettings
from services.charging.sharing import steps

_SQL = load("services.charging", "balance")
_COMMAND_SECONDS = 120
_AGAIN = timedelta(seconds=60)
_WORTH_W = 50.0
"""Differences below this are not told: each one is a message to a station."""
_NO_SITE = {"id": NOWHERE, "part_of": None, "limit_w": math.inf, "sharing": "fair", "windows": "[]", "meter": None}
_log = logging.getLogger(__name__)


def limit_at(limit_w: float, windows: Sequence[dict[str, Any]], now: datetime) -> float:
    """The site's limit at a time: the lowest of its own and of the peak cuts in force."""
    local = now.astimezone(JST)
    minute = local.hour * 60 + local.minute
    cuts = [float(each["limitW"]) for each in windows if _within(minute, each["from"], each["until"])]
    return min([limit_w, *cuts])


class Metered(NamedTuple):
    """What a meter said, in watts, and when."""

    watts: float
    at: datetime


def metered(attribute: str | None, now: datetime, fresh: timedelta) -> Metered | None:
    """What a meter's attribute (JSON) says, None where it is too old, has no time, or is no number."""
    told = json.loads(attribute) if attribute else {}
    value, at = told.get("value"), told.get("observedAt")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(at, str):
        return None
    heard = datetime.fromisoformat(at)
    if now - heard > fresh:
        return None
    return Metered(float(value) * (1000.0 if told.get("unitCode") == "KWT" else 1.0), heard)


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


class Balancer:
    """One round for every site, each in a transaction of its own; of several processes one does it."""

    def __init__(self, database: Database, settings: ChargingSettings, clock: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Look at every site every `balance_s`, until `stop`."""
        async for _ in rounds(stop=stop, every=self._settings.balance_s):
            try:
                await self.round()
            except (Conflict, Unavailable) as error:
                _log.warning("the load is looked at later: %s", error)

    async def round(self) -> int:
        """Look at every site once; how many connectors were told something."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(_SQL["sites"])
            at_no_site = await tx.fetch(_SQL["at_no_site"])
        cities: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for row in at_no_site:
            cities[row["tenant"]][NOWHERE] = _NO_SITE
        for row in rows:
            cities[row["tenant"]][row["id"]] = row
        count = 0
        for tenant, sites in cities.items():
            for tree in trees({name: row["part_of"] for name, row in sites.items()}):
                async with self._database.transaction() as tx:
                    if await tx.fetchval(_SQL["lock"], f"{tenant}/{next(iter(tree))}"):
                        count += await self._hold(tx, tenant, tree, sites)
        return count

    async def _node(
        self, tx: Transaction, tenant: str, row: Any, sites: frozenset[str], plugs: Sequence[Plug], now: datetime
    ) -> Node:
        limit = limit_at(row["limit_w"], json.loads(row["windows"]), now) * (1 - self._settings.reserve)
        if row["meter"] is not None:
            here = [plug for plug in plugs if plug.site in sites]
            limit -= await self._others(tx, tenant, row, here, now)
        return Node(row["id"], max(limit, 0.0), row["sharing"], sites)

    async def _others(self, tx: Transaction, tenant: str, row: Any, here: Sequence[Plug], now: datetime) -> float:
        """What else draws at a site, as its meter's last message left it.

        It is reckoned once for each message, with what the stations drew then: a station that reports before the meter
        does would else look like a building that draws less, and the room for it would be given out twice.
        """
        total = metered(row["metered"], now, timedelta(seconds=self._settings.meter_s))
        if total is None:
            return float(row["base_w"])
        if row["others_at"] == total.at:
            return float(row["others_w"])
        others = max(total.watts - sum(min(plug.power_w, plug.drawing_w) for plug in here), 0.0)
        await tx.execute(_SQL["note_others"], tenant, row["id"], others, total.at)
        return others

    async def _hold(
        self, tx: Transaction, tenant: str, tree: Mapping[str, frozenset[str]], sites: Mapping[str, Any]
    ) -> int:
        now = self._clock()
        row = await tx.fetchrow(_SQL["emergency"], tenant)
        emergency = None if row is None else Emergency(row["public_cap_w"], row["emergency_floor_w"])
        plugs = [self._plug(each, now) for each in await tx.fetch(_SQL["connectors"], tenant, list(tree))]
        nodes = [await self._node(tx, tenant, sites[name], below, plugs, now) for name, below in tree.items()]
        targets = targets_of(plugs, nodes, emergency, now)
        charging = {plug.key: targets[plug.key] for plug in plugs if plug.session is not None}
        drawing = {plug.key: plug.drawing_w for plug in plugs if plug.session is not None}
        least = min((plug.least_w for plug in plugs), default=0.0)
        told = steps(nodes[0].limit_w, charging, drawing, least, caps_of(plugs, nodes))
        for plug in plugs:
            unheard = plug.pending and plug.connected and plug.told_at is not None and now - plug.told_at >= _AGAIN
            again = unheard or ((plug.asks_anew or plug.stale) and plug.connected)
            if plug.site == NOWHERE and targets[plug.key] >= plug.most_w and await self._is_free(tx, tenant, plug):
                continue
            if plug.session is None and (plug.watts != targets[plug.key] or again):
                told[plug.key] = targets[plug.key]
            elif plug.watts is None or again:
                told.setdefault(plug.key, min(targets[plug.key], plug.drawing_w))
        await self._note_loads(tx, tenant, nodes, plugs, now)
        count = 0
        for plug in plugs:
            watts = told.get(plug.key)
            if watts is None or (not (plug.asks_anew or plug.stale) and _is_idle(plug, watts, now)):
                continue
            count += await self._tell(tx, tenant, plug, watts, now)
        return count

    async def _note_loads(
        self, tx: Transaction, tenant: str, nodes: Sequence[Node], plugs: Sequence[Plug], now: datetime
    ) -> None:
        """Keep what each site draws for its chart, and forget what is older than `load_days`."""
        for node in nodes:
            if node.id == NOWHERE:
                continue
            here = [plug for plug in plugs if plug.site in node.sites]
            given = sum(plug.drawing_w for plug in here if plug.session is not None)
            drawn = sum(plug.power_w for plug in here)
            await tx.execute(_SQL["note_load"], tenant, node.id, now, drawn, given, node.limit_w)
            if now.minute == 0:
                await tx.execute(_SQL["forget_load"], tenant, node.id, now - timedelta(days=self._settings.load_days))

    async def _is_free(self, tx: Transaction, tenant: str, plug: Plug) -> bool:
        """Whether a station at no site may draw all, and knows: then it is steered no longer."""
        if plug.watts is None:
            return True
        if plug.pending or plug.stale or plug.told_for is not None or plug.watts < plug.most_w:
            return False
        await tx.execute(_SQL["release"], tenant, *plug.key)
        return True

    def _plug(self, row: Any, now: datetime) -> Plug:
        reaction = timedelta(seconds=self._settings.reaction_s)
        followed = row["told"] == "done" and now >= row["asked_at"] + reaction if row["watts"] is not None else True
        return Plug(
            (row["station"], row["connector"]), row["site"], row["most_w"], row["phases"], row["unit"], row["priority"],
            row["flooded"], row["connected"], parse(json.loads(row["session"])) if row["session"] else None,
            row["power_w"] or 0.0, row["watts"], row["before_w"] or 0.0, not followed, row["asked_at"], asked(row),
            row["told_for"], row["default_w"], row["booted_at"],
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
        told_for = plug.session.transaction if plug.session is not None else None
        await tx.execute(_SQL["told"], tenant, station, connector, watts, plug.drawing_w, number, now, told_for)
        return 1


def _is_idle(plug: Plug, watts: float, now: datetime) -> bool:
    """Whether telling it so much would be noise: hardly a difference, or no less than what it has yet to follow."""
    if plug.watts is not None and 0 < abs(plug.watts - watts) < _WORTH_W:
        return True
    return plug.pending and plug.told_at is not None and now - plug.told_at < _AGAIN and watts >= (plug.watts or 0)


def _within(minute: int, start: float, end: float) -> bool:
    return start <= minute < end if start <= end else minute >= start or minute < end
