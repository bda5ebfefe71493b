"""Writing entities as NGSIv2 has it: every operation ends in the same updates as those of NGSI-LD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.body import read_body
from api_gateway.errors import Unprocessable
from api_gateway.ngsi_ld.context import JSON, content_type
from api_gateway.ngsi_ld.writing import Writing, no_content
from api_gateway.ngsi_v2.asking import body_of, changing, only, options_of, own_scope, service_path
from api_gateway.ngsi_v2.reading import UNKNOWN, found
from broker.entities import patch
from broker.entities.merge import EntityUpdate
from broker.errors import Invalid, NotFound
from broker.ngsi_v2.entities import (
    parse_v2_attribute,
    parse_v2_attributes,
    parse_v2_entity,
    shown_attribute,
    shown_id,
)
from broker.store.reading import Document

Attributes = dict[str, Any]
Decide = Callable[[Attributes, Attributes], Attributes]
"""From the entity as it stands and the attributes given to those that change (None: gone)."""

_CORE = frozenset({"id", "type", "scope"})


def _appended(doc: Attributes, given: Attributes) -> Attributes:
    return patch.append(doc, given, overwrite=True).attributes


def _strictly_appended(doc: Attributes, given: Attributes) -> Attributes:
    if there := sorted(given.keys() & doc.keys()):
        raise Unprocessable(f"one or more of the attributes in the request already exist: {', '.join(there)}")
    return given


def _updated(doc: Attributes, given: Attributes) -> Attributes:
    if missing := sorted(given.keys() - doc.keys()):
        raise Unprocessable(f"one or more of the attributes in the request do not exist: {', '.join(missing)}")
    return _appended(doc, given)


def _replaced(doc: Attributes, given: Attributes) -> Attributes:
    return dict.fromkeys(doc.keys() - given.keys() - _CORE) | given


def _deleted(doc: Attributes, given: Attributes) -> Attributes:
    if missing := sorted(given.keys() - doc.keys()):
        raise NotFound(f"The entity does not have such an attribute: {', '.join(missing)}")
    return dict.fromkeys(given)


async def create(request: Request) -> Response:
    """Create an entity, with options=upsert also over one that is there."""
    only(request, "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues", "upsert")
    given = parse_v2_entity(await body_of(ask), key_values="keyValues" in words)
    existed = await _write(ask, [given], _appended, makes=True, must_be_new="upsert" not in words)
    if existed:
        return no_content()
    where = f"/v2/entities/{quote(shown_id(given['id']), safe=':')}?type={quote(given['type'], safe='')}"
    return Response(status_code=201, headers={"Location": where})


async def _write(
    ask: Writing, entities: list[Attributes], decide: Decide, *, makes: bool = False, must_be_new: bool = False
) -> bool:
    """Apply `decide` to all of the entities in one transaction; whether the first was there before."""
    scope = own_scope(service_path(ask.request)) if makes else None
    was_there = False

    def updates(stored: dict[str, Document]) -> list[EntityUpdate]:
        nonlocal was_there
        was_there = entities[0]["id"] in stored
        made: list[EntityUpdate] = []
        docs = {i: orjson.loads(document.text) for i, document in stored.items()}
        for given in entities:
            document, doc = stored.get(given["id"]), docs.get(given["id"])
            types = tuple(document.type) if document else (given["type"],)
            if document is not None and not makes and ask.gate.conceals(ask.caller, document.type):
                raise NotFound(UNKNOWN)
            ask.may(types)
            if doc is not None and must_be_new:
                raise Unprocessable("Already Exists")
            if doc is None and not makes:
                raise NotFound(UNKNOWN)
            attributes = {name: value for name, value in given.items() if name not in ("id", "type")}
            changed = decide(doc or {}, attributes)
            if doc is None and scope is not None:
                changed = {**changed, "scope": scope}
            made.append(EntityUpdate(given["id"], () if doc else types, changed, decided=True))
            docs[given["id"]] = {k: v for k, v in {**(doc or given), **changed}.items() if v is not None}
        return made

    await ask.apply([given["id"] for given in entities], updates)
    return was_there


async def _attributes_of(ask: Writing, words: list[str]) -> Attributes:
    given = parse_v2_attributes(await body_of(ask), key_values="keyValues" in words)
    document = await found(ask)
    return {"id": document.id, "type": document.type[0], **given}


async def append(request: Request) -> Response:
    """Update or append attributes; with options=append only append."""
    only(request, "type", "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues", "append")
    await _write(ask, [await _attributes_of(ask, words)], _strictly_appended if "append" in words else _appended)
    return no_content()


async def update(request: Request) -> Response:
    """Update attributes that are there."""
    only(request, "type", "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues")
    await _write(ask, [await _attributes_of(ask, words)], _updated)
    return no_content()


async def replace(request: Request) -> Response:
    """Replace all attributes."""
    only(request, "type", "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues")
    await _write(ask, [await _attributes_of(ask, words)], _replaced)
    return no_content()


async def delete(request: Request) -> Response:
    """Delete an entity."""
    only(request, "type")
    ask = await changing(request)
    document = await found(ask)
    if not await ask.delete([document.id]):
        raise NotFound(UNKNOWN)
    return no_content()


async def _one(ask: Writing, member: Any) -> Response:
    """Write the attribute in the path, which must be there."""
    document = await found(ask)
    name: str = ask.request.path_params["attribute"]
    if name not in orjson.loads(document.text).keys() - _CORE:
        raise NotFound("The entity does not have such an attribute")
    attribute = None if member is None else parse_v2_attribute(member, name)
    given = {"id": document.id, "type": document.type[0], name: attribute}
    await _write(ask, [given], _deleted if member is None else _appended)
    return no_content()


async def update_attribute(request: Request) -> Response:
    """Update one attribute."""
    only(request, "type")
    ask = await changing(request)
    return await _one(ask, await body_of(ask))


async def delete_attribute(request: Request) -> Response:
    """Delete one attribute."""
    only(request, "type")
    return await _one(await changing(request), None)


async def update_value(request: Request) -> Response:
    """Update an attribute's value; its type and metadata stay."""
    only(request, "type")
    ask = await changing(request)
    said = await _value_of(ask)
    document = await found(ask)
    there = orjson.loads(document.text).get(request.path_params["attribute"])
    if there is None:
        raise NotFound("The entity does not have such an attribute")
    shown = shown_attribute(there)
    return await _one(ask, {**shown, "value": said})


async def _value_of(ask: Writing) -> Any:
    """JSON as it is; text/plain is "text" in quotes, a number, true, false or null."""
    if content_type(ask.request, "text/plain") == JSON:
        return await body_of(ask)
    text = (await read_body(ask.request, ask.gateway.settings.max_body_bytes)).decode("utf-8", "replace").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid('text is in quotes, as in "hot"; else a number, true, false or null', field="$") from error
    return said


_ACTIONS: dict[str, tuple[Decide, bool]] = {
    "append": (_appended, True),
    "appendStrict": (_strictly_appended, True),
    "update": (_updated, False),
    "replace": (_replaced, True),
    "delete": (_deleted, False),
}


async def batch(request: Request) -> Response:
    """Many entities at once (`POST /v2/op/update`): all of them or, at the first that is wrong, none."""
    only(request, "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues")
    body = await body_of(ask)
    if not isinstance(body, Mapping) or str(body.get("actionType")) not in _ACTIONS:
        raise Invalid(f"actionType is one of {', '.join(_ACTIONS)}", field="actionType")
    entities = _entities(ask, body.get("entities"), key_values="keyValues" in words)
    decide, makes = _ACTIONS[str(body["actionType"])]
    if body["actionType"] == "delete" and (whole := [one["id"] for one in entities if one.keys() <= {"id", "type"}]):
        if len(whole) < len(entities):
            raise Invalid("delete either entities or attributes of entities in one request", field="entities")
        gone = {change.entity for change in await ask.delete(whole)}
        if missing := [shown_id(id_) for id_ in whole if id_ not in gone]:
            raise NotFound(f"there is no entity {', '.join(missing)}; the others are deleted")
        return no_content()
    await _write(ask, entities, decide, makes=makes)
    return no_content()


async def notify(request: Request) -> Response:
    """Orion's notifications as input (`POST /v2/op/notify`): its entities are appended here."""
    only(request, "options")
    ask = await changing(request)
    words = options_of(request.query_params, "keyValues")
    body = await body_of(ask)
    if not isinstance(body, Mapping) or not isinstance(body.get("subscriptionId"), str):
        raise Invalid("a notification has subscriptionId and data", field="subscriptionId")
    form = request.headers.get("ngsiv2-attrsformat", "normalized")
    if form not in ("normalized", "keyValues"):
        raise Invalid("values without names cannot be taken; subscribe with normalized or keyValues", field="data")
    entities = _entities(ask, body.get("data"), key_values=form == "keyValues" or "keyValues" in words)
    await _write(ask, entities, _appended, makes=True)
    return answer_empty()


def answer_empty() -> Response:
    """200 without a body, as Orion answers a notification."""
    return Response(status_code=200)


def _entities(ask: Writing, entities: Any, *, key_values: bool) -> list[Attributes]:
    most = ask.gateway.settings.max_batch
    if not isinstance(entities, list) or not 0 < len(entities) <= most:
        raise Invalid(f"a list of 1 to {most} entities is needed", field="entities")
    parsed = []
    for index, one in enumerate(entities):
        try:
            parsed.append(parse_v2_entity(one, key_values=key_values))
        except Invalid as error:
            raise Invalid(str(error), field=f"entities[{index}].{error.field}") from error
    return parsed
