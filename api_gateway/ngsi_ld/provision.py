"""Writing one entity (ETSI GS CIM 009, 5.6.1 to 5.6.6, 5.6.17 to 5.6.19, 5.6.21; 6.4, 6.5, 6.6, 6.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.params import SELECTION, flag, names_of, only_known, options_of, pattern_blamed, wanted_of
from api_gateway.ngsi_ld.selecting import matching, selection_for
from api_gateway.ngsi_ld.writing import (
    AlreadyThere,
    Writing,
    created,
    entity_id_of,
    multi_status,
    no_content,
    only,
    writing,
)
from broker.entities import patch
from broker.entities.merge import EntityUpdate
from broker.entities.parse import (
    NULL,
    check_name,
    is_uri,
    parse_attribute,
    parse_entity,
    parse_fragment,
    parse_member,
    parse_time,
)
from broker.entities.patch import Outcome
from broker.errors import Invalid, NotFound
from broker.jsonld.context import Context, full_name
from broker.store import reading
from broker.store.reading import Document

_KEY_VALUES = ("keyValues", "simplified", "concise", "normalized")


async def create(request: Request) -> Response:
    """Create an entity (5.6.1)."""
    only(request)
    ask = await writing(request)
    body, context = await ask.body()
    entity = parse_entity(body, context.expand)
    ask.may(entity.type)

    def decide(stored: dict[str, Document]) -> list[EntityUpdate]:
        if entity.id in stored:
            raise AlreadyThere(f"{entity.id} exists already")
        return [EntityUpdate(entity.id, entity.type, entity.attributes, decided=True)]

    await ask.apply([entity.id], decide)
    return created(f"/ngsi-ld/v1/entities/{quote(entity.id, safe=':')}")


async def delete(request: Request) -> Response:
    """Delete an entity (5.6.6)."""
    only(request, "type")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    if not await ask.delete([entity_id]):
        raise NotFound(f"there is no entity {entity_id}")
    return no_content()


async def replace(request: Request) -> Response:
    """Replace an entity (5.6.18)."""
    only(request, "type")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    body, context = await ask.body()
    if isinstance(body, Mapping) and body.get("id", entity_id) != entity_id:
        raise Invalid("the id in the body is another than the one in the path", field="id")
    fragment = parse_fragment(body, context.expand, nulls=False)
    return await _changed(
        ask, entity_id, fragment.type, lambda doc: Outcome(patch.replaced(doc, fragment.attributes), [], {})
    )


async def merge(request: Request) -> Response:
    """Merge an entity (5.6.17)."""
    only(request, "type", "options", "format", "observedAt", "lang")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    words = options_of(request.query_params, _KEY_VALUES)
    body, context = await ask.body(patch=True)
    if isinstance(body, Mapping) and body.get("id", entity_id) != entity_id:
        raise Invalid("the id in the body is another than the one in the path", field="id")
    simplified = bool(words & {"keyValues", "simplified"})
    at = request.query_params.get("observedAt")
    at = parse_time(at, "observedAt") if at is not None else None
    lang = request.query_params.get("lang")
    parsed = None if simplified else parse_fragment(body, context.expand, nulls=True)
    types = (
        parsed.type
        if parsed
        else parse_fragment({k: v for k, v in body.items() if k == "type"}, context.expand, nulls=True).type
    )

    def decide(doc: dict[str, Any]) -> Outcome:
        attributes = parsed.attributes if parsed else _like_stored(doc, body, context, lang)
        outcome = patch.merge_entity(doc, attributes)
        if at is not None:
            for name, value in outcome.attributes.items():
                if name != "scope" and value is not None:
                    _observe(doc.get(name), value, at)
        return outcome

    return await _changed(ask, entity_id, types, decide)


def _observe(old: Any, new: Any, at: str) -> None:
    """Common time of what is merged (5.6.17): where the attribute has a time already or gets none of its own."""
    before = {patch.dataset(i): i for i in patch.instances(old)}
    for instance in patch.instances(new):
        was = before.get(patch.dataset(instance), {})
        if instance.get("observedAt") == was.get("observedAt") and instance != was:
            instance["observedAt"] = at


def _like_stored(doc: Mapping[str, Any], body: Mapping[str, Any], context: Context, lang: str | None) -> dict[str, Any]:
    """Bare values as attributes of the kind that is stored (4.5.4: simplified representation in a merge)."""
    attributes: dict[str, Any] = {}
    for term, value in body.items():
        if term in ("id", "type", "@context"):
            continue
        name = context.expand(check_name(term, term))
        old = next(iter(patch.instances(doc.get(name))), None) if name != "scope" else None
        if name == "scope":
            attributes |= parse_fragment({"scope": value}, context.expand, nulls=True).attributes
        elif value in (None, NULL):
            attributes[name] = NULL
        elif old is not None and old["type"] == "LanguageProperty" and lang is not None and isinstance(value, str):
            attributes[name] = {"type": "LanguageProperty", "languageMap": {lang: value}}
        elif old is not None and old["type"] in _SIMPLE:
            main = _SIMPLE[old["type"]]
            inner = value.get(main, value) if isinstance(value, Mapping) and main in value else value
            attributes[name] = parse_attribute(
                {"type": old["type"], main: inner}, term, expand=context.expand, nulls=True
            )
        else:
            attributes[name] = parse_member(value, term, context.expand, nulls=True)
    return attributes


_SIMPLE = {"Property": "value", "GeoProperty": "value", "Relationship": "object", "LanguageProperty": "languageMap",
           "VocabProperty": "vocab", "JsonProperty": "json", "ListProperty": "valueList",
           "ListRelationship": "objectList"}  # fmt: skip


async def append(request: Request) -> Response:
    """Append attributes (5.6.3)."""
    only(request, "type", "options")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    overwrite = "noOverwrite" not in options_of(request.query_params, ("noOverwrite",))
    body, context = await ask.body()
    fragment = parse_fragment(body, context.expand, nulls=False)

    def decide(doc: dict[str, Any]) -> Outcome:
        return patch.append(doc, fragment.attributes, overwrite=overwrite)

    return await _changed(ask, entity_id, fragment.type, decide, parts=True)


async def update(request: Request) -> Response:
    """Update attributes (5.6.2)."""
    only(request, "type")
    ask = await writing(request)
    entity_id = entity_id_of(request)
    body, context = await ask.body(patch=True)
    fragment = parse_fragment(body, context.expand, nulls=True)
    return await _changed(ask, entity_id, fragment.type, lambda doc: patch.update(doc, fragment.attributes), parts=True)


async def partial(request: Request) -> Response:
    """Update a part of an attribute (5.6.4)."""
    only(request, "type")
    ask = await writing(request)
    entity_id, term = entity_id_of(request), _term(request)
    body, context = await ask.body(patch=True)
    if not isinstance(body, Mapping):
        raise Invalid("an attribute fragment is a JSON object", field="$")
    name = context.expand(term)

    def decide(doc: dict[str, Any]) -> Outcome:
        return patch.partial(doc, name, attribute_fragment(doc, name, body, context))

    return await _changed(ask, entity_id, (), decide)


def attribute_fragment(doc: Mapping[str, Any], name: str, body: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The fragment, read as an attribute of the kind that is stored even where it says neither kind nor value."""
    stored = patch.instances(doc.get(name))
    if not stored:
        raise NotFound(f"the entity has no attribute {name}")
    kind = body.get("type") or stored[0]["type"]
    if kind != stored[0]["type"]:
        raise Invalid(f"the attribute is a {stored[0]['type']}; a partial update keeps that", field="type")
    main = _SIMPLE[kind]
    given = {k: v for k, v in body.items() if k != "@context"}
    stand_in = main not in given
    whole = {**given, "type": kind, **({main: stored[0][main]} if stand_in else {})}
    if stand_in and kind == "VocabProperty":
        parsed = parse_attribute(whole, name, expand=lambda term: term, nulls=True)
    else:
        parsed = parse_attribute(whole, name, expand=context.expand, nulls=True)
    return {k: v for k, v in parsed.items() if not (stand_in and k == main)}


async def replace_attribute(request: Request) -> Response:
    """Replace an attribute (5.6.19)."""
    only(request, "type")
    ask = await writing(request)
    entity_id, term = entity_id_of(request), _term(request)
    body, context = await ask.body()
    name = context.expand(term)
    given = {k: v for k, v in body.items() if k != "@context"} if isinstance(body, Mapping) else body
    member = parse_member(given, term, context.expand)

    def decide(doc: dict[str, Any]) -> Outcome:
        if name not in doc:
            raise NotFound(f"{entity_id} has no attribute {term}")
        present = {patch.dataset(i): i for i in patch.instances(doc[name])}
        new = patch.instances(member)
        if any(patch.dataset(i) not in present for i in new):
            raise NotFound(f"{entity_id} has no instance of {term} with this datasetId")
        return patch.append(doc, {name: member}, overwrite=True)

    return await _changed(ask, entity_id, (), decide)


async def delete_attribute(request: Request) -> Response:
    """Delete an attribute, or one instance of it (5.6.5)."""
    only(request, "type", "datasetId", "deleteAll")
    ask = await writing(request)
    entity_id, term = entity_id_of(request), _term(request)
    every = flag(request.query_params, "deleteAll")
    dataset_id = request.query_params.get("datasetId", "")
    if dataset_id and not is_uri(dataset_id):
        raise Invalid("datasetId must be a URI", field="datasetId")
    context = await link_context(request, ask.caller.tenant)
    name = context.expand(term)
    return await _changed(ask, entity_id, (), lambda doc: patch.delete(doc, name, dataset_id=dataset_id, every=every))


async def purge(request: Request) -> Response:
    """Delete the entities that match, or only some attributes of them (5.6.21)."""
    query = request.query_params
    only_known(query, SELECTION, frozenset({"keep", "drop", "local"}))
    ask = await writing(request)
    context = await link_context(request, ask.caller.tenant)
    keep, drop = names_of(query, "keep", context), names_of(query, "drop", context)
    if keep is not None and drop is not None:
        raise Invalid("keep and drop exclude each other", field="keep")
    selection = selection_for(ask.gate, ask.caller, wanted := wanted_of(query, context, needed="id" not in query))
    with pattern_blamed():
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            found = await matching(tx, await ask.among(tx, selection), wanted.geo)
            ids = [d.id for d in await reading.select(tx, found, limit=1_000_000, offset=0)]
    if keep is None and drop is None:
        await ask.delete(ids)
        return no_content()

    def decide(stored: dict[str, Document]) -> list[EntityUpdate]:
        updates = []
        for document in stored.values():
            ask.may_touch(document)
            names = orjson.loads(document.text).keys() - {"id", "type"}
            gone = names & set(drop) if drop is not None else names - set(keep or ())
            updates.append(EntityUpdate(document.id, (), dict.fromkeys(sorted(gone)), decided=True))
        return updates

    await ask.apply(ids, decide)
    return no_content()


async def _changed(
    ask: Writing,
    entity_id: str,
    types: tuple[str, ...],
    decide: Callable[[dict[str, Any]], Outcome],
    *,
    parts: bool = False,
) -> Response:
    """Apply `decide` to the entity: 204, or 207 where it may be done in `parts` and some attributes were not taken."""
    told: list[Outcome] = []

    def updates(stored: dict[str, Document]) -> list[EntityUpdate]:
        document = stored.get(entity_id)
        if document is None:
            raise NotFound(f"there is no entity {entity_id}")
        ask.may_touch(document, types)
        outcome = decide(orjson.loads(document.text))
        told[:] = [outcome]
        return [EntityUpdate(entity_id, types, outcome.attributes, decided=True)]

    await ask.apply([entity_id], updates)
    if not parts or not told[0].not_updated:
        return no_content()
    refused = [{"attributeName": full_name(name), "reason": why} for name, why in told[0].not_updated.items()]
    return multi_status({"updated": [full_name(name) for name in told[0].updated], "notUpdated": refused})


def _term(request: Request) -> str:
    return check_name(request.path_params["attribute"], "attribute")
