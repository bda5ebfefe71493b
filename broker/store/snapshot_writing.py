"""Writing entities of a snapshot (ETSI GS CIM 009, 4.3.7, 5.5.15): what a plan would change, tried on a copy.

The state alone is written. A snapshot has no subscribers, and nothing follows from it: neither a row of history nor a
change event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import orjson

from broker.entities.merge import EntityUpdate
from broker.errors import Conflict, Invalid
from broker.ports import Transaction
from broker.sql import load
from broker.store import snapshots
from broker.store.effects import Next, change_of, fold, stamps_of, types_of
from broker.store.entities import Held, Written, held_of
from schemas.change import Change
from schemas.clock import iso

_SQL = load("broker.store", "snapshot_writing")
MOST_ENTITIES = 100_000


class SnapshotWriter:
    """As `broker.store.entities.EntityWriter`, for the snapshot `id_` of `owner`, at the time `now`. Each operation
    raises `NotFound` where there is no such snapshot (any more)."""

    def __init__(self, id_: str, owner: str, now: datetime) -> None:
        self._id, self._owner, self._now = id_, owner, now

    async def hold(self, tx: Transaction, _tenant: str, ids: Iterable[str]) -> Held:
        """Lock entities, for whoever decides from how they stand what to `write`."""
        await snapshots.use(tx, self._id, self._owner, self._now)
        return held_of(0, await tx.fetch(_SQL["lock"], sorted(set(ids))))

    async def write(
        self,
        tx: Transaction,
        tenant: str,
        updates: Sequence[EntityUpdate],
        *,
        at: datetime,
        trace: str | None = None,
        held: Held | None = None,
    ) -> Written:
        """Apply `updates` in order, each entity's together. Raises `Conflict` where somebody else was quicker."""
        stored = (held or await self.hold(tx, tenant, [update.id for update in updates])).stored
        grouped: defaultdict[str, list[EntityUpdate]] = defaultdict(list)
        for update in updates:
            grouped[update.id].append(update)
        changes: list[Change] = []
        inserts: list[Next] = []
        alterations: list[Next] = []
        for entity_id, its in grouped.items():
            before = stored.get(entity_id)
            merged = fold(before, its)
            if merged.changed:
                touched = stamps_of(before.doc, merged, iso(at)) if before else {}
                left = Next(merged.doc, msgspec.json.encode(merged.doc), touched)
                (alterations if before else inserts).append(left)
                changes.append(change_of(tenant, entity_id, before, merged, (), at, None, trace))
        await _save(tx, "update", alterations, at)
        if len(await _save(tx, "insert", inserts, at)) < len(inserts):
            raise Conflict("somebody else made one of these entities in the snapshot")
        if inserts and await tx.fetchval(_SQL["size"]) > MOST_ENTITIES:
            raise Invalid(f"a snapshot holds at most {MOST_ENTITIES} entities", field="$")
        return Written(changes, [])

    async def delete(
        self, tx: Transaction, tenant: str, ids: Sequence[str], *, at: datetime, trace: str | None = None
    ) -> list[Change]:
        """Delete entities. Those that are not there are passed over."""
        await snapshots.use(tx, self._id, self._owner, self._now)
        rows = await tx.fetch(_SQL["delete"], sorted(set(ids)))
        return [
            Change(
                tenant=tenant,
                entity=row["id"],
                type=types_of(orjson.loads(row["doc"])),
                op="delete",
                version=1,
                at=at,
                trace=trace,
            )
            for row in rows
        ]


async def _save(tx: Transaction, statement: str, entities: Sequence[Next], at: datetime) -> Sequence[object]:
    if not entities:
        return []
    # In order of id, as entities are locked: two who make the same ones wait for each other in no ring.
    ordered = sorted(entities, key=lambda entity: str(entity.doc["id"]))
    return await tx.fetch(
        _SQL[statement],
        [entity.doc["id"] for entity in ordered],
        [" ".join(types_of(entity.doc)) for entity in ordered],
        [entity.text.decode() for entity in ordered],
        [msgspec.json.encode(entity.touched).decode() for entity in ordered],
        at,
    )
