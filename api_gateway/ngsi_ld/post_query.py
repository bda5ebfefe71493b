"""A query in the body of a POST (ETSI GS CIM 009, 5.2.23, 6.23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.entities import answer_query
from api_gateway.ngsi_ld.params import PAGE, SHAPE, only_known, wanted_of
from api_gateway.ngsi_ld.writing import writing
from broker.entities.parse import is_uri
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.query.scope import compile_types
from broker.store.reading import Where

_LISTS = ("attrs", "pick", "omit", "datasetId", "orderBy")
_PLAIN = ("q", "scopeQ", "lang", "csf", "join", "joinLevel", "geometryProperty")


async def query(request: Request) -> Response:
    """A page of the entities that the Query in the body asks for."""
    only_known(request.query_params, SHAPE, PAGE)
    body, context = await (await writing(request)).body()
    if not isinstance(body, Mapping) or body.get("type") != "Query":
        raise Invalid("the body must be an object of type Query", field="type")
    params = {**request.query_params, **params_of(body)}
    where = selectors(body.get("entities", ()), context)
    if not where and not any(name in params for name in ("attrs", "q", "georel")) and params.get("local") != "true":
        raise Invalid("a query needs at least entities, attrs, q or geoQ", field="entities")
    wanted = wanted_of(params, context, needed=False)
    return await answer_query(request, params, context, wanted._replace(where=(*wanted.where, *where)))


def params_of(body: Mapping[str, Any]) -> dict[str, str]:
    """What a Query says, as the parameters that say the same. Raises `Invalid`."""
    params: dict[str, str] = {}
    for name in _LISTS:
        if (value := body.get("attributes" if name == "attrs" and "attributes" in body else name)) is not None:
            params[name] = ",".join(value) if isinstance(value, list) else str(value)
    params |= {name: str(body[name]) for name in _PLAIN if name in body}
    geo = body.get("geoQ")
    if geo is not None:
        if not isinstance(geo, Mapping):
            raise Invalid("geoQ is an object with georel, geometry and coordinates", field="geoQ")
        params |= {name: str(geo[name]) for name in ("georel", "geometry", "coordinates", "geoproperty") if name in geo}
    return params


def selectors(given: Any, context: Context) -> list[Where]:
    """Any of the entity selectors (5.2.33): type with id or idPattern. Raises `Invalid`."""
    if not isinstance(given, list | tuple):
        raise Invalid("entities must be a list of entity selectors", field="entities")
    pieces: list[str] = []
    values: list[Any] = []
    for index, selector in enumerate(given):
        path = f"entities[{index}]"
        if not isinstance(selector, Mapping) or not isinstance(selector.get("type"), str):
            raise Invalid("an entity selector has at least type", field=f"{path}.type")
        conditions = []
        if selector["type"] != "*":
            types = compile_types(selector["type"], context.expand)
            numbers = [f"{{{len(values) + n}}}" for n in range(len(types.values))]
            conditions.append(f"({types.sql.format(*numbers)})")
            values += types.values
        if (said := selector.get("id")) is not None:
            ids = said if isinstance(said, list) else [said]
            if not all(is_uri(one) for one in ids):
                raise Invalid("id must be a URI", field=f"{path}.id")
            conditions.append(f"id = any({{{len(values)}}}::text[])")
            values.append(ids)
        elif (pattern := selector.get("idPattern")) is not None:
            conditions.append(f"id ~ {{{len(values)}}}::text")
            values.append(f"(?e){pattern}")
        pieces.append(f"({' and '.join(conditions) or 'true'})")
    return [Where(" or ".join(pieces), tuple(values))] if pieces else []
