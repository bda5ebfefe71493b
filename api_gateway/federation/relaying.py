"""What a context source tells of our subscription there is told on to our subscriber (ETSI GS CIM 009, 5.8.6).

A stranger may write to this address; the key in it says for which subscription, and is known to the source alone.
What is told on is only what that source was asked for, and what the owner may see now.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_json
from api_gateway.context import gateway_of
from api_gateway.federation.reads import document_of
from api_gateway.ngsi_ld.context import content_type, library_of
from api_gateway.ngsi_ld.owners import CurrentOwners
from api_gateway.ngsi_ld.writing import no_content, only
from api_gateway.personal.desk import desk_of
from broker.entities.parse import NULL, parse_time
from broker.entities.represent import Shape
from broker.errors import Invalid, NotFound
from broker.federation.merging import LOCAL, Known, merged, received
from broker.federation.source import source_of
from broker.federation.subscribing import asked_of, spoken, told_with
from broker.jsonld.context import CORE, Context, sources_of
from broker.ports import Transaction
from broker.query.joining import Loaded
from broker.store import source_subscriptions as store
from broker.store.reading import Document, documents
from broker.store.source_subscriptions import Told
from broker.subscriptions.documents import q_of
from broker.subscriptions.linking import shown_linked
from broker.subscriptions.matching import Asked, selects
from broker.subscriptions.standing import Standing
from broker.subscriptions.telling import hidden, notification, sees, shape_of, shown_entity

_MOST_ENTITIES = 1000
_ALWAYS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt"})


async def relay(request: Request) -> Response:
    """Take a notification from a source, and queue it for our subscriber before it is answered."""
    only(request)
    content_type(request)
    gateway, key = gateway_of(request), request.path_params["key"]
    async with gateway.database.transaction(gateway.settings.default_tenant) as tx:
        tenant = await store.tenant_of(tx, key)
    body = await read_json(request, gateway.settings.max_body_bytes)
    listed = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(listed, list) or len(listed) > _MOST_ENTITIES:
        raise Invalid(f"a notification has data, a list of at most {_MOST_ENTITIES} entities", field="data")
    now = gateway.clock()
    async with gateway.database.transaction(tenant) as tx:
        told = await _as_of_now(request, tx, tenant, await store.told(tx, key))
        context = await _context(request, tenant, spoken(told.doc))
        seen = [one for entity in listed if (one := _seen(told, entity, context, now)) is not None]
        if seen and not _too_soon(told, now):
            shape = shape_of(told.doc, await _context(request, tenant, told_with(told.doc)))
            made = notification(told.id, str(uuid.uuid4()), now, await _data(tx, told.doc, seen, shape), shape)
            await store.tell(tx, told, orjson.dumps(made).decode(), now)
    return no_content()


async def _data(
    tx: Transaction, doc: Mapping[str, Any], seen: Sequence[tuple[Document, datetime | None]], shape: Shape
) -> list[dict[str, Any]]:
    """What is told of the entities. What they are linked to is shown as it is known here (4.5.23)."""

    async def find(ids: Sequence[str]) -> list[Document]:
        return [document for document in (await documents(tx, ids)).values() if sees(doc, document)]

    there = [Loaded(orjson.loads(one.text), one) for one, gone in seen if gone is None]
    ended = [shown_entity(doc, orjson.loads(one.text), one, shape, gone) for one, gone in seen if gone is not None]
    return [*await shown_linked(doc, there, shape, find), *ended]


async def _as_of_now(request: Request, tx: Transaction, tenant: str, told: Told) -> Told:
    """With what the owner may see now. Raises `NotFound` where that is nothing, and for what has expired."""
    until = told.doc.get("expiresAt")
    if until is not None and datetime.fromisoformat(until) <= gateway_of(request).clock():
        raise NotFound("the subscription that this notification is for has expired")
    if gateway_of(request).settings.auth == "off":
        return told
    standing = Standing(CurrentOwners(request.app.state.policies), desk_of(request).gate)
    access = await standing.access(tx, tenant, told.doc)
    if access is None:
        raise NotFound("the owner of the subscription that this notification is for may see nothing any more")
    return told._replace(doc={**told.doc, "@access": access})


async def _context(request: Request, tenant: str, uri: str | None) -> Context:
    return CORE if uri is None else await library_of(request).resolve(tenant, sources_of(uri))


def _seen(told: Told, said: Any, context: Context, now: datetime) -> tuple[Document, datetime | None] | None:
    """An entity in the form of a stored one, and when it was deleted if it was; None for one that is not to be told.

    Raises `Invalid` for what is no entity.
    """
    if not isinstance(said, Mapping):
        raise Invalid("each of data is an entity", field="data")
    gone = said.get("deletedAt")
    at = None if gone is None else datetime.fromisoformat(parse_time(gone, "deletedAt"))
    there = {name: value for name, value in said.items() if name != "deletedAt" and not _nothing(value)}
    doc, asked = told.doc, asked_of(told.doc, source_of(told.source, ""), now)
    shown = None if asked is None else asked["notification"].get("attributes")
    entity = received(there, context.expand)
    if shown is not None:
        entity = {name: member for name, member in entity.items() if name in _ALWAYS or name in shown}
    document = document_of(merged([Known(LOCAL, entity)]))
    types = document.type
    about = Asked(types, (document.id,))
    if asked is None or not any(selects(selector, about) for selector in asked["entities"]):
        return None
    query = q_of(doc, context)
    asks = query.members if query is not None else frozenset()
    if "geoQ" in doc:
        asks |= {context.expand(doc["geoQ"].get("geoproperty", "location"))}
    return (document, at) if sees(doc, document) and asks.isdisjoint(hidden(doc, types)) else None


def _nothing(value: Any) -> bool:
    """Whether an attribute is told to be gone (NGSI-LD Null)."""
    return isinstance(value, Mapping) and NULL in value.values()


def _too_soon(told: Told, now: datetime) -> bool:
    """Whether `throttling` keeps the subscriber from hearing again (5.2.12)."""
    last = told.last_notification
    return "throttling" in told.doc and last is not None and now - last < timedelta(seconds=told.doc["throttling"])
