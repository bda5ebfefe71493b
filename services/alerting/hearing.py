"""Asks the other gauges of a river when it matters: at a suspect value, at a raise, and when a doubt may be lifted."""

from __future__ import annotations

from collections.abc import Iterable

from broker.ports import Transaction
from schemas.river import Quality, Stage, Trend
from services.alerting.effects import Effects, Move
from services.alerting.intake import GaugeKey
from services.alerting.memory import Held, Memory, Tenant
from services.alerting.neighbours import Neighbour, hear
from services.alerting.rules import annotate
from services.alerting.state import Kind, Note
from services.alerting.store import SQL, load_gauges


class Hearing:
    """One batch's hearing, in its transaction."""

    def __init__(self, tx: Transaction, tenant: Tenant, memory: Memory) -> None:
        self._tx = tx
        self._tenant = tenant
        self._memory = memory

    async def hear(self, effects: Effects) -> None:
        """Let neighbours endorse doubted readings or doubt raised ones, and add what follows to `effects`."""
        if not effects.changed:
            return
        asking = {move.gauge.key.entity_id: move.gauge for move in (*effects.suspects, *_grave(effects))}
        doubted = await self._doubted(effects.changed.values())
        asking.update((gauge.key.entity_id, gauge) for gauge in doubted)
        rivers = {gauge.profile.river for gauge in asking.values()} - {""}
        if not rivers:
            return
        standing = await self._standing(rivers)
        for entity_id, gauge in sorted(asking.items()):
            others = [n for other, n in standing.get(gauge.profile.river, {}).items() if other != entity_id]
            self._ask(gauge, others, effects)

    def _ask(self, gauge: Held, others: list[Neighbour], effects: Effects) -> None:
        head = gauge.state.head
        age = self._tenant.book.section(gauge.key.station).quality.neighbour_age_min * 60
        note = hear(others, head.at, age)
        wanted = Note.ENDORSED if head.doubt_rank > 0 else Note.DOUBTED
        if note is wanted and (head.at, note) not in gauge.state.notes:
            outcome = annotate(gauge.state, head.at, note, gauge.rules)
            gauge.state = outcome.state
            effects.add(gauge, outcome)
            effects.to_save[gauge.key.entity_id] = gauge

    async def _doubted(self, changed: Iterable[Held]) -> list[Held]:
        """Gauges whose reading is doubted, on rivers where something has just changed. Those that this process does
        not hold are loaded for this once: saving them by revision tells if another process has gone on with them."""
        rivers = {gauge.profile.river for gauge in changed} - {""}
        rows = await self._tx.fetch(SQL["doubted"], self._tenant.id)
        keys = [GaugeKey(self._tenant.name, row["entity_id"]) for row in rows if row["river"] in rivers]
        absent = self._memory.missing(keys)
        loaded = await load_gauges(self._tx, self._tenant, {key.entity_id: 0.0 for key in absent}) if absent else None
        present = [self._memory.gauges[key] for key in keys if key in self._memory.gauges]
        found = present + (loaded.gauges if loaded else [])
        return [gauge for gauge in found if gauge.state.head.doubt_rank > 0]

    async def _standing(self, rivers: Iterable[str]) -> dict[str, dict[str, Neighbour]]:
        """Every gauge of these rivers as it stands: as stored, or newer where this process holds it."""
        standing: dict[str, dict[str, Neighbour]] = {}
        for row in await self._tx.fetch(SQL["neighbours"], self._tenant.id, sorted(rivers)):
            stored = Neighbour(
                row["observed_at"].timestamp(), row["rank"], Trend(row["trend"]), Quality(row["quality"])
            )
            standing.setdefault(row["river"], {})[row["entity_id"]] = stored
        for gauge in self._memory.gauges.values():
            river = gauge.profile.river
            head = gauge.state.head
            if river in standing and head.base is not None:
                standing[river][gauge.key.entity_id] = Neighbour(head.at, head.rank, head.trend, head.quality)
        return standing


def _grave(effects: Effects) -> list[Move]:
    """Raises to caution or above."""
    return [
        move
        for move in effects.moves
        if move.decision.kind is Kind.RAISE and move.decision.after.rank >= Stage.CAUTION.rank
    ]
