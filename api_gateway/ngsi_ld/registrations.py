"""Context source registrations and their discovery (ETSI GS CIM 009, 5.9, 5.10, 6.8, 6.9)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.context import answers_ld, library_of, link_context
from api_gateway.ngsi_ld.params import PAGE, SELECTION, flag, only_known, options_of, page_of, wanted_of
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.subscriptions import page_links
from api_gateway.ngsi_ld.writing import created, managing, no_content, only
from broker.entities.parse import is_uri, parse_time
from broker.errors import Conflict, Invalid, NotFound
from broker.jsonld.context import CORE, Context
from broker.query.q import compile_q
from broker.store import sources
from broker.store import subscriptions as store
from broker.store.subscriptions import KeptRegistration
from broker.subscriptions.announcing import Announcer
from broker.subscriptions.discovery import Sought, When, fitting, when_of
from broker.subscriptions.documents import (
    REGISTRATION,
    REGISTRATION_MEMBERS,
    parse_registration,
    patched,
    registration_renamed,
)
from broker.subscriptions.matching import Asked
from schemas.clock import iso

_TEMPORAL = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "geometryProperty", "lang", "csf"})


def announcer_of(request: Request) -> Announcer:
    """What tells of changed registrations."""
    return Announcer(library_of(request), gateway_of(request).clock)


async def create(request: Request) -> Response:
    """Register a context source (5.9.2)."""
    only(request)
    ask = await managing(request, "registrations")
    body, context = await ask.body()
    doc = parse_registration(body, context, now := ask.gateway.clock())
    doc.setdefault("id", f"urn:ngsi-ld:{REGISTRATION}:{uuid.uuid4()}")
    try:
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            await store.save_registration(tx, doc, now, new=True)
            await announcer_of(request).changed(tx, ask.caller.tenant, None, doc)
    except Conflict as error:
        raise Conflict(f"{doc['id']} exists already") from error
    request.app.state.sources.forget()
    return created(f"/ngsi-ld/v1/csourceRegistrations/{quote(doc['id'], safe=':')}")


async def change(request: Request) -> Response:
    """Update a registration (5.9.3)."""
    only(request)
    ask = await managing(request, "registrations")
    id_ = _id(request)
    body, context = await ask.body(patch=True)
    now = ask.gateway.clock()
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.registrations(tx, now, id_)
        if not found:
            raise NotFound(f"there is no registration {id_}")
        said = {name: value for name, value in body.items() if name != "@context"} if body else body
        fragment = registration_renamed(said, context.expand) if said else said
        checked = parse_registration(patched(found[0].doc, fragment), CORE, now)
        await store.save_registration(tx, checked, now, new=False)
        await announcer_of(request).changed(tx, ask.caller.tenant, found[0].doc, checked)
    request.app.state.sources.forget()
    return no_content()


async def delete(request: Request) -> Response:
    """Delete a registration (5.9.4)."""
    only(request)
    ask = await managing(request, "registrations")
    id_ = _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.registrations(tx, ask.gateway.clock(), id_)
        await store.delete_registration(tx, id_)
        if found:
            await announcer_of(request).changed(tx, ask.caller.tenant, found[0].doc, None)
    request.app.state.sources.forget()
    return no_content()


async def retrieve(request: Request) -> Response:
    """One registration (5.10.1)."""
    only_known(request.query_params, frozenset({"options", "sysAttrs"}))
    ask = await managing(request, "registrations")
    shape = _shape(request, await link_context(request, ask.caller.tenant))
    id_ = _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.registrations(tx, ask.gateway.clock(), id_)
    if not found:
        raise NotFound(f"there is no registration {id_}")
    return EntityResponse(orjson.dumps(_shown(found[0], found[0].doc, shape)), shape)


async def query(request: Request) -> Response:
    """The registrations that could contribute to a query (5.10.2)."""
    params = request.query_params
    only_known(params, SELECTION, PAGE, _TEMPORAL, frozenset({"options", "sysAttrs"}))
    ask = await managing(request, "registrations")
    context = await link_context(request, ask.caller.tenant)
    shape, page = _shape(request, context), page_of(params)
    wanted = wanted_of(params, context, needed="id" not in params)
    asked = Asked(wanted.types, wanted.ids, wanted.id_pattern, wanted.attributes)
    sought = Sought((asked,), _when(params), wanted.geo, params.get("scopeQ"))
    filters = [compile_q(params[name], context.expand) for name in ("q", "csf") if name in params]
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        kept = await store.registrations(tx, ask.gateway.clock())
        for condition in filters:
            chosen = await sources.fitting(tx, condition, [one.doc for one in kept], REGISTRATION_MEMBERS)
            kept = [one for one in kept if one.id in chosen]
    found = [(one, one.doc) for one in kept if fitting(one.doc, sought) is not None]
    shown = [_shown(one, doc, shape) for one, doc in found[page.offset : page.offset + page.limit]]
    total = len(found) if page.counted else None
    return EntityResponse(orjson.dumps(shown), shape, more=page_links(request, page, len(found) - page.offset, total))


def _when(params: Mapping[str, str]) -> When | None:
    """The temporal query of a discovery (4.11). Raises `Invalid`."""
    relation = params.get("timerel")
    if relation is None:
        return None
    if relation not in ("before", "after", "between"):
        raise Invalid("timerel is before, after or between", field="timerel")
    at = parse_time(params.get("timeAt"), "timeAt")
    end = parse_time(params.get("endTimeAt"), "endTimeAt") if relation == "between" else None
    return when_of(relation, at, end, params.get("timeproperty", "observedAt"))


def _shape(request: Request, context: Context) -> Shape:
    words = options_of(request.query_params, ("sysAttrs", "normalized", "keyValues"))
    sys_attrs = "sysAttrs" in words or flag(request.query_params, "sysAttrs")
    return Shape(ld=answers_ld(request), context=context, sys_attrs=sys_attrs)


def _id(request: Request) -> str:
    id_: str = request.path_params["id"]
    if not is_uri(id_):
        raise Invalid("the id in the path must be a URI", field="id")
    return id_


def _shown(kept: KeptRegistration, doc: dict[str, Any], shape: Shape) -> dict[str, Any]:
    shown = {**registration_renamed(doc, shape.context.compact), **_counted(kept)}
    if shape.sys_attrs:
        shown |= {"createdAt": iso(kept.created_at), "modifiedAt": iso(kept.modified_at)}
    return {"@context": shape.context.given, **shown} if shape.ld else shown


def _counted(kept: KeptRegistration) -> dict[str, Any]:
    """What came of asking the source (5.2.9); nothing where it was not asked yet."""
    if not kept.times_sent:
        return {}
    counted: dict[str, Any] = {"timesSent": kept.times_sent, "timesFailed": kept.times_failed}
    for name, at in (("lastSuccess", kept.last_success), ("lastFailure", kept.last_failure)):
        if at is not None:
            counted[name] = iso(at)
    failed = kept.last_failure is not None and (kept.last_success is None or kept.last_failure > kept.last_success)
    return {**counted, "status": "failed" if failed else "ok"}
