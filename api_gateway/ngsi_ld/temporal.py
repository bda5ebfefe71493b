"""Reading history (ETSI GS CIM 009, 5.7.3, 5.7.4, 6.18, 6.19)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.context import answers_ld, link_context
from api_gateway.ngsi_ld.entities import selection_for
from api_gateway.ngsi_ld.params import (
    names_of,
    options_of,
    page_of,
    pattern_blamed,
    refuse_unsupported,
    wanted_of,
)
from api_gateway.ngsi_ld.represent import NORMALIZED, EntityResponse, Shape
from api_gateway.ngsi_ld.times import Times, times_of
from broker.entities.parse import is_uri
from broker.entities.represent import attribute_as
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.store import reading
from broker.store.reading import Document, Point, Span
from schemas.clock import iso

_VALUES = "temporalValues"


class _Ask(NamedTuple):
    """How the answer should look and how much of it there may be."""

    times: Times
    attrs: tuple[str, ...] | None
    values: bool
    shape: Shape
    most: int


async def retrieve(request: Request) -> Response:
    """The history of one entity (6.19.3.1)."""
    entity_id = request.path_params["entity_id"]
    if not is_uri(entity_id):
        raise Invalid("the id in the path must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    gate = gate_of(request)
    caller = await gate.caller(request)
    ask = await _ask(request, caller, required=False)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        document = (await reading.documents(tx, [entity_id])).get(entity_id)
        if document is None:
            raise NotFound(f"there is no entity {entity_id}")
        gate.demand_entity(caller, entity_id, document.type)
        points, complete = await _points(tx, [document], ask, gate, caller)
    entity = _evolution(document, points, ask)
    return _respond(
        entity if not ask.shape.ld else {"@context": ask.shape.context.given, **entity}, ask, points, complete
    )


async def query(request: Request) -> Response:
    """The history of the entities that match (6.18.3.2); those without any in that time are left out."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    ask = await _ask(request, caller, required=True)
    params = request.query_params
    wanted, page = wanted_of(params, ask.shape.context), page_of(params)
    selection = selection_for(gate, caller, wanted)
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            found = await reading.select(tx, selection, limit=page.limit, offset=page.offset)
            points, complete = await _points(tx, found, ask, gate, caller)
            total = await reading.count(tx, selection) if page.counted else None
    mine: defaultdict[str, list[Point]] = defaultdict(list)
    for point in points:
        mine[point.entity_id].append(point)
    entities = [_evolution(document, mine[document.id], ask) for document in found if mine[document.id]]
    if ask.shape.ld:
        entities = [{"@context": ask.shape.context.given, **entity} for entity in entities]
    response = _respond(entities, ask, points, complete)
    if total is not None:
        response.headers["NGSILD-Results-Count"] = str(total)
    return response


async def _ask(request: Request, caller: Caller, *, required: bool) -> _Ask:
    params = request.query_params
    refuse_unsupported(params)
    words = options_of(params, (_VALUES, "normalized"))
    context = await link_context(request, caller.tenant)
    attrs = names_of(params, "attrs", context)
    most = gateway_of(request).settings.max_points
    shape = Shape(ld=answers_ld(request), context=context)
    return _Ask(times_of(params, required=required, most=most), attrs, _VALUES in words, shape, most)


async def _points(
    tx: Transaction, found: Sequence[Document], ask: _Ask, gate: Gate, caller: Caller
) -> tuple[list[Point], bool]:
    """The values to show, and whether they are all there are."""
    if not found:
        return [], True
    hidden = {document.id: gate.hidden(caller, document.type) for document in found}
    span = Span(*ask.times)
    points = await reading.points(tx, list(hidden), ask.attrs, span, limit=ask.most + 1)
    complete = len(points) <= ask.most
    if not complete:
        points = _whole_instants(points)
    return [
        point for point in _newest(points, ask.times.last) if point.attribute not in hidden[point.entity_id]
    ], complete


def _whole_instants(points: list[Point]) -> list[Point]:
    """Cut where time steps, so that the next page can start after the last time shown (6.3.10)."""
    cut = points[-1].at
    kept = [point for point in points if point.at != cut]
    return kept or points[:-1]


def _newest(points: Iterable[Point], last: int | None) -> Iterable[Point]:
    """At most `last` per attribute: one attribute may have several series (units), each cut by itself before."""
    seen: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for point in points:
        key = (point.entity_id, point.attribute, point.dataset_id)
        seen[key] += 1
        if last is None or seen[key] <= last:
            yield point


def _evolution(document: Document, points: Sequence[Point], ask: _Ask) -> dict[str, Any]:
    """EntityTemporal (5.2.20), normalized or as pairs of value and time (4.5.9)."""
    types = document.type
    compact = ask.shape.context.compact
    names = [compact(name) for name in types]
    entity: dict[str, Any] = {"id": document.id, "type": names[0] if len(names) == 1 else names}
    series: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for point in points:
        series[point.attribute].append(_instance(point))
    for name, instances in series.items():
        shown = _pairs(instances) if ask.values else [attribute_as(i, NORMALIZED, compact) for i in instances]
        entity[compact(name)] = shown
    return entity


def _instance(point: Point) -> dict[str, Any]:
    if point.value is not None:
        instance: dict[str, Any] = orjson.loads(point.value)
        instance.setdefault("observedAt", iso(point.at))
        return instance
    instance = {"type": "Property", "value": point.number, "observedAt": iso(point.at)}
    if point.unit_code:
        instance["unitCode"] = point.unit_code
    if point.dataset_id:
        instance["datasetId"] = point.dataset_id
    return instance


_MAIN = {"Relationship": ("object", "objects"), "LanguageProperty": ("languageMap", "languageMaps")}


def _pairs(instances: list[dict[str, Any]]) -> dict[str, Any]:
    kind = instances[0]["type"]
    one, many = _MAIN.get(kind, ("value", "values"))
    return {"type": kind, many: [[instance.get(one), instance["observedAt"]] for instance in instances]}


def _respond(body: Any, ask: _Ask, points: Sequence[Point], complete: bool) -> Response:
    """200, or 206 with the range of time that is shown when there is more (6.3.10)."""
    if complete:
        return EntityResponse(orjson.dumps(body), ask.shape)
    shown = f"date-time {iso(points[0].at)}-{iso(points[-1].at)}/*"
    return EntityResponse(orjson.dumps(body), ask.shape, 206, [(b"content-range", shown.encode())])
