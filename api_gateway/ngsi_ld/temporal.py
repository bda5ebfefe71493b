"""Reading history (ETSI GS CIM 009, 5.7.3, 5.7.4, 6.18, 6.19, 6.24)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import error_response, problem_media
from api_gateway.federation.histories import Told, historians, told_elsewhere, united
from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.entities import page_headers
from api_gateway.ngsi_ld.params import PAGE, SELECTION, Wanted, only_known, order_of, page_of, pattern_blamed, wanted_of
from api_gateway.ngsi_ld.post_query import params_of, selectors
from api_gateway.ngsi_ld.represent import EntityResponse
from api_gateway.ngsi_ld.selecting import matching, ordered, selection_for
from api_gateway.ngsi_ld.temporal_params import TEMPORAL, Ask, ask_of, range_of
from api_gateway.ngsi_ld.writing import asking, entity_id_of
from api_gateway.personal.reads import asks_personal, book, demand_asks, demand_document, permitted
from api_gateway.usage.metering import about
from broker.entities.evolution import (
    TEMPORAL_VALUES,
    Instance,
    Series,
    aggregated,
    core_members,
    deleted,
    evolution,
    nothing,
)
from broker.entities.patch import dataset, instances
from broker.errors import Invalid, NotFound
from broker.jsonld.context import Context
from broker.ports import Transaction
from broker.store import reading
from broker.store.aggregates import aggregates
from broker.store.instances import Kept, instance_id
from broker.store.reading import EVER, Document, Selection
from broker.store.temporal import (
    DELETED,
    OBSERVED,
    Gone,
    Point,
    Wish,
    deletions,
    evolving,
    known,
    points,
    series_of,
)
from schemas.clock import iso


class _Found(NamedTuple):
    """What is shown of each entity, by its id; `told` are the times of what was cut off, empty where nothing was."""

    members: Mapping[str, dict[str, Any]]
    told: list[datetime]


async def retrieve(request: Request) -> Response:
    """The history of one entity (6.19.3.1), also of one that was deleted."""
    entity_id = entity_id_of(request)
    gate = gate_of(request)
    caller = await gate.caller(request)
    context = await link_context(request, caller.tenant)
    gateway = gateway_of(request)
    most = gateway.settings.max_points
    ask = ask_of(request, request.query_params, context, required=False, most=most, also=frozenset({"type"}))
    unknown = NotFound(f"there is no temporal representation of {entity_id}")
    asked = await historians(request, caller, entity_id, ask)
    found = None
    async with gateway.database.transaction(caller.tenant) as tx:
        document = (await reading.documents_ever(tx, [entity_id])).get(entity_id)
        if document is not None and document.deleted_at is not None and not await known(tx, entity_id):
            document = None
        if document is not None:
            await demand_document(request, caller, document, str(unknown), tx)
        if asked is None:
            if document is None:
                raise unknown
            found = await _history(tx, document, ask, gate, caller)
    told = Told([], None, []) if asked is None else await told_elsewhere(asked, entity_id, ask)
    if document is None and (document := told.document) is not None:
        await demand_document(request, caller, document, str(unknown))
    if document is None:
        answer = error_response(unknown, request.url.path, media=problem_media(request.scope))
        answer.raw_headers += told.warnings
        return answer
    about(request, document.type)
    if found is None:
        async with gateway.database.transaction(caller.tenant) as tx:
            found = await _history(tx, document, ask, gate, caller, told.points)
    return _respond(_entity(document, found, ask), ask, found.told, told.warnings)


async def _history(
    tx: Transaction, document: Document, ask: Ask, gate: Gate, caller: Caller, told: Sequence[tuple[int, Point]] = ()
) -> _Found:
    """What there is of one entity here and, as they told it, at sources."""
    if not told:
        await _refuse_empty(tx, document, ask, gate.hidden(caller, document.type))
    return await _members(tx, [document], ask, gate, caller, told)


async def query(request: Request) -> Response:
    """The history of the entities that match (6.18.3.2); those without any in that time are left out."""
    params = request.query_params
    gate = gate_of(request)
    caller = await gate.caller(request)
    # A word that is none is told before what is missing (6.3.20).
    only_known(params, TEMPORAL, SELECTION, PAGE)
    context = await link_context(request, caller.tenant)
    return await _query(request, params, context, wanted_of(params, context), gate, caller)


async def query_by_post(request: Request) -> Response:
    """The same, asked for in a body (6.24.3.1)."""
    ask = await asking(request)
    body, context = await ask.body()
    if not isinstance(body, Mapping) or body.get("type") != "Query":
        raise Invalid("the body must be an object of type Query", field="type")
    times = body.get("temporalQ")
    if not isinstance(times, Mapping):
        raise Invalid("a temporal query needs temporalQ with timerel and timeAt", field="temporalQ")
    said = {name: str(value) for name, value in times.items() if name in TEMPORAL}
    params = {**request.query_params, **params_of(body), **said}
    where = selectors(body.get("entities", ()), context)
    if not where and not any(name in params for name in ("attrs", "q", "georel")) and params.get("local") != "true":
        raise Invalid("a query needs at least entities, attrs, q or geoQ", field="entities")
    wanted = wanted_of(params, context, needed=False)
    wanted = wanted._replace(where=(*wanted.where, *where))
    return await _query(request, params, context, wanted, ask.gate, ask.caller)


async def _query(
    request: Request, params: Mapping[str, str], context: Context, wanted: Wanted, gate: Gate, caller: Caller
) -> Response:
    gateway = gateway_of(request)
    most = gateway.settings.max_points
    ask = ask_of(request, params, context, required=True, most=most, also=SELECTION | PAGE)
    page = page_of(params)
    # What an entity had is asked of its history: it need not have it any more.
    personal = asks_personal(request, caller, wanted.types)
    if personal:
        demand_asks(request, caller, wanted.types, wanted.asks)
        selection = Selection(wanted.types, wanted.ids, wanted.id_pattern, where=wanted.where)
    else:
        selection = selection_for(gate, caller, wanted)._replace(attributes=None)
    there = evolving(ask.wish if ask.wish.attributes else ask.wish._replace(attributes=None), ask.times.span)
    selection = selection._replace(where=(*selection.where, there), among=EVER)
    total = None
    with pattern_blamed():
        async with gateway.database.transaction(caller.tenant) as tx:
            if personal:
                selection = await permitted(request, tx, caller, selection)
            selection = ordered(await matching(tx, selection, wanted.geo), order_of(params, context))
            documents = await reading.select(tx, selection, limit=page.limit + 1, offset=page.offset)
            more, documents = len(documents) > page.limit, documents[: page.limit]
            if personal:
                documents = await book(request, tx, caller, documents)
            found = await _members(tx, documents, ask, gate, caller)
            if ask.shape.sys_attrs:
                ever = await reading.documents_ever(tx, [document.id for document in documents])
                documents = [ever[document.id] for document in documents]
            if page.counted:
                total = await reading.count(tx, selection)
    about(request, (name for document in documents for name in document.type))
    headers = page_headers(request, page, ask.shape, more=more, total=total)
    return _respond([_entity(document, found, ask) for document in documents], ask, found.told, headers)


async def _refuse_empty(tx: Transaction, document: Document, ask: Ask, hidden: frozenset[str]) -> None:
    """Raise `NotFound` where attrs, pick or omit leave nothing of what history has (5.7.3, 4.21)."""
    if not ask.filtered:
        return
    had = {key.attribute for key in await series_of(tx, [document.id], Wish())}
    there = (had | orjson.loads(document.text).keys() | {"id", "type"}) - hidden
    shape = ask.shape
    left = there & (shape.attrs if shape.attrs is not None else shape.pick or there) - shape.omit
    if not left:
        raise NotFound(f"{document.id} has nothing of what is asked for")


async def _members(
    tx: Transaction,
    documents: Sequence[Document],
    ask: Ask,
    gate: Gate,
    caller: Caller,
    elsewhere: Sequence[tuple[int, Point]] = (),
) -> _Found:
    if not documents:
        return _Found({}, [])
    hidden = {document.id: gate.hidden(caller, document.type) for document in documents}
    if ask.question is not None:
        return _Found(await _aggregated(tx, documents, ask, hidden), [])
    read = deletions if ask.times.span.by == DELETED else points
    rows: Sequence[Point | Gone] = await read(tx, list(hidden), ask.wish, ask.times.span, limit=ask.most + 1)
    if elsewhere:
        here = [row for row in rows if isinstance(row, Point)]
        rows = united(here, elsewhere, newest_first=ask.times.span.last is not None)[: ask.most + 1]
    complete = len(rows) <= ask.most
    if not complete:
        rows = _whole_instants(rows)
    mine: defaultdict[str, list[Instance]] = defaultdict(list)
    for row in _newest(rows, ask.times.span.last):
        if row.attribute not in hidden[row.entity_id]:
            mine[row.entity_id].append(_instance(row, ask))
    members = {entity_id: evolution(found, ask.shape, ask.form) for entity_id, found in mine.items()}
    if not complete:
        await _add_empty(tx, members, ask, hidden)
    return _Found(members, [] if complete else [row.told for row in rows])


async def _add_empty(
    tx: Transaction, members: dict[str, dict[str, Any]], ask: Ask, hidden: Mapping[str, frozenset[str]]
) -> None:
    """In a part of an answer, what is all in other parts is told as empty."""
    for key in await series_of(tx, list(hidden), ask.wish):
        if key.attribute not in hidden[key.entity_id] | ask.shape.omit:
            name = ask.shape.context.compact(key.attribute)
            members.setdefault(key.entity_id, {}).setdefault(name, nothing(ask.form))


def _whole_instants(rows: Sequence[Point | Gone]) -> Sequence[Point | Gone]:
    """Cut where time steps, so that the next part can start after the last time shown (6.3.10)."""
    cut = rows[-1].told
    kept = [row for row in rows if row.told != cut]
    return kept or rows[:-1]


def _newest(rows: Iterable[Point | Gone], last: int | None) -> Iterable[Point | Gone]:
    """At most `last` per attribute: one attribute may have several series (units), each cut by itself before."""
    if last is None:
        yield from rows
        return
    seen: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        key = (row.entity_id, row.attribute, row.dataset_id)
        seen[key] += 1
        if seen[key] <= last:
            yield row


def stored_instance(row: Point | Kept) -> dict[str, Any]:
    """The instance in a row of history, normalized; a bare number is a Property observed at its time."""
    if row.value is not None:
        stored: dict[str, Any] = orjson.loads(row.value)
        return stored
    value = {"type": "Property", "value": row.number, "observedAt": row.at}
    if row.unit_code:
        value["unitCode"] = row.unit_code
    if row.dataset_id:
        value["datasetId"] = row.dataset_id
    return value


def _instance(row: Point | Gone, ask: Ask) -> Instance:
    if isinstance(row, Gone):
        return Instance(row.attribute, deleted(row.kind, row.attribute, row.dataset_id, row.told), row.told)
    value = stored_instance(row)
    modified, named = value.pop("modifiedAt", None), value.pop("instanceId", None)
    if ask.form == TEMPORAL_VALUES:
        return Instance(row.attribute, value, row.told)
    value["instanceId"] = named or instance_id(row.series_id, row.at, row.version)
    if ask.shape.sys_attrs:
        value |= {"createdAt": row.received_at, "modifiedAt": modified or row.received_at}
    elif ask.times.span.by != OBSERVED:
        value[ask.times.span.by] = row.told
    return Instance(row.attribute, value, row.told)


async def _aggregated(
    tx: Transaction, documents: Sequence[Document], ask: Ask, hidden: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, Any]]:
    assert ask.question is not None
    keys = {
        k.series_id: k for k in await series_of(tx, list(hidden), ask.wish) if k.attribute not in hidden[k.entity_id]
    }
    docs = {document.id: orjson.loads(document.text) for document in documents}
    values: defaultdict[int, dict[str, list[list[Any]]]] = defaultdict(dict)
    for row in await aggregates(tx, list(keys), ask.question):
        for method in ask.question.methods:
            if (value := row.value(method)) is not None:
                values[row.series_id].setdefault(method, []).append([value, row.start, row.end])
    mine: defaultdict[str, list[Series]] = defaultdict(list)
    for number, found in values.items():
        key = keys[number]
        kind = _kind(docs[key.entity_id], key.attribute, key.dataset_id)
        mine[key.entity_id].append(Series(key.attribute, kind, key.dataset_id, key.unit_code, found))
    return {entity_id: aggregated(series, ask.shape) for entity_id, series in mine.items()}


def _kind(doc: Mapping[str, Any], attribute: str, dataset_id: str) -> str:
    """The attribute's type, as the entity has it or last had it."""
    there = {dataset(instance): instance["type"] for instance in instances(doc.get(attribute))}
    return str(there.get(dataset_id) or next(iter(there.values()), "Property"))


def _entity(document: Document, found: _Found, ask: Ask) -> dict[str, Any]:
    """EntityTemporal (5.2.20)."""
    times = {"createdAt": document.created_at, "modifiedAt": document.modified_at}
    if document.deleted_at is not None:
        times["deletedAt"] = document.deleted_at
    core = core_members(orjson.loads(document.text), times, ask.shape)
    entity = {**core, **found.members.get(document.id, {})}
    return {"@context": ask.shape.context.given, **entity} if ask.shape.ld else entity


def _respond(body: Any, ask: Ask, told: list[datetime], headers: list[tuple[bytes, bytes]]) -> Response:
    """200, or 206 with the range of time that is shown when there is more (6.3.10)."""
    text = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    if not told:
        return EntityResponse(text, ask.shape, more=headers)
    start, end = range_of(ask.times, told)
    size = ask.times.span.last or "*"
    shown = f"date-time {iso(start)}-{iso(end)}/{size}"
    return EntityResponse(text, ask.shape, 206, [*headers, (b"content-range", shown.encode())])
