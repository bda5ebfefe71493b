"""The consumer of the topic `changes`: where buses are, and stops and roads that a rising river closes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from broker.errors import Invalid, UnknownTenant
from broker.ports import Database, Record, Transaction
from broker.sql import load
from schemas.change import Change, changes_of_types
from schemas.river import STAGE_NAMES, STAGES, Stage
from services.dispatch import store
from services.dispatch.crew import Crew
from services.dispatch.days import Days
from services.dispatch.desk import BookingDesk
from services.dispatch.reroute import Anew
from services.dispatch.values import ClosureRule

SQL = load("services.dispatch", "watching")
_log = logging.getLogger(__name__)
_LOOKED_AT = frozenset({"Vehicle", "FloodMonitoring"})


async def load_rules(tx: Transaction) -> list[ClosureRule]:
    """The tenant's rules."""
    return [_rule(row) for row in await tx.fetch(SQL["rules"])]


async def save_rule(tx: Transaction, rule: ClosureRule) -> None:
    """Add a rule, or give it these values. Raises `Invalid` for stops or roads that there are not."""
    unknown = sorted(set(rule.stops) - {stop.id for stop in await store.load_stops(tx)})
    if unknown:
        raise Invalid(f"there is no stop {unknown[0]!r}", field="stops")
    strange = sorted(set(rule.roads) - {road.id for road in await store.load_roads(tx)})
    if strange:
        raise Invalid(f"there is no road {strange[0]!r}; draw it first", field="roads")
    if rule.stage not in STAGES[1:]:
        raise Invalid(f"a stage is one of {', '.join(STAGES[1:])}", field="stage")
    await tx.execute(SQL["save_rule"], rule.gauge, rule.stage.value, list(rule.stops), list(rule.roads))


class _Close(Protocol):
    async def __call__(self, tenant: str, day: date, name: str, because: str, /, *, by: str | None) -> Anew: ...


class ChangeWatcher:
    """`handle` is a `broker.consume.Handle`. Everything it does may be done twice."""

    def __init__(self, database: Database, days: Days, desk: BookingDesk, crew: Crew) -> None:
        self._database, self._days, self._desk, self._crew = database, days, desk, crew

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """Take positions in with the batch; closures are transactions of their own, as they plan a whole day anew."""
        stages: dict[tuple[str, str], Stage] = {}
        for change in changes_of_types((record.value for record in records), _LOOKED_AT):
            if "Vehicle" in change.type:
                await self._place(tx, change)
            elif "FloodMonitoring" in change.type and (stage := _stage(change)) is not None:
                stages[change.tenant, change.entity] = stage
        for (tenant, gauge), stage in stages.items():
            await self._river(tenant, gauge, stage)

    async def _place(self, tx: Transaction, change: Change) -> None:
        location: Any = change.attributes.get("location")
        place = _point(location)
        if place is None:
            return
        at = location.get("observedAt")
        await tx.execute(SQL["become"], change.tenant)
        vehicle = change.entity.rpartition(":")[2]
        await self._crew.place(tx, vehicle, *place, datetime.fromisoformat(at) if at else change.at)

    async def _river(self, tenant: str, gauge: str, stage: Stage) -> None:
        try:
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(SQL["note_stage"], gauge, stage.value)
                rules = await load_rules(tx) if row else []
                stops = {stop.id: stop.closed_by for stop in await store.load_stops(tx) if stop.closed_because}
                roads = {road.id: road.closed_by for road in await store.load_roads(tx, closed=True)}
        except UnknownTenant:
            return
        if row is None or stage is Stage.UNKNOWN:
            return  # a gauge that is silent has not said that the water fell
        rule, desk = _rule(row), self._desk
        for stop in rule.stops:
            holding = next((other for other in rules if stop in other.stops and other.holds), None)
            await self._keep(tenant, stop, stops, holding, desk.close_stop, desk.open_stop)
        for road in rule.roads:
            holding = next((other for other in rules if road in other.roads and other.holds), None)
            await self._keep(tenant, road, roads, holding, desk.close_road, desk.open_road)

    async def _keep(
        self,
        tenant: str,
        name: str,
        closed: Mapping[str, str | None],
        holding: ClosureRule | None,
        close: _Close,
        reopen: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """Close what a rule holds and is open, open what none holds any more and a gauge closed."""
        if holding is not None and name not in closed:
            because = f"川の水位が{STAGE_NAMES[holding.now].ja}に達したため"
            anew = await close(tenant, self._days.today(), name, because, by=holding.gauge)
            _log.warning("%s of %s is closed by %s; promises broken: %d, moved: %d", name, tenant, holding.gauge,
                         len(anew.broken), len(anew.moved))  # fmt: skip
        elif holding is None and closed.get(name) is not None:
            await reopen(tenant, name)


def _rule(row: Any) -> ClosureRule:
    return ClosureRule(row["gauge"], Stage(row["stage"]), tuple(row["stops"]), Stage(row["now"]), tuple(row["roads"]))


def _stage(change: Change) -> Stage | None:
    attribute = change.attributes.get("stage")
    value = attribute.get("value") if isinstance(attribute, dict) else None
    return Stage(value) if value in list(Stage) else None


def _point(attribute: Any) -> tuple[float, float] | None:
    value = attribute.get("value") if isinstance(attribute, dict) else None
    coordinates = value.get("coordinates") if isinstance(value, dict) and value.get("type") == "Point" else None
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        return None
    return float(coordinates[0]), float(coordinates[1])
