"""The consumer of the topic `changes`: new water levels in, decisions and everything that follows from them out.

One transaction for a batch: states, decisions, quality marks, alerts, entities and deliveries are written together
with the position in the log, or not at all. States are kept in memory between batches; the database is the truth.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from broker import telemetry
from broker.ports import Record, Transaction
from broker.store.entities import EntityWriter
from schemas.clock import Clock, utc_now
from services.alerting.effects import Effects
from services.alerting.hearing import Hearing
from services.alerting.intake import GaugeKey, readings_in
from services.alerting.memory import Held, Memory, Tenant
from services.alerting.publishing import Moment, Publisher
from services.alerting.readings import Reading, Removal
from services.alerting.rulebook import Rulebook
from services.alerting.rules import apply, remove
from services.alerting.settings import AlertingSettings
from services.alerting.store import SQL, advance_clock, forget_marks, load_gauges, refresh_tenants, save_gauges

_REREAD_EVERY_S = 10.0


class FloodHandler:
    """`handle` is a `broker.consume.Handle`. One per process; not for use by two tasks at once.

    `default` are the rules of tenants that have stored none.
    """

    def __init__(
        self, writer: EntityWriter, settings: AlertingSettings, default: Rulebook, clock: Clock = utc_now
    ) -> None:
        self._settings = settings
        self._default = default
        self._clock = clock
        self._publisher = Publisher(writer, settings)
        self._memory = Memory()
        self._devices_changed = False
        self._read_at = time.monotonic()

    def devices_changed(self) -> None:
        """Some device's profile was edited: read the profiles again, soon."""
        self._devices_changed = True

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """Apply a batch of change records. Whatever fails, nothing of the batch is remembered."""
        if self._devices_changed and time.monotonic() - self._read_at >= _REREAD_EVERY_S:
            self._memory.forget()
            self._devices_changed, self._read_at = False, time.monotonic()
        self._memory.follow(records)
        try:
            arrivals = readings_in(records)
            await self._refresh(tx, {key.tenant for key in arrivals.readings})
            grouped: defaultdict[str, dict[GaugeKey, list[Reading | Removal]]] = defaultdict(dict)
            for key, readings in arrivals.readings.items():
                if key.tenant in self._memory.tenants:
                    grouped[key.tenant][key] = readings
            for name, of_tenant in sorted(grouped.items()):
                tenant = self._memory.tenants[name]
                with telemetry.spans("judge", [arrivals.traces.get(key) for key in of_tenant]) as traces:
                    passed_on = {key.entity_id: trace for key, trace in zip(of_tenant, traces, strict=True) if trace}
                    await self._take_in(tx, tenant, of_tenant, arrivals.spoke, passed_on)
        except BaseException:
            self._memory.forget()
            raise

    async def _refresh(self, tx: Transaction, names: set[str]) -> None:
        if names:
            for tenant in await refresh_tenants(tx, sorted(names), self._memory.tenants, self._default):
                self._memory.set_tenant(tenant)

    async def _take_in(
        self,
        tx: Transaction,
        tenant: Tenant,
        readings: dict[GaugeKey, list[Reading | Removal]],
        spoke: Set[GaugeKey],
        traces: Mapping[str, str],
    ) -> None:
        readings = await self._with_unseen(tx, tenant, readings)
        effects = Effects()
        for key, rows in readings.items():
            gauge = self._memory.gauges[key]
            for row in rows:
                _judge(gauge, row, effects)
            if gauge.shown != gauge.ruled:
                effects.show(gauge)
            if gauge.state.head.at - gauge.stored_at >= self._settings.checkpoint_s:
                effects.to_save[key.entity_id] = gauge
        await forget_marks(tx, tenant, effects.removals)
        await self._returned(tx, tenant, readings.keys() & spoke, effects)
        effects.silent = await self._silent(tx, tenant, readings.keys() - spoke)
        await Hearing(tx, tenant, self._memory).hear(effects)
        if self._settings.clock == "data":
            heard = sorted(
                (row.at, key.entity_id) for key, rows in readings.items() for row in rows if isinstance(row, Reading)
            )
            await advance_clock(tx, tenant, [(gauge, at) for at, gauge in heard])
        if effects:
            await save_gauges(tx, tenant, list(effects.to_save.values()))
            await self._publisher.publish(tx, tenant, effects, self._moment(tenant), traces)

    async def _with_unseen(
        self, tx: Transaction, tenant: Tenant, readings: dict[GaugeKey, list[Reading | Removal]]
    ) -> dict[GaugeKey, list[Reading | Removal]]:
        """The readings, after those that a gauge's history has and its stored state has not seen."""
        missing = self._memory.missing(readings)
        if not missing:
            return readings
        until = {key.entity_id: readings[key][0].at for key in missing}
        loaded = await load_gauges(tx, tenant, until, unstored=self._settings.checkpoint_s)
        self._memory.gauges.update((gauge.key, gauge) for gauge in loaded.gauges)
        return {key: [*loaded.unseen.get(key, []), *rows] for key, rows in readings.items()}

    async def _returned(self, tx: Transaction, tenant: Tenant, heard: Set[GaugeKey], effects: Effects) -> None:
        """Gauges that were silent speak again: show their stage in place of "unknown"."""
        for row in await tx.fetch(SQL["returned"], tenant.id, sorted(key.entity_id for key in heard)):
            gauge = self._memory.gauges[GaugeKey(tenant.name, row["entity_id"])]
            effects.returned(gauge)

    async def _silent(self, tx: Transaction, tenant: Tenant, unheard: Set[GaugeKey]) -> set[str]:
        """Those that have been silent, of gauges that only a person has said something of."""
        if not unheard:
            return set()
        rows = await tx.fetch(SQL["silent"], tenant.id, sorted(key.entity_id for key in unheard))
        return {row["entity_id"] for row in rows}

    def _moment(self, tenant: Tenant) -> Moment:
        mode = self._settings.mode or tenant.book.document.mode
        return Moment(self._clock(), self._settings.clock == "data", mode)

    @property
    def held(self) -> dict[GaugeKey, Held]:
        """The gauges in memory, for metrics."""
        return self._memory.gauges


def _judge(gauge: Held, row: Reading | Removal, effects: Effects) -> None:
    """Take in one reading, or that one was taken out, and note what follows."""
    if isinstance(row, Removal):
        outcome = remove(gauge.state, row, gauge.rules)
        effects.removed(gauge, row.at, outcome)
    else:
        outcome = apply(gauge.state, row, gauge.rules)
    gauge.state = outcome.state
    if outcome.changed or outcome.marks:
        effects.add(gauge, outcome)
