"""Hosting, listing and renewing JSON-LD contexts (ETSI GS CIM 009, 5.13, 6.29, 6.30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_gateway.body import read_json
from api_gateway.errors import NotJson
from api_gateway.ngsi_ld.context import JSON, answer_type, content_type, library_of
from api_gateway.ngsi_ld.params import flag
from api_gateway.ngsi_ld.writing import Writing, created, managing, no_content, only
from broker.errors import Invalid, NotFound
from broker.jsonld.context import Context, is_core, sources_of
from broker.store import contexts as store
from broker.store.contexts import KeptContext
from schemas.clock import iso, utc_now

_STARTED = utc_now()
_KINDS = {"hosted": "Hosted", "cached": "Cached", "implicitlycreated": "ImplicitlyCreated"}


async def add(request: Request) -> Response:
    """Host a context (5.13.2)."""
    only(request)
    ask = await managing(request, "contexts")
    content_type(request)
    document = await read_json(request, ask.gateway.settings.max_body_bytes)
    if not isinstance(document, Mapping) or "@context" not in document:
        raise NotJson("the body must be a JSON object with @context")
    inline = [source for source in sources_of(document["@context"]) if isinstance(source, Mapping)]
    Context("", inline)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        id_ = await store.host(tx, orjson.dumps({"@context": document["@context"]}).decode())
    return created(f"/ngsi-ld/v1/jsonldContexts/{id_}")


async def query(request: Request) -> Response:
    """The contexts at hand: their URLs, or what is known of them (5.13.3)."""
    only(request, "details", "kind")
    ask = await managing(request, "contexts")
    kind = request.query_params.get("kind")
    if kind is not None and kind.lower() not in _KINDS:
        raise Invalid("kind is Hosted, Cached or ImplicitlyCreated", field="kind")
    details = flag(request.query_params, "details")
    await library_of(request).tell_uses(ask.caller.tenant)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        kept = await store.listed(tx, None if kind is None else _KINDS[kind.lower()])
    base = f"{ask.gateway.settings.issuer}/ngsi-ld/v1/jsonldContexts/"
    answer = [_metadata(one, base) if details else one.url or base + one.id for one in kept]
    return Response(orjson.dumps(answer), media_type=JSON)


async def retrieve(request: Request) -> Response:
    """One context, or what is known of it (5.13.4)."""
    only(request, "details")
    ask = await managing(request, "contexts")
    details = flag(request.query_params, "details")
    id_: str = request.path_params["id"]
    if is_core(id_):
        return _core(id_, details=details)
    await library_of(request).tell_uses(ask.caller.tenant)
    kept = await _one(ask)
    library_of(request).used(ask.caller.tenant, kept.url or kept.id)
    if details:
        base = f"{ask.gateway.settings.issuer}/ngsi-ld/v1/jsonldContexts/"
        return Response(orjson.dumps(_metadata(kept, base)), media_type=JSON)
    return Response(kept.body.encode(), media_type=answer_type(request))


async def delete(request: Request) -> Response:
    """Forget a context; with reload, fetch a copy anew (5.13.5)."""
    only(request, "reload")
    ask = await managing(request, "contexts")
    reload = flag(request.query_params, "reload")
    library = library_of(request)
    if is_core(id_ := request.path_params["id"]):
        if not reload:
            raise Invalid("the core context is built in and stays", field="id")
        return no_content()
    try:
        kept = await _one(ask)
    except NotFound as error:
        if reload:
            raise Invalid(f"there is no copy of {id_} to be reloaded", field="reload") from error
        raise
    if reload and (kept.kind != "Cached" or kept.url is None):
        raise Invalid("only the copy of a context of elsewhere can be reloaded", field="reload")
    if reload:
        await library.renew(ask.caller.tenant, str(kept.url))
    else:
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            await store.delete(tx, kept.id)
    library.forget()
    return no_content()


def _core(uri: str, *, details: bool) -> Response:
    """The core context: built in, of the version that this program speaks; its text is at its own address."""
    if not details:
        return RedirectResponse(uri)
    answer = {"URL": uri, "localId": uri, "kind": "Cached", "createdAt": iso(_STARTED)}
    return Response(orjson.dumps(answer), media_type=JSON)


async def _one(ask: Writing) -> KeptContext:
    id_: str = ask.request.path_params["id"]
    base = f"{ask.gateway.settings.issuer}/ngsi-ld/v1/jsonldContexts/"
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        kept = await store.one(tx, id_.removeprefix(base))
    if kept is None:
        raise NotFound(f"there is no context {id_}")
    return kept


def _metadata(kept: KeptContext, base: str) -> dict[str, Any]:
    """What is known of a context (5.13.3). Its content is given by the other form of the same request."""
    answer: dict[str, Any] = {
        "URL": kept.url or base + kept.id,
        "localId": kept.id,
        "kind": kept.kind,
        "createdAt": iso(kept.created_at),
        "numberOfHits": kept.hits,
    }
    if kept.last_usage is not None:
        answer["lastUsage"] = iso(kept.last_usage)
    return answer
