"""The subscriptions in force, kept in memory as the table has them, so that 10,000 of them cost little."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from broker.errors import UNREADABLE, CityError
from broker.jsonld.context import CORE, Context, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ngsi_v2.query import parse_v2_expression, v2_geo_query
from broker.ports import Transaction
from broker.query.geo import GeoQuery, geo_query
from broker.query.q import Query
from broker.sql import load
from broker.subscriptions.documents import context_of, q_of
from broker.subscriptions.index import Alike, Index, Key, Live
from broker.subscriptions.members import check_paces
from schemas.change import Change, Head

_SQL = load("broker.store", "notifications")
_log = logging.getLogger(__name__)
_PART = 1000
_NEVER = 2**63
"""A transaction that no database reaches."""
_TRUSTED_SECONDS = 3600.0
"""How long what changed can be asked for; changes are remembered for a day (`broker.store.maintenance`)."""


class Catalogue:
    """Follows the table of subscriptions; one look at what changed for each batch of changes."""

    def __init__(self, contexts: ContextLibrary, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._contexts = contexts
        self._monotonic = monotonic
        self._index = Index()
        self._seen: int | None = None
        self._looked = 0.0

    async def refresh(self, tx: Transaction) -> None:
        """Know what is there now; only what changed since the last time is read again."""
        now = self._monotonic()
        rows = await tx.fetch(_SQL["changed_since"], str(_NEVER if self._seen is None else self._seen))
        until = int(rows[0]["until"])
        if self._seen is None or until < self._seen or now - self._looked > _TRUSTED_SECONDS:
            await self._compare(tx)
        elif changed := {(row["city"], row["subscription"]) for row in rows if row["city"] is not None}:
            revisions = await tx.fetch(_SQL["revisions_of"], [c for c, _ in changed], [id_ for _, id_ in changed])
            await self._follow(tx, changed, revisions)
        self._seen, self._looked = until, now

    async def _compare(self, tx: Transaction) -> None:
        """Compare everything: at the start, and when it is too long ago that anybody looked."""
        revisions = await tx.fetch(_SQL["revisions"])
        await self._follow(tx, {*self._index, *((row["tenant_id"], row["id"]) for row in revisions)}, revisions)

    async def _follow(self, tx: Transaction, changed: Collection[Key], there: Iterable[Mapping[str, Any]]) -> None:
        """Let those of `changed` go that are not `there`, and read those whose revision is new."""
        revisions = {(row["tenant_id"], row["id"]): row["revision"] for row in there}
        wanted = []
        for key in sorted(changed):
            live = self._index.get(key)
            if key not in revisions:
                self._index.drop(key)
            elif live is None or live.revision != revisions[key]:
                wanted.append(key)
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            for row in await tx.fetch(_SQL["subscriptions"], [city for city, _ in part], [id_ for _, id_ in part]):
                if (read := await self.readable(row)) is not None:
                    self._index.put(read)
                else:
                    self._index.drop((row["tenant_id"], row["id"]))

    async def readable(self, row: Mapping[str, Any]) -> Live | None:
        """As `live`; None, with a line in the log, for one that cannot be read."""
        try:
            return await self.live(row)
        except UNREADABLE as error:
            _log.error("the subscription %s is passed over: %s", row["id"], error)
            return None

    async def live(self, row: Mapping[str, Any]) -> Live:
        """A stored subscription, ready to be asked."""
        doc = orjson.loads(row["doc"])
        check_paces(doc)
        context = await self._context(row["tenant"], doc.get("@context", []))
        asked = await self._context(row["tenant"], context_of(doc, "q")) if "q" in doc else context
        return Live(
            row["tenant"],
            row["tenant_id"],
            row["id"],
            row["revision"],
            doc,
            context,
            *_queries(doc, asked, context),
            datetime.fromisoformat(doc["expiresAt"]) if "expiresAt" in doc else None,
            _key(doc, "entities", "watchedAttributes", "notificationTrigger", "@access"),
            _key(doc, "q", "expandValues", "jsonKeys", "scopeQ", "geoQ", "@expression", "@context", "@asked"),
        )

    async def _context(self, tenant: str, given: Any) -> Context:
        try:
            return await self._contexts.resolve(tenant, sources_of(given))
        except CityError:
            # Names as full IRIs tell the same; a context that is away must not silence a city.
            return CORE

    def may_concern(self, head: Head) -> bool:
        """Whether a change may have `candidates`, by as much of it as is read without the rest."""
        return self._index.may_concern(head)

    def candidates(self, change: Change) -> Iterable[Alike]:
        """All the subscriptions that may be concerned, and few others."""
        return self._index.candidates(change)


def _key(doc: Mapping[str, Any], *members: str) -> bytes:
    return orjson.dumps([doc.get(member) for member in members], option=orjson.OPT_SORT_KEYS)


def _queries(doc: Mapping[str, Any], asked: Context, context: Context) -> tuple[Query | None, GeoQuery | None]:
    """Its q, a query of terms of `asked`, and its geographical query, in whichever of the two languages they came."""
    if (said := doc.get("@expression")) is not None:
        geo = v2_geo_query(said.get("georel"), said.get("geometry"), said.get("coords"))
        return parse_v2_expression(said), geo
    if (place := doc.get("geoQ")) is None:
        return q_of(doc, asked), None
    attribute = context.expand(place.get("geoproperty", "location"))
    geo = geo_query(place.get("georel"), place.get("geometry"), place.get("coordinates"), attribute)
    return q_of(doc, asked), geo
