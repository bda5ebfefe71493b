"""A query in the body of a POST (ETSI GS CIM 009, 5.2.23, 6.23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.ngsi_ld.entities import answer_query
from api_gateway.ngsi_ld.params import PAGE, SHAPE, Wanted, only_known, wanted_of
from api_gateway.ngsi_ld.writing import asking
from broker.entities.parse import is_uri
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.query.scope import compile_types
from broker.store.reading import Where
from broker.subscriptions.matching import Asked
from broker.subscriptions.members import LONGEST_PATTERN

_LISTS = ("attrs", "pick", "omit", "datasetId", "orderBy", "expandValues", "jsonKeys", "containedBy")
_PLAIN = ("q", "scopeQ", "lang", "csf", "join", "joinLevel", "geometryProperty")


async def query(request: Request) -> Response:
    """A page of the entities that the Query in the body asks for."""
    only_known(request.query_params, SHAPE, PAGE)
    body, context = await (await asking(request)).body()
    params, wanted, concerns = query_in(body, request.query_params, context)
    return await answer_query(request, params, context, wanted, concerns, body)


def query_in(body: Any, given: Mapping[str, str], context: Context) -> tuple[dict[str, str], Wanted, Asked]:
    """A Query, asked with the parameters `given`: as the parameters that say as much, what is wanted, and what context
    sources are compared with. Raises `Invalid`."""
    if not isinstance(body, Mapping) or body.get("type") != "Query":
        raise Invalid("the body must be an object of type Query", field="type")
    params = {**given, **params_of(body)}
    where = selectors(body.get("entities", ()), context)
    if not where and not any(name in params for name in ("attrs", "q", "georel")) and params.get("local") != "true":
        raise Invalid("a query needs at least entities, attrs, q or geoQ", field="entities")
    wanted = wanted_of(params, context, needed=False)
    wanted = wanted._replace(where=(*wanted.where, *where), naming=tuple(where))
    said = _as_parameters(body.get("entities", ()))
    types = tuple(context.expand(name) for name in said["type"].split(",")) if "type" in said else None
    ids = tuple(said["id"].split(",")) if "id" in said else None
    concerns = Asked(types, ids, said.get("idPattern"), wanted.attributes)
    return {**params, **said}, wanted, concerns


def params_of(body: Mapping[str, Any]) -> dict[str, str]:
    """What a Query says, as the parameters that say the same. Raises `Invalid`."""
    params: dict[str, str] = {}
    for name in _LISTS:
        if (value := body.get("attributes" if name == "attrs" and "attributes" in body else name)) is not None:
            if isinstance(value, list) and not all(isinstance(item, str) for item in value):
                raise Invalid("a list of strings is needed", field=name)
            params[name] = ",".join(value) if isinstance(value, list) else str(value)
    params |= {name: str(body[name]) for name in _PLAIN if name in body}
    geo = body.get("geoQ")
    if geo is not None:
        if not isinstance(geo, Mapping):
            raise Invalid("geoQ is an object with georel, geometry and coordinates", field="geoQ")
        params |= {name: str(geo[name]) for name in ("georel", "geometry", "coordinates", "geoproperty") if name in geo}
    return params


def _as_parameters(given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the selectors, checked before, say in the parameters of a GET: as much, or more where there are several."""
    said: dict[str, str] = {}
    types = [selector["type"] for selector in given]
    if types and not any(mark in name for name in types for mark in "*();"):
        said["type"] = ",".join(types).replace("|", ",")
    if given and all("id" in selector for selector in given):
        ids = [selector["id"] for selector in given]
        said["id"] = ",".join(one for said_id in ids for one in ([said_id] if isinstance(said_id, str) else said_id))
    elif len(given) == 1 and "idPattern" in given[0]:
        said["idPattern"] = given[0]["idPattern"]
    return said


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
            if not isinstance(pattern, str) or not 0 < len(pattern) <= LONGEST_PATTERN:
                raise Invalid(
                    f"a regular expression of 1 to {LONGEST_PATTERN} characters is needed", field=f"{path}.idPattern"
                )
            conditions.append(f"id ~ {{{len(values)}}}::text")
            values.append(f"(?e){pattern}")
        pieces.append(f"({' and '.join(conditions) or 'true'})")
    return [Where(" or ".join(pieces), tuple(values))] if pieces else []
