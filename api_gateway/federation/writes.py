"""Writing one entity here and at the sources it concerns (ETSI GS CIM 009, 5.6.1 to 5.6.6, 5.6.17 to 5.6.19, 5.6.21).

What is left here is done by the same endpoint as without any source: it gets the request with less in its body.
It goes first, so that what is wrong with a request is found before anybody else hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_body
from api_gateway.federation.client import Parameters, Question
from api_gateway.federation.forwarding import distribution, kept_parameters
from api_gateway.federation.outcomes import Handler, Operation, answer, everywhere
from api_gateway.ngsi_ld.context import JSON_LD, MERGE_PATCH, body_context, content_type, header, link_context
from api_gateway.ngsi_ld.params import names_of, wanted_of
from api_gateway.ngsi_ld.reader import DocumentReader
from api_gateway.ngsi_ld.snapshot_header import snapshot_said
from api_gateway.ngsi_ld.writing import Writing, writing
from broker.entities.parse import is_uri, parse_entity, parse_fragment
from broker.errors import CityError, Invalid
from broker.federation.dividing import Names, divide
from broker.federation.source import EXCLUSIVE, Share
from broker.jsonld.context import Context
from broker.subscriptions.matching import Asked

_KEPT = ("id", "type", "@context")


CREATE = Operation(("createEntity",), creates=True)
REPLACE = Operation(("replaceEntity",))
MERGE = Operation(("mergeEntity",), nulls=True)
APPEND = Operation(("appendAttrs",), attributes=True)
UPDATE = Operation(("updateAttrs", "updateEntity"), nulls=True, attributes=True)
PARTIAL = Operation(("updateAttrs", "updateEntity"))
REPLACE_ATTRIBUTE = Operation(("replaceAttrs",))
DELETE_ATTRIBUTE = Operation(("deleteAttrs",))
DELETE = Operation(("deleteEntity",))


def distributed(handler: Handler, operation: Operation) -> Handler:
    """`handler` (of a write whose body is an entity or a fragment of one), asked of the sources too."""

    async def endpoint(request: Request) -> Response:
        if not await any_source(request):
            return await handler(request)
        body = await read_body(request, request.app.state.gateway.settings.max_body_bytes)
        try:
            document, context = await _read(request, body)
        except (CityError, orjson.JSONDecodeError):
            return await handler(replayed(request, body))  # which says what is wrong
        ask = await writing(request)
        entity_id = str(request.path_params.get("entity_id", document.get("id")))
        if not is_uri(entity_id):
            return await handler(replayed(request, body))
        names = frozenset(context.expand(term) for term in document if term not in (*_KEPT, "scope"))
        types = await _types(request, ask, entity_id, document, context)
        asked = await distribution(request, ask.caller, Asked(types, (entity_id,), None, sorted(names) or None))
        if asked is None:
            return await handler(replayed(request, body))
        division = divide(permitted(ask, asked.shares, names), names, *operation.names)

        def part(of: Names) -> bytes:
            return orjson.dumps(part_of(document, of, context))

        if not division.here:
            _check(ask, document, context, operation)
        outcome = await everywhere(
            asked,
            division,
            (lambda: handler(replayed(request, part(division.names)))) if division.here else None,
            _to_entity(request, part),
            context,
        )
        return answer(outcome, entity_id, operation, context)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


def part_of(document: Mapping[str, Any], names: Names, context: Context) -> dict[str, Any]:
    """An entity or a fragment with these attributes and no others."""
    always = (*_KEPT, "scope")
    return {t: v for t, v in document.items() if t in always or names is None or context.expand(t) in names}


def distributed_by_path(handler: Handler, operation: Operation) -> Handler:
    """`handler` (of a write to an entity, or to the one attribute that the path names), asked of the sources too."""

    async def endpoint(request: Request) -> Response:
        if not await any_source(request):
            return await handler(request)
        ask = await writing(request)
        body = await read_body(request, ask.gateway.settings.max_body_bytes)
        entity_id, term = request.path_params["entity_id"], request.path_params.get("attribute")
        if not is_uri(entity_id):
            return await handler(replayed(request, body))
        try:
            context = (await _read(request, body))[1] if body else await link_context(request, ask.caller.tenant)
        except (CityError, orjson.JSONDecodeError):
            return await handler(replayed(request, body))
        names = None if term is None else frozenset([context.expand(term)])
        types = await _types(request, ask, entity_id, {}, context)
        about = Asked(types, (entity_id,), None, None if names is None else sorted(names))
        asked = await distribution(request, ask.caller, about)
        if asked is None:
            return await handler(replayed(request, body))
        division = divide(permitted(ask, asked.shares, names), names, *operation.names)
        outcome = await everywhere(
            asked,
            division,
            (lambda: handler(replayed(request, body))) if division.here else None,
            _to_entity(request, lambda _: body),
            context,
        )
        return answer(outcome, entity_id, operation, context)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


def distributed_purge(handler: Handler) -> Handler:
    """Deleting the entities that match (5.6.21), here and at the sources."""

    async def endpoint(request: Request) -> Response:
        if not await any_source(request):
            return await handler(request)
        ask = await writing(request)
        context = await link_context(request, ask.caller.tenant)
        wanted = wanted_of(request.query_params, context)
        about = Asked(wanted.types, wanted.ids, wanted.id_pattern, wanted.attributes)
        asked = await distribution(request, ask.caller, about)
        if asked is None:
            return await handler(request)
        division = divide(permitted(ask, asked.shares, None), None, "purgeEntity")._replace(here=True)

        def question(share: Share, _: Names) -> Question:
            return Question("DELETE", "/entities", _purged(request, share, context), {})

        outcome = await everywhere(asked, division, lambda: handler(request), question, context)
        return answer(outcome, "urn:ngsi-ld:entities", DELETE, context)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


def _purged(request: Request, share: Share, context: Context) -> Parameters:
    """The purge as the source may do it: of its entities, and of no attributes but those that it registered."""
    params = dict(kept_parameters(request.query_params))
    if share.ids is not None:
        given = params.get("id")
        params["id"] = ",".join(i for i in sorted(share.ids) if given is None or i in given.split(","))
    if share.attributes is not None:
        keep, drop = (names_of(request.query_params, word, context) for word in ("keep", "drop"))
        gone = [n for n in sorted(share.attributes) if (drop is None or n in drop) and (keep is None or n not in keep)]
        params.pop("keep", None)
        params["drop"] = ",".join(map(context.compact, gone))
    return list(params.items())


async def any_source(request: Request) -> bool:
    """Whether there is any source at all: the one question that every write pays for."""
    if request.query_params.get("local") == "true" or snapshot_said(request) is not None:
        return False
    caller = await request.app.state.gate.caller(request)
    return bool((await request.app.state.sources.page(caller.tenant)).sources)


async def _read(request: Request, body: bytes) -> tuple[dict[str, Any], Context]:
    """The body and its context, as `Writing.body` reads them. Raises `CityError`, `JSONDecodeError`."""
    media = content_type(request, MERGE_PATCH)
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise Invalid("the body must be a JSON object")
    if media == MERGE_PATCH and "@context" in document:
        media = JSON_LD
    caller = await request.app.state.gate.caller(request)
    return document, await body_context(request, caller.tenant, document, media)


async def _types(
    request: Request, ask: Writing, entity_id: object, document: Mapping[str, Any], context: Context
) -> list[str] | None:
    """The types that the request is about: said in it, or those of the entity as it is known here."""
    said = document.get("type") or request.query_params.get("type")
    if isinstance(said, str | list):
        listed = said.split(",") if isinstance(said, str) else said
        return [context.expand(name) for name in listed if isinstance(name, str)]
    reader: DocumentReader = request.app.state.reader
    stored = await reader.get(ask.caller.tenant, str(entity_id))
    return stored.type if stored is not None else None


def permitted(ask: Writing, shares: list[Share], names: Names) -> list[Share]:
    """The shares of whose types the caller may write these attributes, wherever the entities lie. Raises where data
    that it may not write is held elsewhere alone."""
    allowed = []
    for share in shares:
        try:
            ask.may_elsewhere(sorted(share.types - {"*"}), names)
        except CityError:
            if share.source.mode == EXCLUSIVE or share.source.mode == "redirect":
                raise
            continue
        allowed.append(share)
    return allowed


def _check(ask: Writing, document: Mapping[str, Any], context: Context, operation: Operation) -> None:
    """What the endpoint would check, where nothing is left for it to do. Raises `Invalid`, `Forbidden`."""
    if operation.creates:
        ask.may(parse_entity(document, context.expand).type)
    else:
        ask.may(parse_fragment(document, context.expand, nulls=operation.nulls).type)


def _to_entity(request: Request, part: Callable[[Names], bytes]) -> Callable[[Share, Names], Question]:
    """The same request to a source, with its part of the body."""
    path = request.url.path.partition("/ngsi-ld/v1")[2]
    if path.endswith("/attrs"):
        path += "/"  # the resource's own name (6.6)
    parameters = [pair for pair in kept_parameters(request.query_params) if pair != ("deleteAll", "false")]
    media = header(request, b"content-type")

    def question(_: Share, names: Names) -> Question:
        body = part(names)
        headers = {"content-type": media} if body and media else {}
        return Question(request.method, quote(path, safe="/:@!$&'()*+,;=~"), parameters, headers, body or None)

    return question


def replayed(request: Request, body: bytes) -> Request:
    """The same request with another body."""
    given = False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [pair for pair in request.scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    headers.append((b"content-length", str(len(body)).encode()))
    return Request({**request.scope, "headers": headers}, receive)
