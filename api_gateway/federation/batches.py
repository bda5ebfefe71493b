"""Batch operations here and at the sources (ETSI GS CIM 009, 5.6.7 to 5.6.10, 5.6.20): one batch to each source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_body
from api_gateway.errors import problem
from api_gateway.federation.client import Question
from api_gateway.federation.forwarding import Distribution, Reply, distribution, kept_parameters
from api_gateway.federation.outcomes import Handler, reported
from api_gateway.federation.writes import any_source, part_of, permitted, replayed
from api_gateway.ngsi_ld.context import JSON, body_context, content_type, header, link_context
from api_gateway.ngsi_ld.writing import Writing, multi_status, no_content, writing
from broker.entities.parse import is_uri
from broker.errors import CityError, Conflict
from broker.federation.dividing import divide
from broker.federation.source import EXCLUSIVE, Share
from broker.jsonld.context import CORE, Context
from broker.subscriptions.matching import Asked

_OURS = ("id", "type", "@context")


class _Batch:
    """A batch as it is divided: what each source gets, what stays here, and what cannot be done."""

    def __init__(self) -> None:
        self.parts: defaultdict[str, list[Any]] = defaultdict(list)
        self.shares: dict[str, Share] = {}
        self.local: list[Any] = []
        self.errors: list[dict[str, Any]] = []
        self.done: dict[str, None] = {}
        self.created: dict[str, None] = {}

    def fail(self, entity_id: str, why: Mapping[str, Any], registration: str | None = None) -> None:
        """Note an entity that was not treated."""
        by = {"registrationId": registration} if registration else {}
        self.errors.append({"entityId": entity_id, **by, "error": why})


def distributed_batch(handler: Handler, operation: str) -> Handler:
    """`handler` of a batch operation, asked of the sources too."""

    async def endpoint(request: Request) -> Response:
        if not await any_source(request):
            return await handler(request)
        ask = await writing(request)
        body = await read_body(request, ask.gateway.settings.max_body_bytes)
        try:
            documents = orjson.loads(body)
            content_type(request)
        except (CityError, orjson.JSONDecodeError):
            return await handler(replayed(request, body))  # which says what is wrong
        if not isinstance(documents, list) or not 0 < len(documents) <= ask.gateway.settings.max_batch:
            return await handler(replayed(request, body))
        batch = _Batch()
        asked: Distribution | None = None
        for document in documents:
            asked = await _divide(ask, batch, document, operation) or asked
        if asked is None:
            return await handler(replayed(request, body))
        if batch.local:
            local = await handler(replayed(request, orjson.dumps(batch.local)))
            if local.status_code not in (200, 201, 204, 207):
                return local
            _note_local(batch, local, operation)
        await _ask(asked._replace(shares=list(batch.shares.values())), batch, operation)
        return _answer(batch)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


async def _divide(ask: Writing, batch: _Batch, document: Any, operation: str) -> Distribution | None:
    """Divide one entity (or id to delete). What is wrong with it is for the endpoint here to say."""
    entity_id = document.get("id") if isinstance(document, dict) else document
    asked = context = None
    if is_uri(entity_id):
        try:
            context, about, names = await _about(ask, document, str(entity_id))
            asked = await distribution(ask.request, ask.caller, about)
        except CityError:
            asked = None
    if asked is None or context is None:
        batch.local.append(document)
        return None
    division = divide(permitted(ask, asked.shares, names), names, operation)

    def part(of: frozenset[str] | None) -> Any:
        return part_of(document, of, context) if isinstance(document, dict) else document

    for share, of in division.sent:
        batch.shares[share.source.id] = share
        batch.parts[share.source.id].append(part(of))
    for share, _ in division.refused:
        error = Conflict(f"{share.source.id} holds this data and does not take the operation")
        batch.fail(str(entity_id), problem(error, ask.request.url.path), share.source.id)
    if division.here:
        batch.local.append(part(division.names))
    return asked


async def _about(ask: Writing, document: Any, entity_id: str) -> tuple[Context, Asked, frozenset[str] | None]:
    if not isinstance(document, dict):
        stored = await ask.request.app.state.reader.get(ask.caller.tenant, entity_id)
        context = await link_context(ask.request, ask.caller.tenant)
        return context, Asked(stored.type if stored else None, (entity_id,)), None
    context = await body_context(ask.request, ask.caller.tenant, document, content_type(ask.request))
    said = document.get("type")
    types = [context.expand(name) for name in ([said] if isinstance(said, str) else said or ())] or None
    names = frozenset(context.expand(term) for term in document if term not in (*_OURS, "scope"))
    return context, Asked(types, (entity_id,), None, sorted(names) or None), names


def _note_local(batch: _Batch, local: Response, operation: str) -> None:
    said = orjson.loads(local.body) if local.body else None
    ids = [one["id"] if isinstance(one, dict) else one for one in batch.local]
    if local.status_code == 207 and isinstance(said, dict):
        ids = said["success"]
        held = {i for s in batch.shares.values() if s.source.mode == EXCLUSIVE for i in _ids(batch, s)}
        for error in said["errors"]:
            # What somebody else holds exclusively need not be known here as well.
            if not (operation == "deleteBatch" and error["error"]["status"] == 404 and error["entityId"] in held):
                batch.errors.append(error)
    batch.done |= dict.fromkeys(ids)
    if local.status_code == 201 and isinstance(said, list):
        batch.created |= dict.fromkeys(said)


def _ids(batch: _Batch, share: Share) -> list[str]:
    return [one["id"] if isinstance(one, dict) else one for one in batch.parts[share.source.id]]


async def _ask(asked: Distribution, batch: _Batch, operation: str) -> None:
    request = asked.request
    path = request.url.path.partition("/ngsi-ld/v1")[2]
    media = header(request, b"content-type") or JSON

    def question(share: Share) -> Question:
        body = orjson.dumps(batch.parts[share.source.id])
        return Question("POST", path, kept_parameters(request.query_params), {"content-type": media}, body)

    context = CORE
    if header(request, b"link") is not None:
        context = await link_context(request, asked.caller.tenant)
    for reply in await asked.ask(asked.shares, question, context):
        _note(batch, reply, operation, request.url.path)


def _note(batch: _Batch, reply: Reply, operation: str, path: str) -> None:
    """What a source says of its part: of each entity, or of all of them."""
    source, ids = reply.share.source.id, _ids(batch, reply.share)
    if reply.answer is None:
        assert reply.error is not None
        for entity_id in ids:
            batch.fail(entity_id, problem(reply.error, path), source)
        return
    said = reply.answer.content
    if reply.answer.status == 207 and isinstance(said, Mapping) and isinstance(said.get("errors"), list):
        wrong = {e["entityId"]: e.get("error") for e in said["errors"] if isinstance(e, Mapping) and "entityId" in e}
        for entity_id in ids:
            if entity_id in wrong:
                batch.fail(entity_id, wrong[entity_id] or reported(reply), source)
            else:
                batch.done[entity_id] = None
    elif reply.answer.status in (200, 201, 204):
        batch.done |= dict.fromkeys(ids)
        if reply.answer.status == 201:
            named = [one for one in said if one in ids] if isinstance(said, list) else []
            batch.created |= dict.fromkeys(named or (ids if operation == "createBatch" else []))
    else:
        for entity_id in ids:
            batch.fail(entity_id, reported(reply), source)


def _answer(batch: _Batch) -> Response:
    """201 with the ids created, 204 where none was, 207 where some were not taken (6.14.3.1, 6.15.3.1)."""
    if batch.errors:
        wrong = {error["entityId"] for error in batch.errors}
        return multi_status({"success": [i for i in batch.done if i not in wrong], "errors": batch.errors})
    if batch.created:
        return Response(orjson.dumps(list(batch.created)), 201, media_type=JSON)
    return no_content()
