"""Reading entities, attributes and types as NGSIv2 has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from access.policy import Action
from access.seeing import Asks
from api_gateway.ngsi_ld.params import Wanted, members_in, pattern_blamed
from api_gateway.ngsi_ld.selecting import matching, ordered, selection_for
from api_gateway.ngsi_ld.writing import Writing
from api_gateway.ngsi_v2.asking import (
    Page,
    answer,
    asking,
    body_of,
    listed,
    only,
    options_of,
    page_of,
    service_path,
    within_path,
)
from broker.entities.represent import Times, times_of
from broker.errors import Invalid, NotFound
from broker.ngsi_v2.entities import OWN_ID, stored_id
from broker.ngsi_v2.query import parse_v2_expression, v2_geo_query
from broker.ngsi_v2.represent import FORMS, View, formed, kinds_of, shown_attributes, v2_entity, view_of
from broker.store import reading
from broker.store.reading import Document, Selection, Where
from schemas.clock import iso

_QUERY = ("id", "type", "idPattern", "typePattern", "q", "mq", "georel", "geometry", "coords", "limit", "offset",
          "attrs", "metadata", "orderBy", "options")  # fmt: skip
_SAMPLE = 100
UNKNOWN = "The requested entity has not been found. Check type and id"
_TIMES = {"dateCreated": "createdAt", "dateModified": "modifiedAt"}


async def entities(request: Request) -> Response:
    """A page of entities."""
    only(request, *_QUERY)
    ask = await asking(request)
    query = request.query_params
    options = options_of(query, "count", *FORMS)
    selector = {name: query[name] for name in ("id", "type", "idPattern", "typePattern") if name in query}
    view = view_of(options, listed(query, "attrs"), listed(query, "metadata"))
    return await _answered(ask, [selector], dict(query), view, page_of(query), listed(query, "orderBy"))


async def query(request: Request) -> Response:
    """A page of entities that a body asks for (`POST /v2/op/query`)."""
    only(request, "limit", "offset", "options", "orderBy")
    ask = await asking(request)
    body = await body_of(ask)
    if not isinstance(body, Mapping):
        raise Invalid("the body is an object with entities, attrs, expression or metadata", field="$")
    options = options_of(request.query_params, "count", *FORMS)
    view = view_of(options, body.get("attrs"), body.get("metadata"))
    selectors = body.get("entities", [{}])
    if not isinstance(selectors, list) or not selectors or not all(isinstance(one, Mapping) for one in selectors):
        raise Invalid("entities is a list of objects with id or idPattern, type or typePattern", field="entities")
    expression = body.get("expression", {})
    if not isinstance(expression, Mapping):
        raise Invalid("expression is an object", field="expression")
    given = {name: str(value) for name, value in expression.items()}
    order = listed(request.query_params, "orderBy")
    return await _answered(ask, selectors, given, view, page_of(request.query_params), order)


async def _answered(
    ask: Writing,
    selectors: Sequence[Mapping[str, Any]],
    expression: Mapping[str, str],
    view: View,
    page: Page,
    order: list[str] | None,
) -> Response:
    where = [*within_path(service_path(ask.request)), _any_of(selectors)]
    if (q := parse_v2_expression(expression)) is not None:
        where.append(q.where)
    geo = v2_geo_query(expression.get("georel"), expression.get("geometry"), expression.get("coords"))
    types = _plain_types(selectors)
    asks = set(q.members if q is not None else ()) | members_in(_order(order))
    if geo is not None:
        asks.add(geo.property)
    wanted = Wanted(types, None, None, None, tuple(where), asks=Asks(frozenset(asks)))
    selection = selection_for(ask.gate, ask.caller, wanted)
    with pattern_blamed():
        async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
            selection = ordered(await matching(tx, selection, geo), _order(order))
            found = await reading.select(tx, selection, limit=page.limit, offset=page.offset)
            total = await reading.count(tx, selection) if page.counted else None
    shown = [_shown(ask, document, view) for document in found]
    return answer(shown, {} if total is None else {"Fiware-Total-Count": str(total)})


def _any_of(selectors: Sequence[Mapping[str, Any]]) -> Where:
    """Entities that at least one selector names: ids and types each by name or by pattern."""
    parts: list[str] = []
    values: list[Any] = []
    for one in selectors:
        for name, pattern in (("id", "idPattern"), ("type", "typePattern")):
            if name in one and pattern in one:
                raise Invalid(f"{name} and {pattern} exclude each other", field=pattern)
        ids = None if "id" not in one else [stored_id(part) for part in str(one["id"]).split(",")]
        types = None if "type" not in one else str(one["type"]).split(",")
        given = (ids, _pattern(one, "idPattern"), types, _pattern(one, "typePattern"))
        places = [f"{{{len(values) + n}}}" for n in range(4)]
        parts.append(
            "({0}::text[] is null or id = any({0})) and ({1}::text is null or replace(id, '%s', '') ~ {1})"
            " and ({2}::text[] is null or type && {2}) and ({3}::text is null or exists ("
            "select from unnest(type) t (name) where t.name ~ {3}))".format(*places)
            % OWN_ID
        )
        values += given
    return Where("(" + ") or (".join(parts) + ")", tuple(values))


def _pattern(selector: Mapping[str, Any], name: str) -> str | None:
    """A POSIX extended expression, which PostgreSQL runs as an automaton. Raises `Invalid`."""
    said = selector.get(name)
    if said is None:
        return None
    if not isinstance(said, str) or not 0 < len(said) <= 256 or "\x00" in said:
        raise Invalid("a regular expression of 1 to 256 characters is needed", field=name)
    return f"(?e){said}"


def _plain_types(selectors: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """The types, where every selector names some: they go by the index."""
    named = [str(one.get("type", "")).split(",") for one in selectors]
    return tuple(dict.fromkeys(name for names in named for name in names)) if all(map(all, named)) else None


def _order(order: list[str] | None) -> list[tuple[str, bool]]:
    names = [(name.removeprefix("!"), name.startswith("!")) for name in order or ()]
    return [(_TIMES.get(name, name), descending) for name, descending in names]


def times(document: Document) -> Times:
    """When the entity and its attributes came and changed."""
    return times_of(iso(document.created_at), iso(document.modified_at), document.stamps)


def _shown(ask: Writing, document: Document, view: View) -> Any:
    hidden = ask.gate.hidden(ask.caller, document.type)
    return v2_entity(orjson.loads(document.text), times(document), view, hidden)


async def found(ask: Writing) -> Document:
    """The entity in the path. Raises `NotFound`, also where the parameter `type` says another type."""
    id_ = stored_id(ask.request.path_params["id"])
    within = within_path(service_path(ask.request))
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        there = await reading.select(tx, Selection(ids=(id_,), where=tuple(within)), limit=1, offset=0)
    type_ = ask.request.query_params.get("type")
    if not there or (type_ is not None and type_ not in there[0].type) or ask.gate.conceals(ask.caller, there[0].type):
        raise NotFound(UNKNOWN)
    ask.gate.demand_entity(ask.caller, there[0])
    return there[0]


async def entity(request: Request) -> Response:
    """One entity."""
    only(request, "type", "attrs", "metadata", "options")
    ask = await asking(request)
    query = request.query_params
    view = view_of(options_of(query, *FORMS), listed(query, "attrs"), listed(query, "metadata"))
    return answer(_shown(ask, await found(ask), view))


async def attributes(request: Request) -> Response:
    """The attributes of an entity, without its id and type."""
    only(request, "type", "attrs", "metadata", "options")
    ask = await asking(request)
    query = request.query_params
    view = view_of(options_of(query, *FORMS), listed(query, "attrs"), listed(query, "metadata"))
    document = await found(ask)
    hidden = ask.gate.hidden(ask.caller, document.type)
    return answer(formed({}, shown_attributes(orjson.loads(document.text), times(document), view, hidden), view.form))


async def _attribute(ask: Writing) -> dict[str, Any]:
    document = await found(ask)
    name: str = ask.request.path_params["attribute"]
    there = orjson.loads(document.text)
    if name not in there or name in ("id", "type", "scope") or name in ask.gate.hidden(ask.caller, document.type):
        raise NotFound("The entity does not have such an attribute")
    metadata = listed(ask.request.query_params, "metadata")
    view = View(attrs=(name,), metadata=tuple(metadata) if metadata else None)
    shown: dict[str, Any] = shown_attributes(there, times(document), view, frozenset())[name]
    return shown


async def attribute(request: Request) -> Response:
    """One attribute."""
    only(request, "type", "metadata")
    return answer(await _attribute(await asking(request)))


async def value(request: Request) -> Response:
    """An attribute's value: JSON for objects and lists, else text."""
    only(request, "type")
    said = (await _attribute(await asking(request)))["value"]
    if isinstance(said, dict | list):
        return answer(said)
    text = f'"{said}"' if isinstance(said, str) else orjson.dumps(said).decode()
    return Response(text, media_type="text/plain")


async def types(request: Request) -> Response:
    """The entity types, with their attributes' types as the first entities of each have them."""
    only(request, "limit", "offset", "options")
    ask = await asking(request)
    words = options_of(request.query_params, "count", "values", "noAttrDetail")
    page = page_of(request.query_params)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        every = [name for name in await reading.types(tx) if ask.gate.may(ask.caller, Action.READ, name).allowed]
    names = every[page.offset : page.offset + page.limit]
    headers = {"Fiware-Total-Count": str(len(every))} if "count" in words else {}
    if "values" in words:
        return answer(names, headers)
    return answer([{"type": name, **await _described(ask, name)} for name in names], headers)


async def one_type(request: Request) -> Response:
    """One entity type."""
    only(request)
    ask = await asking(request)
    name: str = request.path_params["name"]
    described = await _described(ask, name) if ask.gate.may(ask.caller, Action.READ, name).allowed else {"count": 0}
    if not described["count"]:
        raise NotFound("Entity type not found")
    return answer(described)


async def _described(ask: Writing, name: str) -> dict[str, Any]:
    selection = selection_for(ask.gate, ask.caller, Wanted((name,), None, None, None))
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        selection = await matching(tx, selection, None)
        count = await reading.count(tx, selection)
        sample = await reading.select(tx, selection, limit=_SAMPLE, offset=0)
    seen: dict[str, set[str]] = {}
    for document in sample:
        hidden = ask.gate.hidden(ask.caller, document.type)
        for attribute_name, kinds in kinds_of(orjson.loads(document.text)).items():
            if attribute_name not in hidden:
                seen.setdefault(attribute_name, set()).update(kinds)
    shown = {name: {"types": sorted(kinds)} for name, kinds in sorted(seen.items())}
    return {"attrs": shown, "count": count}
