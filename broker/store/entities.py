"""Writing entities: the current state, its history and the change events, in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from broker.entities.merge import EntityUpdate
from broker.entities.patch import instances
from broker.ports import CHANGES, NewRecord, Outlet, Transaction
from broker.sql import load
from broker.store.effects import (
    Next,
    Stored,
    change_of,
    fold,
    place_of,
    row_of,
    samples_of,
    stamps_of,
    state_after,
    state_of,
    types_of,
    without_duplicates,
)
from broker.store.gone import note_gone
from broker.store.history import WITHDRAWN, History, Row
from broker.store.reading import Document
from schemas.change import Change, encode_change
from schemas.clock import iso

_SQL = load("broker.store", "entities")

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Written(NamedTuple):
    """What a write did: its changes, and for each update and timed attribute the version (see `History.append`)."""

    changes: list[Change]
    versions: list[dict[str, int | None]]


class Held(NamedTuple):
    """Entities that nobody else changes until the transaction ends, as they stand."""

    tenant: int
    stored: dict[str, Stored]
    records: Sequence[Mapping[str, Any]]

    @property
    def documents(self) -> dict[str, Document]:
        """Each as a reader is given it."""
        return {record["id"]: _document(record) for record in self.records}


class EntityWriter:
    """Applies updates to entities. One per process: it remembers series numbers between transactions."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._history = History()

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
        """`apply` and `announce`, for a transaction that ends with this."""
        written = await self.apply(tx, tenant, updates, at=at, trace=trace, held=held)
        await self.announce(tx, written.changes)
        return written

    async def apply(
        self,
        tx: Transaction,
        tenant: str,
        updates: Sequence[EntityUpdate],
        *,
        at: datetime,
        trace: str | None = None,
        held: Held | None = None,
    ) -> Written:
        """Apply `updates` in order, each entity's together; `at` is the time of the change (modifiedAt).

        Values that history holds already change nothing. A change carries the trace of the last of its updates that
        has one, else `trace`. `held`: what `hold` of these entities gave. `announce` the changes at the transaction's
        end.
        """
        number, stored, _ = held or await self.hold(tx, tenant, [update.id for update in updates])
        versions = await self._append(tx, number, updates, stored, at)
        grouped: defaultdict[str, list[int]] = defaultdict(list)
        for index, update in enumerate(updates):
            grouped[update.id].append(index)
        changes: list[Change] = []
        inserts: list[Next] = []
        alterations: list[Next] = []
        time = iso(at)
        for entity_id, indexes in grouped.items():
            before = stored.get(entity_id)
            merged = fold(before, (without_duplicates(updates[i], versions[i], before) for i in indexes))
            samples = tuple(s for i in indexes for s in samples_of(updates[i], versions[i], at))
            withdrawn = tuple(one for i in indexes for one in updates[i].withdrawn)
            if not (merged.changed or samples or withdrawn):
                continue
            left: Next | None = None
            if merged.changed:
                left = Next(merged.doc, _encode(merged.doc), stamps_of(before.doc, merged, time) if before else {})
                (alterations if before else inserts).append(left)
            own = next((updates[i].trace for i in reversed(indexes) if updates[i].trace), trace)
            state = state_after(before, left, at) if left else None
            changes.append(change_of(tenant, entity_id, before, merged, samples, at, state, own, withdrawn))
        await _save(tx, "insert", number, inserts, at)
        await _save(tx, "update", number, alterations, at)
        await note_gone(tx, number, changes, at)
        return Written(changes, versions)

    async def hold(self, tx: Transaction, tenant: str, ids: Iterable[str]) -> Held:
        """Lock entities, for whoever decides from how they stand what to `apply`."""
        number = await _tenant_number(tx, tenant)
        return held_of(number, await _lock(tx, number, sorted(set(ids))))

    async def evolve(
        self, tx: Transaction, tenant: str, update: EntityUpdate, *, at: datetime, trace: str | None = None
    ) -> Written:
        """`write` of one update that is `over_time`. The entity is marked: it is nothing but its history so far.

        The mark stays while nothing else writes the entity; an entity that others write is not marked.
        """
        number = await _tenant_number(tx, tenant)
        row = await tx.fetchrow(_SQL["evolution"], number, update.id)
        written = await self.apply(tx, tenant, [update], at=at, trace=trace)
        if row is None or row["version"] == row["evolved_version"]:
            await tx.execute(_SQL["evolved"], number, update.id)
        await self.announce(tx, written.changes)
        return written

    async def remember(self, tx: Transaction, tenant: str, rows: Sequence[Row]) -> list[int | None]:
        """Add rows to history and nothing else: the state is the caller's. Their versions, as `History.append` says."""
        return await self._history.append(tx, await _tenant_number(tx, tenant), rows)

    async def delete(
        self, tx: Transaction, tenant: str, ids: Sequence[str], *, at: datetime, trace: str | None = None
    ) -> list[Change]:
        """Delete entities (their history stays, 5.6.6). Those that do not exist are passed over."""
        number = await _tenant_number(tx, tenant)
        changes = []
        for record in await tx.fetch(_SQL["delete"], number, sorted(set(ids)), at):
            doc = _decode(record["doc"])
            changes.append(
                Change(
                    tenant=tenant,
                    entity=record["id"],
                    type=types_of(doc),
                    op="delete",
                    version=record["version"] + 1,
                    at=at,
                    previous={name: value for name, value in doc.items() if name not in ("id", "type")},
                    state=state_of(_encode(doc), record["created_at"], record["modified_at"], record["stamps"]),
                    trace=trace,
                )
            )
        await note_gone(tx, number, changes, at)
        await self.announce(tx, changes)
        return changes

    async def _append(
        self,
        tx: Transaction,
        tenant: int,
        updates: Sequence[EntityUpdate],
        stored: Mapping[str, Stored],
        at: datetime,
    ) -> list[dict[str, int | None]]:
        places: list[tuple[int, str]] = []
        rows: list[Row] = []
        for index, update in enumerate(updates):
            for name, attribute in update.attributes.items():
                if attribute is not None and name not in update.untimed and name != "scope":
                    # Beside one that changed stand the other instances of the attribute, which have nothing new to say.
                    beside = isinstance(attribute, list) and not update.over_time
                    same = _stored_instances(stored, update.id, name) if beside else ()
                    for instance in instances(attribute):
                        if instance in same:
                            continue
                        places.append((index, name))
                        rows.append(row_of(update, name, instance, at))
        versions: list[dict[str, int | None]] = [{} for _ in updates]
        # What comes over the log repeats what a device said; who writes to the city's own door means what they write.
        again = any(update.decided or update.over_time for update in updates)
        kept = await self._history.append(tx, tenant, rows, again=again)
        for (index, name), version in zip(places, kept, strict=True):
            known = version is None or version == WITHDRAWN
            versions[index][name] = versions[index].get(name, version) if known else version
        return versions

    async def announce(self, tx: Transaction, changes: Iterable[Change]) -> None:
        """Put the changes on the log: they appear if and only if the transaction commits.

        The transaction's last act, once: it holds the log's partitions until it ends.
        """
        records = [NewRecord(f"{c.tenant}/{c.entity}".encode(), encode_change(c)) for c in changes]
        if records:
            await self._outlet.put(tx, CHANGES, records)


def held_of(tenant: int, records: Sequence[Mapping[str, Any]]) -> Held:
    """Rows that are locked, as `EntityWriter.hold` gives them."""
    return Held(tenant, {record["id"]: _stored(record) for record in records}, records)


async def _tenant_number(tx: Transaction, tenant: str) -> int:
    return int(await tx.fetchval("select id from tenant where name = $1", tenant))


async def _lock(tx: Transaction, tenant: int, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """The entities as they stand, locked in order of id so that two batches never wait for each other in a ring."""
    return await tx.fetch(_SQL["lock"], tenant, list(ids))


def _stored(record: Mapping[str, Any]) -> Stored:
    times = record["created_at"], record["modified_at"]
    return Stored(_decode(record["doc"]), record["version"], *times, _decode(record["stamps"]))


def _document(record: Mapping[str, Any]) -> Document:
    times = record["created_at"], record["modified_at"]
    return Document(record["id"], record["type"], record["doc"], *times, record["stamps"])


def _stored_instances(stored: Mapping[str, Stored], entity_id: str, name: str) -> list[dict[str, Any]]:
    return instances(stored[entity_id].doc.get(name)) if entity_id in stored else []


async def _save(
    tx: Transaction,
    statement: str,
    tenant: int,
    entities: Sequence[Next],
    at: datetime,
) -> None:
    if not entities:
        return
    # In order of id, as entities are locked: two who make the same ones wait for each other in no ring.
    ordered = sorted(entities, key=lambda entity: str(entity.doc["id"]))
    marks = [[_encode(entity.touched).decode() for entity in ordered]] if statement == "update" else []
    places = [place_of(entity.doc) for entity in ordered]
    await tx.execute(
        _SQL[statement],
        tenant,
        [entity.doc["id"] for entity in ordered],
        [" ".join(types_of(entity.doc)) for entity in ordered],
        [entity.text.decode() for entity in ordered],
        [place[0] for place in places],
        [place[1] for place in places],
        at,
        *marks,
    )
