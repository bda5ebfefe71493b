"""From changes to notifications, in the transaction that moves the consumer on: queued once, whatever crashes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import orjson

from access.places import PLACES
from broker.jsonld.library import ContextLibrary
from broker.ngsi_v2.subscriptions import v2_notification
from broker.ports import Record, Transaction
from broker.query.joining import Loaded
from broker.query.scope import compile_scope, scopes_hold
from broker.sql import load
from broker.store import reading
from broker.store.reading import Document, Selection, Where
from broker.subscriptions.catalogue import Catalogue
from broker.subscriptions.index import Alike, Live
from broker.subscriptions.linking import shown_linked
from broker.subscriptions.matching import types_of
from broker.subscriptions.standing import Standing, question
from broker.subscriptions.telling import (
    as_seen,
    concerned,
    hidden,
    notification,
    sees,
    shape_of,
    shown_entity,
    told_entity,
)
from schemas.change import Change, decode_change, decode_head
from schemas.clock import Clock

_SQL = load("broker.store", "notifications")
_MOST_AT_ONCE = 500


class _Put(NamedTuple):
    """A notification to queue, and in JSON what the consent gate was asked for it, where it tells of persons."""

    live: Live
    body: str
    disclosures: str | None


class SubscriptionHandler:
    """Matches changes with subscriptions: by name and type first, then by what the entity was as of the change."""

    def __init__(self, contexts: ContextLibrary, clock: Clock, standing: Standing | None = None) -> None:
        self._catalogue = Catalogue(contexts)
        self._clock = clock
        self._standing = standing

    async def handle(self, tx: Transaction, records: Sequence[Record]) -> None:
        """See `broker.consume.Handle`."""
        await self._catalogue.refresh(tx)
        now = self._clock()
        told: list[tuple[Live, Change, Document]] = []
        for record in records:
            if not self._catalogue.may_concern(decode_head(record.value)):
                continue
            change = decode_change(record.value)
            concerned_by = _concerned_by(change, self._catalogue.candidates(change), now)
            document = await _as_of(tx, concerned_by[0].one.tenant_id, change) if concerned_by else None
            if document is not None:
                chosen = await _chosen(tx, concerned_by, document)
                told += [(live, change, document) for some in chosen for live in some.lives if _in_force(live, now)]
        told = await self._still_allowed(tx, await _not_throttled(tx, told), now)
        await self._put(tx, [await self._about(tx, *one) for one in told], now)

    async def tell_due(self, tx: Transaction) -> None:
        """Tell the subscriptions whose `timeInterval` has passed about every entity that they select."""
        now = self._clock()
        for row in await tx.fetch(_SQL["due"], now):
            live = await self._catalogue.readable(row)
            if live is None:
                await tx.execute(_SQL["next_at"], row["tenant_id"], row["id"], None)
                continue
            again = now + timedelta(seconds=live.doc["timeInterval"]) if _in_force(live, now) else None
            await tx.execute(_SQL["next_at"], live.tenant_id, live.id, again)
            current = await self._as_of_now(tx, live) if again else None
            found = await _selected(tx, current) if current is not None else []
            if current is not None and (seen := [d for d in found if await self._may_tell(tx, current, d, now)]):
                await self._put(tx, [await self._notification(tx, current, [_loaded(d) for d in seen])], now)

    async def _still_allowed(
        self, tx: Transaction, told: list[tuple[Live, Change, Document]], now: datetime
    ) -> list[tuple[Live, Change, Document]]:
        """Without what an owner may see no more: rights, policy and consent are those of now."""
        current: dict[tuple[int, str], Live | None] = {}
        kept = []
        for live, change, document in told:
            key = (live.tenant_id, live.id)
            if key not in current:
                current[key] = await self._as_of_now(tx, live)
            owned = current[key]
            if owned is None or not _findable(owned, document):
                continue
            if concerned(owned.doc, change) and await self._may_tell(tx, owned, document, now):
                kept.append((owned, _where_it_is(owned, as_seen(owned.doc, change)), document))
        return kept

    async def _as_of_now(self, tx: Transaction, live: Live) -> Live | None:
        if self._standing is None:
            return live
        access = await self._standing.access(tx, live.tenant, live.doc)
        return None if access is None else live._replace(doc={**live.doc, "@access": access})

    async def _may_tell(self, tx: Transaction, live: Live, document: Document, now: datetime) -> bool:
        return self._standing is None or await self._standing.may_tell(tx, live.tenant, live.doc, document, now)

    async def _about(self, tx: Transaction, live: Live, change: Change, document: Document) -> _Put:
        if change.op == "delete":
            told = Loaded(told_entity(live.doc, change, None), document)
            return await self._notification(tx, live, [told], gone=change.at)
        told = Loaded(told_entity(live.doc, change, orjson.loads(document.text)), document)
        return await self._notification(tx, live, [told])

    async def _notification(
        self, tx: Transaction, live: Live, told: Sequence[Loaded], gone: datetime | None = None
    ) -> _Put:
        now = self._clock()
        asked = [one for each in told if (one := question(live.tenant, live.doc, each.document, now)) is not None]
        disclosures = msgspec.json.encode(asked).decode() if asked else None
        if "@v2" in live.doc:
            told_v2 = [(one.entity, one.document) for one in told]
            unseen = [hidden(live.doc, one.document.type) for one in told]
            return _Put(live, orjson.dumps(v2_notification(live.doc, told_v2, unseen)).decode(), disclosures)
        shape = shape_of(live.doc, live.context)
        if gone is not None:
            data = [shown_entity(live.doc, one.entity, one.document, shape, gone) for one in told]
        else:
            data = await shown_linked(live.doc, told, shape, lambda ids: _linked(tx, live, ids))
        body = notification(live.id, str(uuid.uuid4()), now, data, shape)
        return _Put(live, orjson.dumps(body).decode(), disclosures)

    async def _put(self, tx: Transaction, puts: Sequence[_Put], now: datetime) -> None:
        if not puts:
            return
        tenants, ids = [put.live.tenant_id for put in puts], [put.live.id for put in puts]
        bodies, disclosures = [put.body for put in puts], [put.disclosures for put in puts]
        await tx.execute(_SQL["put"], tenants, ids, bodies, disclosures, [put.live.revision for put in puts])
        await tx.execute(_SQL["told"], tenants, ids, now)


def _findable(live: Live, document: Document) -> bool:
    """Whether its owner may see the entity, and all that the subscription asks of it."""
    asks = live.q.members if live.q is not None else frozenset()
    if live.geo is not None:
        asks |= {live.geo.property}
    return asks.isdisjoint(hidden(live.doc, document.type)) and sees(live.doc, document)


def _where_it_is(live: Live, change: Change) -> Change:
    """The change less what was before it, where the entity moved and its owner may not look everywhere."""
    everywhere = live.doc.get("@access", {}).get("reaches") is None
    if change.op != "update" or everywhere or PLACES.isdisjoint(change.previous):
        return change
    return msgspec.structs.replace(change, previous={})


def _in_force(live: Live, now: datetime) -> bool:
    return live.expires is None or live.expires > now


def _concerned_by(change: Change, candidates: Iterable[Alike], now: datetime) -> list[Alike]:
    """Those whom the change concerns; of many that are about the same, one is asked."""
    verdicts: dict[bytes, bool] = {}
    kept = []
    for some in candidates:
        verdict = verdicts.get(some.about)
        if verdict is None:
            verdict = verdicts[some.about] = concerned(some.one.doc, change)
        if verdict and any(_in_force(live, now) for live in some.lives):
            kept.append(some)
    return kept


def _loaded(document: Document) -> Loaded:
    return Loaded(orjson.loads(document.text), document)


async def _linked(tx: Transaction, live: Live, ids: Sequence[str]) -> list[Document]:
    """What relationships point to, as far as its owner may see it."""
    return await _documents(tx, live, Selection(ids=tuple(ids)))


async def _as_of(tx: Transaction, tenant_id: int, change: Change) -> Document | None:
    """The entity as the change left it; one too large to travel, as it is now; None where that is gone."""
    state = change.state
    if state is not None:
        text = bytes(state.doc).decode()
        return Document(change.entity, list(change.type), text, state.created_at, state.modified_at, state.stamps)
    where = (Where("tenant_id = {0}::int", (tenant_id,)),)
    found = await reading.select(tx, Selection(ids=(change.entity,), where=where), limit=1, offset=0)
    return found[0] if found else None


async def _chosen(tx: Transaction, concerned_by: Sequence[Alike], document: Document) -> list[Alike]:
    """Those whose q, scopeQ and geoQ the entity answers. All their paths are asked in one statement, each once."""
    different = {some.asks: some.one for some in concerned_by}
    paths = sorted({path for live in different.values() if live.q is not None for path in live.q.paths})
    rows = await tx.fetch(_SQL["paths_hold"], document.text, paths) if paths else []
    holds = {path: bool(row["holds"]) for path, row in zip(paths, rows, strict=True)}
    entity = orjson.loads(document.text)
    scope = entity.get("scope", [])
    scopes = [scope] if isinstance(scope, str) else scope
    chosen = {
        key
        for key, live in different.items()
        if (live.q is None or live.q.condition.holds([holds[path] for path in live.q.paths]))
        and ("scopeQ" not in live.doc or scopes_hold(live.doc["scopeQ"], scopes))
        and (live.geo is None or live.geo.matches(entity.get(live.geo.property)))
    }
    return [some for some in concerned_by if some.asks in chosen]


async def _not_throttled(
    tx: Transaction, told: list[tuple[Live, Change, Document]]
) -> list[tuple[Live, Change, Document]]:
    """Without what comes sooner than `throttling` seconds after the last notification (5.2.12)."""
    slow = list({(one[0].tenant_id, one[0].id) for one in told if "throttling" in one[0].doc})
    if not slow:
        return told
    rows = await tx.fetch(_SQL["last_told"], [key[0] for key in slow], [key[1] for key in slow])
    last = {slow[row["n"] - 1]: row["last_notification"] for row in rows}
    kept = []
    for live, change, document in told:
        key = (live.tenant_id, live.id)
        before = last.get(key)
        if key in last and before is not None and change.at - before < timedelta(seconds=live.doc["throttling"]):
            continue
        if key in last:
            last[key] = change.at
        kept.append((live, change, document))
    return kept


async def _documents(tx: Transaction, live: Live, selection: Selection) -> list[Document]:
    """Entities of the subscription's city that its owner may see."""
    where = (*selection.where, Where("tenant_id = {0}::int", (live.tenant_id,)))
    found = await reading.select(tx, selection._replace(where=where), limit=_MOST_AT_ONCE, offset=0)
    return [document for document in found if sees(live.doc, document)]


async def _selected(tx: Transaction, live: Live) -> list[Document]:
    """The entities that its selectors, q, scopeQ and geoQ choose now."""
    doc = live.doc
    where = [Where("tenant_id = {0}::int", (live.tenant_id,))]
    if live.q is not None:
        where.append(live.q.where)
    if "scopeQ" in doc:
        where.append(compile_scope(doc["scopeQ"]))
    types = tuple(name for entity in doc.get("entities", ()) for name in types_of(entity)) or None
    selection = Selection(types=types, where=tuple(where))
    if live.geo is not None:
        near = await reading.candidates(tx, selection, live.geo.property)
        selection = selection._replace(ids=tuple(i for i, text in near if live.geo.matches(orjson.loads(text))))
    found = await _documents(tx, live, selection._replace(where=tuple(where[1:])))
    return [document for document in found if _findable(live, document)]
