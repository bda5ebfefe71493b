"""Writing one entity here and at the sources it concerns (ETSI GS CIM 009, 5.6.1 to 5.6.6, 5.6.17 to 5.6.19, 5.6.21).

What is left here is done by the same endpoint as without any source: it gets the request with less in its body.
It goes first, so that what is wrong with a request is found before anybody else hears of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_body
from api_gateway.errors import problem
from api_gateway.federation.client import Parameters, Question
from api_gateway.federation.forwarding import Distribution, Reply, distribution, kept_parameters
from api_gateway.ngsi_ld.context import JSON_LD, MERGE_PATCH, body_context, content_type, header, link_context
from api_gateway.ngsi_ld.params import names_of, wanted_of
from api_gateway.ngsi_ld.reader import DocumentReader
from api_gateway.ngsi_ld.writing import Writing, created, multi_status, no_content, writing
from broker.entities.parse import is_uri, parse_entity, parse_fragment
from broker.errors import CityError, Conflict, Invalid, NotFound
from broker.federation.dividing import Division, Names, divide
from broker.federation.source import EXCLUSIVE, Share
from broker.jsonld.context import CORE, Context
from broker.subscriptions.matching import Asked

Handler = Callable[[Request], Awaitable[Response]]
_KEPT = ("id", "type", "@context")
_DONE = (200, 201, 204)


class Operation(NamedTuple):
    """What tells one operation on an entity from another: its names in registrations (4.20) and what it is about."""

    names: tuple[str, ...]
    creates: bool = False
    nulls: bool = False
    attributes: bool = False
    """Answers say attribute by attribute what was done (5.2.18), not entity by entity (5.2.16)."""


CREATE = Operation(("createEntity",), creates=True)
REPLACE = Operation(("replaceEntity",))
MERGE = Operation(("mergeEntity",), nulls=True)
APPEND = Operation(("appendAttrs",), attributes=True)
UPDATE = Operation(("updateAttrs", "updateEntity"), nulls=True, attributes=True)
PARTIAL = Operation(("updateAttrs", "updateEntity"))
REPLACE_ATTRIBUTE = Operation(("replaceAttrs",))
DELETE_ATTRIBUTE = Operation(("deleteAttrs",))
DELETE = Operation(("deleteEntity",))


class Failed(NamedTuple):
    """A part that was not done: why, by which registration (None: here), and which attributes."""

    why: Mapping[str, Any]
    registration: str | None
    names: Names


class Outcome(NamedTuple):
    """What became of all parts."""

    done: list[Names]
    failed: list[Failed]
    local: Response | None


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
        division = divide(permitted(ask, asked.shares), names, *operation.names)

        def part(of: Names) -> bytes:
            return orjson.dumps(part_of(document, of, context))

        if not division.here:
            _check(ask, document, context, operation)
        outcome = await _everywhere(
            asked,
            division,
            (lambda: handler(replayed(request, part(division.names)))) if division.here else None,
            _to_entity(request, part),
            context,
        )
        return _answer(outcome, entity_id, operation, context)

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
        division = divide(permitted(ask, asked.shares), names, *operation.names)
        outcome = await _everywhere(
            asked,
            division,
            (lambda: handler(replayed(request, body))) if division.here else None,
            _to_entity(request, lambda _: body),
            context,
        )
        return _answer(outcome, entity_id, operation, context)

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
        division = divide(permitted(ask, asked.shares), None, "purgeEntity")._replace(here=True)

        def question(share: Share, _: Names) -> Question:
            return Question("DELETE", "/entities", _purged(request, share, context), {})

        outcome = await _everywhere(asked, division, lambda: handler(request), question, context)
        return _answer(outcome, "urn:ngsi-ld:entities", DELETE, context)

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
    if request.query_params.get("local") == "true":
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


def permitted(ask: Writing, shares: list[Share]) -> list[Share]:
    """The shares whose types the caller may write. Raises where data that it may not write is held elsewhere alone."""
    allowed = []
    for share in shares:
        try:
            ask.may(sorted(share.types - {"*"}))
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


async def _everywhere(
    asked: Distribution,
    division: Division,
    here: Callable[[], Awaitable[Response]] | None,
    question: Callable[[Share, Names], Question],
    context: Context,
) -> Outcome:
    """Do what is left here, then ask the sources. Raises what is wrong with the request itself."""
    outcome = Outcome([], [], None)
    missing: list[Failed] = []
    path = asked.request.url.path
    for share, names in division.refused:
        error = Conflict(f"{share.source.id} holds this data and does not take the operation")
        outcome.failed.append(Failed(problem(error, path), share.source.id, names))
    if here is not None:
        try:
            local = await here()
            outcome = outcome._replace(local=local)
            outcome.done.append(division.names)
        except (NotFound, Conflict) as error:
            failed = Failed(problem(error, path), None, division.names)
            (missing if isinstance(error, NotFound) else outcome.failed).append(failed)
    parts = {share.source.id: names for share, names in division.sent}
    linked = context if header(asked.request, b"link") is not None else CORE
    replies = await asked.ask(
        [share for share, _ in division.sent], lambda share: question(share, parts[share.source.id]), linked
    )
    for reply in replies:
        _settle(outcome, reply, parts[reply.share.source.id], path)
    exclusively = any(share.source.mode == EXCLUSIVE for share, _ in division.sent)
    # What somebody else holds exclusively need not be known here as well.
    if not (exclusively and outcome.done):
        outcome.failed.extend(missing)
    return outcome


def _settle(outcome: Outcome, reply: Reply, names: Names, path: str) -> None:
    source = reply.share.source.id
    if reply.answer is None:
        assert reply.error is not None
        outcome.failed.append(Failed(problem(reply.error, path), source, names))
    elif reply.answer.status in _DONE:
        outcome.done.append(names)
    else:
        outcome.failed.append(Failed(reported(reply), source, names))


def reported(reply: Reply) -> dict[str, Any]:
    """What a source says went wrong, as problem details."""
    assert reply.answer is not None
    said = reply.answer.content if isinstance(reply.answer.content, Mapping) else {}
    text = {name: said[name] for name in ("type", "title", "detail") if isinstance(said.get(name), str)}
    title = "Done in part" if reply.answer.status == 207 else "The context source refused"
    return {"type": "about:blank", "title": title, **text, "status": reply.answer.status}


def _answer(outcome: Outcome, entity_id: str, operation: Operation, context: Context) -> Response:
    """All done: as if it had been done here. One part only, and not done: its problem. Else both, in a 207."""
    partial = outcome.local is not None and outcome.local.status_code == 207
    if not outcome.failed and not partial:
        if operation.creates:
            return created(f"/ngsi-ld/v1/entities/{quote(entity_id, safe=':')}")
        return outcome.local or no_content()
    if not outcome.done and len(outcome.failed) == 1 and outcome.failed[0].why["status"] != 207:
        document = outcome.failed[0].why
        return Response(orjson.dumps(document), document["status"], media_type="application/problem+json")
    if operation.attributes:
        return multi_status(_by_attribute(outcome, context))
    errors = [
        {"entityId": entity_id, **({"registrationId": f.registration} if f.registration else {}), "error": f.why}
        for f in outcome.failed
    ]
    return multi_status({"success": [entity_id] if outcome.done else [], "errors": errors})


def _by_attribute(outcome: Outcome, context: Context) -> dict[str, Any]:
    """An UpdateResult (5.2.18)."""
    said: Any = {}
    if outcome.local is not None and outcome.local.status_code == 207:
        said = orjson.loads(outcome.local.body)
    refused = list(said.get("notUpdated", ()))
    bad = {entry["attributeName"] for entry in refused}
    updated = {context.compact(name) for names in outcome.done for name in names or ()} - bad
    for failed in outcome.failed:
        why = str(failed.why.get("detail") or failed.why["title"])
        by = {"registrationId": failed.registration} if failed.registration else {}
        refused += [{"attributeName": context.compact(n), "reason": why, **by} for n in sorted(failed.names or ())]
    return {"updated": sorted(updated), "notUpdated": refused}


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
