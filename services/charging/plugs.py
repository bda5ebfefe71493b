"""Connectors as the balancer sees them, what their vehicles would take, and what each should have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.charging.disaster import Emergency, Priority, ruled
from services.charging.sessions import Session
from services.charging.sharing import Cap, Demand, Key, allocate, weight_of
from services.charging.stations import Connector

_LEAST_A, _VOLTS = 6.0, 200.0
_USUAL_BATTERY_WH = 40_000.0
NOWHERE = ""
"""The site of stations that are at none. No limit is shared there, but the disaster mode holds for them too."""


class Needs(NamedTuple):
    """What a vehicle asked for: energy still wanted (Wh), when it departs, and the most that it can take (W)."""

    at: datetime
    energy_wh: float | None
    departs_at: datetime | None
    most_w: float | None


class Plug(NamedTuple):
    """A connector of a site: what it was told, what it may draw at the most until then, and its session.

    `told_for` is the transaction that it was told for, None for whatever car comes; `default_w` is what it was last
    told for whatever car comes.
    """

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
    asks: Needs | None = None
    told_for: str | None = None
    default_w: float | None = None
    booted_at: datetime | None = None

    @property
    def asks_anew(self) -> bool:
        """Its vehicle has asked for something since the station was last told its limit, and waits for a profile."""
        return self.asks is not None and self.site != NOWHERE and (self.told_at is None or self.told_at < self.asks.at)

    @property
    def stale(self) -> bool:
        """What it was told does not hold any more: the limit of a transaction ends with it (OCPP 1.6, 3.13.1), and a
        station that booted since may have lost it."""
        return self._booted or self._over

    @property
    def _booted(self) -> bool:
        return self.told_at is not None and self.booted_at is not None and self.booted_at > self.told_at

    @property
    def _over(self) -> bool:
        return self.told_for is not None and (self.session is None or self.session.transaction != self.told_for)

    @property
    def least_w(self) -> float:
        """What a vehicle there takes at the least."""
        return least_of(self.most_w, self.phases)

    @property
    def drawing_w(self) -> float:
        """The most that it can draw now. Who was never told anything may draw all once a car is there."""
        if self.watts is None or self._booted:
            return self.most_w if self.session is not None else 0.0
        if self._over:
            return self.most_w if self.default_w is None else self.default_w
        return max(self.watts, self.before_w) if self.pending else self.watts


def least_of(most_w: float, phases: int) -> float:
    """6 A on each phase: below this a vehicle does not charge (IEC 61851-1)."""
    return min(_LEAST_A * _VOLTS * phases, most_w)


def open_to_drivers(
    connector: Connector, priority: Priority, emergency: Emergency | None, *, flooded: bool
) -> Connector:
    """A connector as the public sees it: where the disaster mode stops it, it is not free. Nobody is to drive there."""
    demand = Demand(("", connector.number), connector.most_w)
    allowed = ruled(demand, priority, emergency, flooded=flooded).most_w
    stopped = connector.status == "Available" and allowed < least_of(connector.most_w, connector.phases)
    return connector._replace(status="Unavailable") if stopped else connector


class Node(NamedTuple):
    """A site, or a feeder or district above sites: its limit now, and the sites whose load it counts, itself too."""

    id: str
    limit_w: float
    sharing: Any
    sites: frozenset[str]


def demand_of(plug: Plug, session: Session, sharing: Any, now: datetime) -> Demand:
    """What a vehicle would take, weighed by what it asked for; where it asked for nothing, by its battery's state."""
    asks = plug.asks or Needs(now, None, None, None)
    need = asks.energy_wh
    if need is None and session.soc is not None:
        need = max(100 - session.soc, 0) / 100 * _USUAL_BATTERY_WH
    left = None if asks.departs_at is None else (asks.departs_at - now).total_seconds() / 3600
    most = plug.most_w if asks.most_w is None else min(plug.most_w, asks.most_w)
    return Demand(plug.key, most, min(plug.least_w, most), weight=weight_of(sharing, need, left))


def targets_of(
    plugs: Iterable[Plug], nodes: Sequence[Node], emergency: Emergency | None, now: datetime
) -> dict[Key, float]:
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
            found[plug.key] = _for_whoever_comes(plug, emergency)
            continue
        demand = demand_of(plug, plug.session, sharing[plug.site], now)
        since = plug.session.started_at or plug.session.last_at
        demands.append((since, ruled(demand, plug.priority, emergency, flooded=plug.flooded)))
    waiting = [demand for _, demand in sorted(demands, key=lambda each: each[0])]
    return {**found, **allocate(nodes[0].limit_w, waiting, caps_of(plugs, nodes))}


def _for_whoever_comes(plug: Plug, emergency: Emergency | None) -> float:
    """What a car that comes may begin with: its least; where nothing is shared, all that the disaster mode leaves."""
    allowed = ruled(Demand(plug.key, plug.most_w), plug.priority, emergency, flooded=plug.flooded).most_w
    if allowed < plug.least_w:
        return 0.0
    return allowed if plug.site == NOWHERE else plug.least_w


def caps_of(plugs: Sequence[Plug], nodes: Sequence[Node]) -> list[Cap]:
    """The limits below the top one, each of the connectors that it holds for."""
    return [Cap(node.limit_w, frozenset(p.key for p in plugs if p.site in node.sites)) for node in nodes[1:]]


def asked(row: Mapping[str, Any]) -> Needs | None:
    """What the vehicle asked for, less what the register has risen since."""
    if row["needs_at"] is None:
        return None
    energy, start, now = row["need_wh"], row["need_from_wh"], row["meter_wh"]
    if energy is not None and start is not None and now is not None:
        energy = max(energy - max(now - start, 0.0), 0.0)
    return Needs(row["needs_at"], energy, row["departs_at"], row["vehicle_w"])
