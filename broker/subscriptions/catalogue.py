"""The subscriptions in force, kept in memory and found by what changed, so that 10,000 of them cost little."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.errors import CityError, Invalid
from broker.jsonld.context import CORE, Context, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ngsi_v2.query import parse_v2_expression, v2_geo_query
from broker.ports import Transaction
from broker.query.geo import GeoQuery, geo_query
from broker.query.q import Query
from broker.sql import load
from broker.subscriptions.documents import q_of
from broker.subscriptions.matching import types_of
from schemas.change import Change

_SQL = load("broker.store", "notifications")
_log = logging.getLogger(__name__)
_ANY = ""
_PART = 1000


class Live(NamedTuple):
    """A subscription in force, its queries read."""

    tenant: str
    tenant_id: int
    id: str
    revision: int
    doc: dict[str, Any]
    context: Context
    q: Query | None
    geo: GeoQuery | None
    expires: datetime | None
    about: bytes
    """The same for subscriptions that the same changes concern, so that they are judged once."""
    asks: bytes
    """The same for subscriptions whose q, scopeQ and geoQ are the same."""


class Alike(NamedTuple):
    """Subscriptions of one city that the same changes concern and that ask the same of the entity: judged as one."""

    about: bytes
    asks: bytes
    lives: list[Live]

    @property
    def one(self) -> Live:
        """Any of them: they differ in whom they tell, and how."""
        return self.lives[0]


class Catalogue:
    """Follows the table of subscriptions; one look at it for each batch of changes."""

    def __init__(self, contexts: ContextLibrary) -> None:
        self._contexts = contexts
        self._state: tuple[Any, ...] = ()
        self._live: dict[tuple[int, str], Live] = {}
        self._by_entity: dict[tuple[str, str], list[Alike]] = {}
        self._by_type: dict[tuple[str, str, str], list[Alike]] = {}

    async def refresh(self, tx: Transaction) -> None:
        """Know what is there now; only what changed is read again."""
        state = tuple((await tx.fetchrow(_SQL["state"])).values())
        if state == self._state:
            return
        revisions = {(row["tenant_id"], row["id"]): row["revision"] for row in await tx.fetch(_SQL["revisions"])}
        kept = {key: live for key, live in self._live.items() if revisions.get(key) == live.revision}
        wanted = sorted(revisions.keys() - kept.keys())
        for start in range(0, len(wanted), _PART):
            ids = sorted({id_ for _, id_ in wanted[start : start + _PART]})
            for row in await tx.fetch(_SQL["subscriptions"], ids):
                try:
                    kept[row["tenant_id"], row["id"]] = await self.live(row)
                except Invalid as error:
                    _log.error("the subscription %s is passed over: %s", row["id"], error)
        self._state, self._live = state, kept
        self._index()

    async def live(self, row: Mapping[str, Any]) -> Live:
        """A stored subscription, ready to be asked."""
        doc = orjson.loads(row["doc"])
        context = await self._context(row["tenant"], doc)
        return Live(
            row["tenant"],
            row["tenant_id"],
            row["id"],
            row["revision"],
            doc,
            context,
            *_queries(doc, context),
            datetime.fromisoformat(doc["expiresAt"]) if "expiresAt" in doc else None,
            _key(doc, "entities", "watchedAttributes", "notificationTrigger", "@access"),
            _key(doc, "q", "scopeQ", "geoQ", "@expression", "@context"),
        )

    async def _context(self, tenant: str, doc: Mapping[str, Any]) -> Context:
        try:
            return await self._contexts.resolve(tenant, sources_of(doc.get("@context", [])))
        except CityError:
            # Names as full IRIs tell the same; a context that is away must not silence a city.
            return CORE

    def _index(self) -> None:
        alike: dict[tuple[int, bytes, bytes], Alike] = {}
        for live in self._live.values():
            if "timeInterval" not in live.doc:
                key = (live.tenant_id, live.about, live.asks)
                alike.setdefault(key, Alike(live.about, live.asks, [])).lives.append(live)
        by_entity: defaultdict[tuple[str, str], list[Alike]] = defaultdict(list)
        by_type: defaultdict[tuple[str, str, str], list[Alike]] = defaultdict(list)
        for some in alike.values():
            tenant, doc = some.one.tenant, some.one.doc
            if (ids := _entities_named(doc)) is not None:
                for one in ids:
                    by_entity[tenant, one].append(some)
                continue
            types = {name for entity in doc.get("entities", ()) for name in types_of(entity)} or {"*"}
            for type_ in types:
                for attribute in _attributes(doc):
                    by_type[tenant, type_, attribute].append(some)
        self._by_entity, self._by_type = dict(by_entity), dict(by_type)

    def candidates(self, change: Change) -> Iterable[Alike]:
        """All the subscriptions that may be concerned, and few others."""
        listed = [self._by_entity.get((change.tenant, change.entity), [])]
        names = [_ANY, *(change.previous if change.op == "delete" else change.attributes)]
        listed += [
            self._by_type.get((change.tenant, type_, name), []) for type_ in (*change.type, "*") for name in names
        ]
        return {(some.about, some.asks): some for one in listed for some in one}.values()


def _key(doc: Mapping[str, Any], *members: str) -> bytes:
    return orjson.dumps([doc.get(member) for member in members], option=orjson.OPT_SORT_KEYS)


def _queries(doc: Mapping[str, Any], context: Context) -> tuple[Query | None, GeoQuery | None]:
    """Its q and its geographical query, in whichever of the two languages it came."""
    if (said := doc.get("@expression")) is not None:
        geo = v2_geo_query(said.get("georel"), said.get("geometry"), said.get("coords"))
        return parse_v2_expression(said), geo
    if (place := doc.get("geoQ")) is None:
        return q_of(doc, context), None
    attribute = context.expand(place.get("geoproperty", "location"))
    geo = geo_query(place.get("georel"), place.get("geometry"), place.get("coordinates"), attribute)
    return q_of(doc, context), geo


def _entities_named(doc: Mapping[str, Any]) -> set[str] | None:
    """The ids, where the subscription is about nothing but entities named by their ids."""
    ids: set[str] = set()
    for entity in doc.get("entities", ()):
        said = entity.get("id")
        if not said:
            return None
        ids.update([said] if isinstance(said, str) else said)
    return ids or None


def _attributes(doc: Mapping[str, Any]) -> Iterable[str]:
    """The attributes whose change may concern it; any where none is watched, or the entity's end is told too."""
    watched = doc.get("watchedAttributes")
    return (_ANY,) if not watched or "entityDeleted" in doc.get("notificationTrigger", ()) else set(watched)
