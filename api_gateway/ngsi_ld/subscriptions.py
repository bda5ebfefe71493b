"""Subscriptions to entities and to registrations (ETSI GS CIM 009, 5.8, 5.11, 6.10, 6.11, 6.12, 6.13)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.audit import PURPOSE_HEADER
from api_gateway.errors import NotSupported
from api_gateway.federation.forwarding import no_circle
from api_gateway.ngsi_ld.context import answers_ld, library_of, link_context
from api_gateway.ngsi_ld.owners import owner_of, with_personal
from api_gateway.ngsi_ld.params import flag, only_known, options_of, page_of, pattern_blamed
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.writing import Writing, created, managing, no_content, only
from api_gateway.personal.desk import recipient_of
from api_gateway.personal.reads import asks_personal
from broker.entities.parse import NULL, is_uri
from broker.errors import Conflict, Invalid, NotFound
from broker.jsonld.context import CORE, Context, is_core, sources_of
from broker.ports import Transaction
from broker.store import contexts
from broker.store import subscriptions as store
from broker.store.subscriptions import KeptSubscription
from broker.subscriptions.announcing import Announcer
from broker.subscriptions.documents import SUBSCRIPTION, csf_of, parse_subscription, patched, q_of, renamed
from broker.subscriptions.matching import types_of
from schemas.clock import iso

Handler = Callable[[Request], Awaitable[Response]]
_QUERIES = ("q", "csf")
_PATHS = {store.ENTITIES: "subscriptions", store.REGISTRATIONS: "csourceSubscriptions"}


def create(kind: str) -> Handler:
    """Create a subscription (5.8.1, 5.11.2)."""

    async def endpoint(request: Request) -> Response:
        only(request)
        ask = await managing(request, "subscriptions")
        body, context = await ask.body()
        doc = parse_subscription(body, context, now := ask.gateway.clock(), triggers=kind == store.ENTITIES)
        doc.setdefault("id", f"urn:ngsi-ld:{SUBSCRIPTION}:{uuid.uuid4()}")
        doc["@access"] = access_of(ask, doc)
        if hops := await no_circle(request, ask.caller):
            doc["@via"] = list(hops)
        doc |= await _told(ask, doc, context)
        if doc["@context"] != context.given and (asked := await _asked(ask, doc, context)):
            doc["@asked"] = asked
        try:
            with pattern_blamed("q"):
                async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
                    await _check_paths(tx, doc, context)
                    await store.create_subscription(tx, kind, doc, now)
                    if kind == store.REGISTRATIONS:
                        await _announce(ask, tx, doc["id"])
        except Conflict as error:
            raise Conflict(f"{doc['id']} exists already") from error
        return created(f"/ngsi-ld/v1/{_PATHS[kind]}/{quote(doc['id'], safe=':')}")

    return endpoint


async def _announce(ask: Writing, tx: Transaction, id_: str) -> None:
    """Tell who subscribes to registrations, now or otherwise than before, what matches already (5.11.7)."""
    await Announcer(library_of(ask.request), ask.gateway.clock).subscribed(tx, ask.caller.tenant, id_)


async def _check_paths(tx: Transaction, doc: Mapping[str, Any], context: Context) -> None:
    """Raise `Invalid` where q or csf holds a regular expression that is none."""
    asked = (q_of(doc, context), csf_of(doc, context))
    await store.check_paths(tx, [path for query in asked if query is not None for path in query.paths])


def access_of(ask: Writing, doc: dict[str, Any]) -> dict[str, Any]:
    """What its owner may see: a subscription tells no more than a query would. Raises where a type is refused.

    Judged again whenever it fires. About persons it tells for the purpose stated now, each time on a ground of the act.
    """
    names = {name for entity in doc.get("entities", ()) for name in types_of(entity)} - {"*"}
    personal = asks_personal(ask.request, ask.caller, names)
    for name in sorted(names):
        if not personal:
            ask.gate.demand_some(ask.caller, name)
    subject = ask.caller.subject
    access = {**ask.gate.access(ask.caller), "owner": owner_of(subject)}
    if not personal:
        return access
    if doc["notification"].get("join", "@none") != "@none":
        raise NotSupported("a subscription about persons joins no other entities")
    by = subject.id if subject.kind == "person" else ""
    purpose = ask.request.headers[PURPOSE_HEADER]
    return with_personal(access, {"recipient": recipient_of(subject), "by": by, "purpose": purpose})


async def _hosted(ask: Writing, given: Any) -> str:
    """The URI of a context that has none of its own: receivers of application/json need one (5.8.1.4)."""
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        id_ = await contexts.host(tx, orjson.dumps({"@context": given}).decode(), kind="ImplicitlyCreated")
    return f"{ask.gateway.settings.issuer}/ngsi-ld/v1/jsonldContexts/{id_}"


async def _told(ask: Writing, doc: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The context of its notifications: `jsonldContext` where it is given (5.2.12), else the one it came with."""
    uri = doc.get("jsonldContext")
    if uri is None or uri == NULL:
        more = {} if isinstance(context.given, str) else {"jsonldContext": await _hosted(ask, context.given)}
        return {"@context": context.given, **more}
    if not is_uri(uri):
        raise Invalid("jsonldContext must be a URI", field="jsonldContext")
    if not is_core(uri):
        await library_of(ask.request).resolve(ask.caller.tenant, sources_of(uri))
    return {"@context": uri}


async def _asked(ask: Writing, said: Mapping[str, Any], context: Context) -> dict[str, str]:
    """The URIs of the contexts of q and csf, as far as they are said."""
    names = [name for name in _QUERIES if said.get(name) is not None]
    if not names:
        return {}
    return dict.fromkeys(names, context.given if isinstance(context.given, str) else await _hosted(ask, context.given))


def change(kind: str) -> Handler:
    """Update a subscription (5.8.2, 5.11.3)."""

    async def endpoint(request: Request) -> Response:
        only(request)
        ask = await managing(request, "subscriptions")
        id_ = _id(request)
        body, context = await ask.body(patch=True)
        now = ask.gateway.clock()
        asked = await _asked(ask, body, context)
        told = await _told(ask, body, context) if "jsonldContext" in body else {}
        with pattern_blamed("q"):
            async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
                found = await store.subscriptions(tx, kind, id_)
                if not found:
                    raise NotFound(f"there is no subscription {id_}")
                checked = _changed(found[0].doc, body, context, now) | told
                checked |= _still_asked(found[0].doc, checked, asked)
                if "@via" in found[0].doc:
                    checked["@via"] = found[0].doc["@via"]
                checked["@access"] = access_of(ask, checked)
                await _check_paths(tx, body, context)
                await store.change_subscription(tx, kind, checked, now)
                if kind == store.REGISTRATIONS:
                    await _announce(ask, tx, id_)
        return no_content()

    return endpoint


def _changed(stored: Mapping[str, Any], body: Mapping[str, Any], context: Context, now: datetime) -> dict[str, Any]:
    """The subscription with the fragment's members. Raises `Invalid`."""
    # Names that are stored are read as they are: only the fragment's own go through its context.
    fragment = renamed({k: v for k, v in body.items() if k != "@context"}, context.expand)
    whole = patched({k: v for k, v in stored.items() if not k.startswith("@")}, fragment)
    triggers = "notificationTrigger" in stored
    if stored.get("expiresAt") == whole.get("expiresAt"):
        lasting = {k: v for k, v in whole.items() if k != "expiresAt"}
        checked = parse_subscription(lasting, CORE, now, triggers=triggers)
        checked |= {"expiresAt": whole["expiresAt"]} if "expiresAt" in whole else {}
    else:
        checked = parse_subscription(whole, CORE, now, triggers=triggers)
    return {**checked, "@context": stored["@context"]}


def _still_asked(stored: Mapping[str, Any], whole: Mapping[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """The contexts of q and csf where they are not that of the notifications: each keeps the one that it came with."""
    before = stored["@context"] if isinstance(stored["@context"], str) else stored["jsonldContext"]
    known = {**dict.fromkeys(_QUERIES, before), **stored.get("@asked", {}), **asked}
    kept = {name: known[name] for name in _QUERIES if name in whole and known[name] != whole["@context"]}
    return {"@asked": kept} if kept else {}


def retrieve(kind: str) -> Handler:
    """One subscription (5.8.3, 5.11.4)."""

    async def endpoint(request: Request) -> Response:
        only_known(request.query_params, frozenset({"options", "sysAttrs"}))
        ask = await managing(request, "subscriptions")
        context = await link_context(request, ask.caller.tenant)
        shape = _shape(request, context)
        id_ = _id(request)
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            found = await store.subscriptions(tx, kind, id_)
        if not found:
            raise NotFound(f"there is no subscription {id_}")
        return EntityResponse(orjson.dumps(_shown(found[0], shape, ask.gateway.clock())), shape)

    return endpoint


def query(kind: str) -> Handler:
    """A page of subscriptions (5.8.4, 5.11.5)."""

    async def endpoint(request: Request) -> Response:
        only_known(request.query_params, frozenset({"options", "sysAttrs", "limit", "offset", "count"}))
        ask = await managing(request, "subscriptions")
        context = await link_context(request, ask.caller.tenant)
        shape, page = _shape(request, context), page_of(request.query_params)
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            found = await store.subscriptions(tx, kind, limit=page.limit + 1, offset=page.offset)
            total = await store.count_subscriptions(tx, kind) if page.counted else None
        now = ask.gateway.clock()
        shown = [_shown(one, shape, now) for one in found[: page.limit]]
        return EntityResponse(orjson.dumps(shown), shape, more=page_links(request, page, len(found), total))

    return endpoint


def page_links(request: Request, page: Any, found: int, total: int | None) -> list[tuple[bytes, bytes]]:
    """The count and the links to the neighbouring pages (6.3.10, 6.3.13)."""
    headers = [] if total is None else [(b"ngsild-results-count", str(total).encode())]
    others = [(name, value) for name, value in request.query_params.items() if name not in ("limit", "offset")]
    asked = f"{urlencode(others)}&" if others else ""
    base = f"{request.url.path}?{asked}limit={page.limit}&offset="
    media = 'type="application/ld+json"' if answers_ld(request) else 'type="application/json"'
    if page.offset and page.limit:
        headers.append((b"link", f'<{base}{max(0, page.offset - page.limit)}>;rel="prev";{media}'.encode()))
    if found > page.limit > 0:
        headers.append((b"link", f'<{base}{page.offset + page.limit}>;rel="next";{media}'.encode()))
    return headers


def delete(kind: str) -> Handler:
    """Delete a subscription (5.8.5, 5.11.6)."""

    async def endpoint(request: Request) -> Response:
        only(request)
        ask = await managing(request, "subscriptions")
        id_ = _id(request)
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            await store.delete_subscription(tx, kind, id_)
        return no_content()

    return endpoint


def _shape(request: Request, context: Context) -> Shape:
    words = options_of(request.query_params, ("sysAttrs",))
    sys_attrs = bool(words) or flag(request.query_params, "sysAttrs")
    return Shape(ld=answers_ld(request), context=context, sys_attrs=sys_attrs)


def _id(request: Request) -> str:
    id_: str = request.path_params["id"]
    if not is_uri(id_):
        raise Invalid("the id in the path must be a URI", field="id")
    return id_


def _shown(kept: KeptSubscription, shape: Shape, now: datetime) -> dict[str, Any]:
    doc = renamed({k: v for k, v in kept.doc.items() if not k.startswith("@")}, shape.context.compact)
    expired = "expiresAt" in doc and datetime.fromisoformat(doc["expiresAt"]) <= now
    doc["status"] = "expired" if expired else "active" if kept.active else "paused"
    notification = dict(doc["notification"])
    if kept.times_sent or kept.times_failed or kept.last_notification is not None:
        status = "failed" if kept.status == "failed" else "ok"
        notification |= {"status": status, "timesSent": kept.times_sent, "timesFailed": kept.times_failed}
    for name, at in (("lastNotification", kept.last_notification), ("lastSuccess", kept.last_success),
                     ("lastFailure", kept.last_failure)):  # fmt: skip
        if at is not None:
            notification[name] = iso(at)
    doc["notification"] = notification
    if shape.sys_attrs:
        doc |= {"createdAt": iso(kept.created_at), "modifiedAt": iso(kept.modified_at)}
    return {"@context": shape.context.given, **doc} if shape.ld else doc
