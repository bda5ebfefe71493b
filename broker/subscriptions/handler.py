"""From changes to notifications, in the transaction that moves the consumer on: queued once, whatever crashes."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from broker.entities.represent import represent, times_of
from broker.errors import CityError
from broker.jsonld.context import CORE, Context, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ports import Record, Transaction
from broker.query.geo import geo_query
from broker.query.q import compile_q
from broker.query.scope import compile_scope
from broker.sql import load
from broker.store import reading
from broker.store.reading import Document, Selection, Where
from broker.subscriptions.matching import types_of
from broker.subscriptions.telling import concerned, notification, shape_of, told_entity, visible
from schemas.change import Change, decode_change
from schemas.clock import Clock, iso

_SQL = load("broker.store", "notifications")
_MOST_AT_ONCE = 500


class Live(NamedTuple):
    """A subscription in force."""

    tenant: str
    tenant_id: int
    id: str
    doc: dict[str, Any]


class SubscriptionHandler:
    """Matches changes with subscriptions. Found by entity type first, so that 10,000 of them cost little."""

    def __init__(self, contexts: ContextLibrary, clock: Clock) -> None:
        self._contexts = contexts
        self._clock = clock
        self._known: Any = None
        self._by_type: dict[tuple[str, str], list[Live]] = {}
        self._of_any: dict[str, list[Live]] = {}

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """See `broker.consume.Handle`."""
        await self._refresh(tx)
        for record in records:
            change = decode_change(record.value)
            for live in self._candidates(change):
                if _in_force(live.doc, self._clock()) and concerned(live.doc, change):
                    await self._tell(tx, live, change)

    async def tell_due(self, tx: Transaction) -> None:
        """Tell the subscriptions whose `timeInterval` has passed about every entity that they select."""
        now = self._clock()
        for row in await tx.fetch(_SQL["due"], now):
            live = Live(row["tenant"], row["tenant_id"], row["id"], orjson.loads(row["doc"]))
            if not _in_force(live.doc, now):
                await tx.execute(_SQL["told"], live.tenant_id, live.id, None, None)
                continue
            found = await self._selected(tx, live, None)
            if found:
                await self._put(tx, live, [(orjson.loads(document.text), document) for document in found])
            await tx.execute(
                _SQL["told"], live.tenant_id, live.id, now, now + timedelta(seconds=live.doc["timeInterval"])
            )

    async def _refresh(self, tx: Transaction) -> None:
        state = tuple((await tx.fetchrow(_SQL["state"])).values())
        if state == self._known:
            return
        by_type: defaultdict[tuple[str, str], list[Live]] = defaultdict(list)
        of_any: defaultdict[str, list[Live]] = defaultdict(list)
        for row in await tx.fetch(_SQL["all"]):
            live = Live(row["tenant"], row["tenant_id"], row["id"], orjson.loads(row["doc"]))
            if "timeInterval" in live.doc:
                continue
            types = {name for entity in live.doc.get("entities", ()) for name in types_of(entity)}
            if not types or "*" in types:
                of_any[live.tenant].append(live)
            for name in types:
                by_type[live.tenant, name].append(live)
        self._known, self._by_type, self._of_any = state, dict(by_type), dict(of_any)

    def _candidates(self, change: Change) -> Iterable[Live]:
        found = {live.id: live for live in self._of_any.get(change.tenant, ())}
        for name in change.type:
            found |= {live.id: live for live in self._by_type.get((change.tenant, name), ())}
        return found.values()

    async def _tell(self, tx: Transaction, live: Live, change: Change) -> None:
        throttling = live.doc.get("throttling")
        if throttling is not None:
            last = await tx.fetchval(_SQL["throttled"], live.tenant_id, live.id)
            if last is not None and change.at - last < timedelta(seconds=throttling):
                return
        if change.op == "delete":
            await self._put(tx, live, [(told_entity(live.doc, change, None), None)], gone=change.at)
            return
        found = await self._selected(tx, live, change.entity)
        if found:
            told = told_entity(live.doc, change, orjson.loads(found[0].text))
            await self._put(tx, live, [(told, found[0])])

    async def _selected(self, tx: Transaction, live: Live, entity_id: str | None) -> list[Document]:
        """The entities among those of the city that its selectors, q, scopeQ and geoQ choose."""
        doc = live.doc
        context = await self._context(live)
        where = [Where("tenant_id = {0}::int", (live.tenant_id,))]
        if "q" in doc:
            where.append(compile_q(doc["q"], context.expand))
        if "scopeQ" in doc:
            where.append(compile_scope(doc["scopeQ"]))
        types = None
        if entity_id is None:
            types = tuple(name for entity in doc.get("entities", ()) for name in types_of(entity)) or None
        ids = (entity_id,) if entity_id else None
        selection = Selection(types=types, ids=ids, where=tuple(where))
        if (geo := doc.get("geoQ")) is not None:
            place = context.expand(geo.get("geoproperty", "location"))
            query = geo_query(geo.get("georel"), geo.get("geometry"), geo.get("coordinates"), place)
            if query is not None:
                near = await reading.candidates(tx, selection, query.property)
                chosen = tuple(i for i, text in near if query.matches(orjson.loads(text)))
                selection = selection._replace(ids=chosen)
        found = await reading.select(tx, selection, limit=_MOST_AT_ONCE, offset=0)
        return [document for document in found if visible(doc, document.type)]

    async def _context(self, live: Live) -> Context:
        try:
            return await self._contexts.resolve(live.tenant, sources_of(live.doc.get("@context", [])))
        except CityError:
            # Names as full IRIs tell the same; a context that is away must not silence a city.
            return CORE

    async def _put(
        self,
        tx: Transaction,
        live: Live,
        told: list[tuple[dict[str, Any], Document | None]],
        gone: datetime | None = None,
    ) -> None:
        now = self._clock()
        shape = shape_of(live.doc, await self._context(live))
        data = []
        for entity, document in told:
            times = None
            if document is not None:
                times = times_of(iso(document.created_at), iso(document.modified_at), document.stamps)
            shown = represent(entity, times, shape, frozenset(live.doc.get("@access", {}).get("hidden", ())))
            if shape.ld:
                shown = {"@context": shape.context.given, **shown}
            data.append({**shown, "deletedAt": iso(gone)} if gone is not None else shown)
        body = notification(live.id, str(uuid.uuid4()), now, data, shape)
        await tx.execute(_SQL["put"], live.tenant_id, live.id, orjson.dumps(body).decode())
        if "timeInterval" not in live.doc:
            await tx.execute(_SQL["told"], live.tenant_id, live.id, now, None)


def _in_force(doc: Mapping[str, Any], now: datetime) -> bool:
    return "expiresAt" not in doc or datetime.fromisoformat(doc["expiresAt"]) > now
