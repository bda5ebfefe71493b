"""Batch operations (ETSI GS CIM 009, 5.6.7 to 5.6.10, 5.6.20, 6.14 to 6.17, 6.31): each entity is judged by itself,
the good ones are written in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_json
from api_gateway.errors import error_response, problem, problem_media
from api_gateway.ngsi_ld.context import JSON_LD, body_context, content_type, linked
from api_gateway.ngsi_ld.params import options_of
from api_gateway.ngsi_ld.writing import AlreadyThere, Writing, multi_status, no_content, only, writing
from broker.entities import merge as merging
from broker.entities import patch
from broker.entities.merge import EntityUpdate
from broker.entities.parse import is_uri, parse_entity, parse_fragment, refuse_dropped
from broker.errors import CityError, Forbidden, Invalid, NotFound
from broker.store.reading import Document
from schemas.change import Change


class Failure(NamedTuple):
    """An entity that was not taken, and why."""

    entity_id: str
    error: CityError


class _InPart(Invalid):
    """Some attributes were not taken; `update` has the others."""

    def __init__(self, message: str, *, field: str, update: EntityUpdate) -> None:
        super().__init__(message, field=field)
        self.update = update


class _Given(NamedTuple):
    """One entity of a batch, read."""

    id: str
    type: tuple[str, ...]
    attributes: dict[str, Any]


class _Operation(NamedTuple):
    """What tells one batch operation from another: how an entity is read, what becomes of the stored one, and whether
    one that is not there is made."""

    nulls: bool
    make: Callable[[_Given, dict[str, Any] | None], EntityUpdate]
    creates: bool = False


def _create(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    if doc is not None:
        raise AlreadyThere(f"{given.id} exists already")
    return EntityUpdate(given.id, given.type, given.attributes, decided=True)


def _replace(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    return EntityUpdate(given.id, given.type, patch.replaced(doc or {}, given.attributes), decided=True)


def _append(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    outcome = patch.append(doc or {}, given.attributes, overwrite=True)
    return EntityUpdate(given.id, given.type, outcome.attributes, decided=True)


def _present(given: _Given, doc: dict[str, Any] | None) -> dict[str, Any]:
    if doc is None:
        raise NotFound(f"there is no entity {given.id}")
    return doc


def _update(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    outcome = patch.append(_present(given, doc), given.attributes, overwrite=True)
    return EntityUpdate(given.id, given.type, outcome.attributes, decided=True)


def _add(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    outcome = patch.append(_present(given, doc), given.attributes, overwrite=False)
    update = EntityUpdate(given.id, given.type, outcome.attributes, decided=True)
    if outcome.not_updated:
        names = ", ".join(outcome.not_updated)
        first = next(iter(outcome.not_updated))
        raise _InPart(f"{names}: there already, and overwriting was refused", field=first, update=update)
    return update


def _merge(given: _Given, doc: dict[str, Any] | None) -> EntityUpdate:
    outcome = patch.merge_entity(_present(given, doc), given.attributes)
    return EntityUpdate(given.id, given.type, outcome.attributes, decided=True)


async def create(request: Request) -> Response:
    """Create entities (5.6.7)."""
    only(request)
    return await _batch(request, _Operation(False, _create, creates=True))


async def upsert(request: Request) -> Response:
    """Create entities, or replace (with options=update: update) the attributes of those that exist (5.6.8)."""
    only(request, "options")
    words = options_of(request.query_params, ("update", "replace"))
    return await _batch(request, _Operation(False, _append if "update" in words else _replace, creates=True))


async def update(request: Request) -> Response:
    """Change entities that exist; with options=noOverwrite only add attributes (5.6.9)."""
    only(request, "options")
    words = options_of(request.query_params, ("noOverwrite", "update", "replace"))
    return await _batch(request, _Operation(False, _add if "noOverwrite" in words else _update))


async def merge(request: Request) -> Response:
    """Merge into entities that exist (5.6.20)."""
    only(request, "options", "observedAt", "lang")
    return await _batch(request, _Operation(True, _merge))


async def delete(request: Request) -> Response:
    """Delete entities by their ids (5.6.10)."""
    only(request)
    ask = await writing(request)
    content_type(request)
    ids = _bounded(ask, await read_json(request, ask.gateway.settings.max_body_bytes))
    failures = [Failure(str(i), Invalid("an id must be a URI", field="id")) for i in ids if not is_uri(i)]
    good = [i for i in ids if is_uri(i)]
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        stored = await ask.stored(tx, good)
    failures += [Failure(i, NotFound(f"there is no entity {i}")) for i in good if i not in stored]
    failures += [Failure(i, NotFound(f"{i} comes twice")) for i, times in Counter(good).items() if times > 1]
    for document in list(stored.values()):
        try:
            ask.may_touch(document)
            entity = orjson.loads(document.text)
            ask.may_change(entity, entity, None)
        except CityError as error:
            failures.append(Failure(document.id, error))
            del stored[document.id]
    gone = [change.entity for change in await ask.delete(list(stored))]
    return _answer(request, gone, [], failures, len(ids))


def _bounded(ask: Writing, document: Any) -> list[Any]:
    most = ask.gateway.settings.max_batch
    if not isinstance(document, list) or not document:
        raise Invalid("the body must be a list of at least one entity", field="$")
    if len(document) > most:
        raise Invalid(f"{len(document)} entities are too many for one batch; send at most {most}", field="$")
    return document


async def _batch(request: Request, operation: _Operation) -> Response:
    ask = await writing(request)
    media = content_type(request)
    if media == JSON_LD and linked(request) is not None:
        raise Invalid(f"the context of a body sent as {JSON_LD} is in the body, not in the Link header", field="Link")
    batch = _bounded(ask, await read_json(request, ask.gateway.settings.max_body_bytes))
    good, failures = await _judge(ask, batch, media, operation)
    refused: list[Failure] = []
    changes: list[Change] = []
    taken: list[str] = []
    if good:

        def decide(stored: dict[str, Document]) -> list[EntityUpdate]:
            updates, refused[:] = _updates(ask, good, stored, operation)
            not_all = {failure.entity_id for failure in refused if isinstance(failure.error, _InPart)}
            taken[:] = [update.id for update in updates if update.id not in not_all]
            return updates

        changes = await ask.apply([given.id for given in good], decide)
    made = [change.entity for change in changes if change.op == "create"]
    return _answer(request, taken, made, failures + refused, len(batch))


async def _judge(
    ask: Writing, batch: list[Any], media: str, operation: _Operation
) -> tuple[list[_Given], list[Failure]]:
    good: list[_Given] = []
    failures: list[Failure] = []
    for index, document in enumerate(batch):
        try:
            context = await body_context(ask.request, ask.caller.tenant, document, media)
            if operation.nulls:
                if media == JSON_LD:
                    refuse_dropped(document)
                fragment = parse_fragment(document, context.expand, nulls=True)
                given = _Given(_id(document), *fragment)
            else:
                given = _Given(*parse_entity(document, context.expand))
            ask.may(given.type)
            good.append(given)
        except CityError as error:
            named = document.get("id") if isinstance(document, dict) else None
            failures.append(Failure(named if isinstance(named, str) else f"[{index}]", error))
    return good, failures


def _id(document: Mapping[str, Any]) -> str:
    if not is_uri(document.get("id")):
        raise Invalid("id must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    return str(document["id"])


def _updates(
    ask: Writing, good: list[_Given], stored: dict[str, Document], operation: _Operation
) -> tuple[list[EntityUpdate], list[Failure]]:
    """What to apply, an entity that comes twice on top of itself. What the stored entity's own types forbid stays."""
    updates: list[EntityUpdate] = []
    refused: list[Failure] = []
    docs: dict[str, dict[str, Any]] = {i: orjson.loads(document.text) for i, document in stored.items()}
    for given in good:
        try:
            if given.id in stored:
                # Who would make it hears that it cannot be had, who would change it that it is not there.
                if operation.creates:
                    ask.may(stored[given.id].type)
                else:
                    ask.may_touch(stored[given.id])
            try:
                made = operation.make(given, docs.get(given.id))
            except _InPart as error:
                refused.append(Failure(given.id, error))
                made = error.update
            merged = merging.merge(docs.get(given.id), made).doc
            ask.may_change(docs.get(given.id), made.attributes, merged)
            ask.hold_to_model(merged)
        except CityError as error:
            refused.append(Failure(given.id, error))
            continue
        docs[given.id] = merged
        updates.append(made)
    return updates, refused


def _answer(request: Request, accepted: list[str], made: list[str], failures: list[Failure], asked: int) -> Response:
    """201 with the ids created, 204 where none was, 207 where some were not taken (6.14.3.1, 6.15.3.1)."""
    path = request.url.path
    if failures and len(failures) == asked and all(isinstance(f.error, Forbidden) for f in failures):
        return error_response(failures[0].error, path, media=problem_media(request.scope))
    if failures:
        return multi_status(
            {
                "success": list(dict.fromkeys(accepted)),
                "errors": [{"entityId": f.entity_id, "error": problem(f.error, path)} for f in failures],
            }
        )
    if made:
        return Response(orjson.dumps(made), 201, media_type="application/json")
    return no_content()
