"""Context source registrations and their discovery (ETSI GS CIM 009, 5.9, 5.10, 6.8, 6.9)."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.context import answers_ld, link_context
from api_gateway.ngsi_ld.params import PAGE, SELECTION, flag, only_known, options_of, page_of, wanted_of
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.subscriptions import page_links
from api_gateway.ngsi_ld.writing import created, managing, no_content, only
from broker.entities.parse import is_uri
from broker.errors import Conflict, Invalid, NotFound
from broker.jsonld.context import CORE, Context
from broker.store import subscriptions as store
from broker.store.subscriptions import KeptRegistration
from broker.subscriptions.documents import REGISTRATION, parse_registration, patched, renamed
from broker.subscriptions.matching import Asked, registration_for
from schemas.clock import iso

_TEMPORAL = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "geometryProperty", "lang", "csf"})


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
        fragment = renamed({k: v for k, v in body.items() if k != "@context"}, context.expand) if body else body
        checked = parse_registration(patched(found[0].doc, fragment), CORE, now)
        await store.save_registration(tx, checked, now, new=False)
    request.app.state.sources.forget()
    return no_content()


async def delete(request: Request) -> Response:
    """Delete a registration (5.9.4)."""
    only(request)
    ask = await managing(request, "registrations")
    id_ = _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.delete_registration(tx, id_)
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
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        kept = await store.registrations(tx, ask.gateway.clock())
    fitting = [(one, one.doc) for one in kept if registration_for(one.doc, asked) is not None]
    shown = [_shown(one, doc, shape) for one, doc in fitting[page.offset : page.offset + page.limit]]
    total = len(fitting) if page.counted else None
    return EntityResponse(orjson.dumps(shown), shape, more=page_links(request, page, len(fitting) - page.offset, total))


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
    shown = renamed(doc, shape.context.compact)
    if shape.sys_attrs:
        shown |= {"createdAt": iso(kept.created_at), "modifiedAt": iso(kept.modified_at)}
    return {"@context": shape.context.given, **shown} if shape.ld else shown
