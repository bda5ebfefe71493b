"""Reading history (ETSI GS CIM 009, 5.7.3, 5.7.4, 6.18, 6.19, 6.24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import error_response, problem_media
from api_gateway.federation.histories import (
    Told,
    historians,
    historians_of,
    told_elsewhere,
    told_of_many,
)
from api_gateway.federation.reads import in_order
from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.finding import page_headers
from api_gateway.ngsi_ld.frozen import in_use
from api_gateway.ngsi_ld.params import PAGE, SELECTION, Wanted, only_known, order_of, page_of, pattern_blamed, wanted_of
from api_gateway.ngsi_ld.post_query import query_in
from api_gateway.ngsi_ld.represent import EntityResponse
from api_gateway.ngsi_ld.selecting import matching, ordered, selection_for
from api_gateway.ngsi_ld.snapshot_header import snapshot_said
from api_gateway.ngsi_ld.temporal_members import Found, members_of
from api_gateway.ngsi_ld.temporal_params import TEMPORAL, Ask, ask_of, range_of, within_snapshot
from api_gateway.ngsi_ld.writing import asking, entity_id_of
from api_gateway.personal.reads import asks_personal, book, demand_asks, demand_document, permitted
from api_gateway.usage.metering import about
from broker.entities.evolution import core_members
from broker.errors import Invalid, NotFound
from broker.jsonld.context import Context
from broker.ports import Transaction
from broker.store import reading
from broker.store.reading import EVER, FROZEN_EVER, Document, Selection
from broker.store.snapshot_histories import evolved
from broker.store.temporal import (
    OF_SNAPSHOT,
    Point,
    Wish,
    evolving,
    known,
    series_of,
)
from broker.subscriptions.matching import Asked
from schemas.clock import iso


class _Query(NamedTuple):
    """A query for histories: its parameters, what is wanted, what sources are compared with, the body it came in."""

    params: Mapping[str, str]
    context: Context
    wanted: Wanted
    concerns: Asked
    body: Mapping[str, Any] | None = None


async def retrieve(request: Request) -> Response:
    """The history of one entity (6.19.3.1), also of one that was deleted."""
    entity_id = entity_id_of(request)
    gate = gate_of(request)
    caller = await gate.caller(request)
    context = await link_context(request, caller.tenant)
    gateway = gateway_of(request)
    most = gateway.settings.max_points
    snapshot = snapshot_said(request)
    ask = ask_of(request, request.query_params, context, required=False, most=most, also=frozenset({"type"}))
    ask = ask if snapshot is None else within_snapshot(ask)
    unknown = NotFound(f"there is no temporal representation of {entity_id}")
    asked = await historians(request, caller, entity_id, ask) if snapshot is None else None
    found = None
    async with gateway.database.transaction(caller.tenant) as tx:
        if snapshot is not None:
            await in_use(request, caller, tx, snapshot)
        document = (await _ever(tx, [entity_id], ask)).get(entity_id)
        gone = document is not None and document.deleted_at is not None and snapshot is None
        if gone and not await known(tx, entity_id):
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
) -> Found:
    """What there is of one entity here and, as they told it, at sources."""
    if not told:
        await _refuse_empty(tx, document, ask, gate.hidden(caller, document.type))
    return await members_of(tx, [document], ask, gate, caller, told)


async def query(request: Request) -> Response:
    """The history of the entities that match (6.18.3.2); those without any in that time are left out."""
    params = request.query_params
    gate = gate_of(request)
    caller = await gate.caller(request)
    # A word that is none is told before what is missing (6.3.20).
    only_known(params, TEMPORAL, SELECTION, PAGE)
    context = await link_context(request, caller.tenant)
    wanted = wanted_of(params, context)
    concerns = Asked(wanted.types, wanted.ids, wanted.id_pattern, wanted.attributes)
    return await _query(request, _Query(params, context, wanted, concerns), gate, caller)


async def query_by_post(request: Request) -> Response:
    """The same, asked for in a body (6.24.3.1)."""
    ask = await asking(request)
    body, context = await ask.body()
    times = body.get("temporalQ") if isinstance(body, Mapping) else None
    if not isinstance(times, Mapping):
        raise Invalid("a temporal query needs temporalQ with timerel and timeAt", field="temporalQ")
    said = {name: str(value) for name, value in times.items() if name in TEMPORAL}
    params, wanted, concerns = query_in(body, {**request.query_params, **said}, context)
    return await _query(request, _Query(params, context, wanted, concerns, body), ask.gate, ask.caller)


async def _query(request: Request, query: _Query, gate: Gate, caller: Caller) -> Response:
    gateway, wanted = gateway_of(request), query.wanted
    most = gateway.settings.max_points
    snapshot = snapshot_said(request)
    ask = ask_of(request, query.params, query.context, required=True, most=most, also=SELECTION | PAGE)
    ask = ask if snapshot is None else within_snapshot(ask)
    page, order = page_of(query.params), order_of(query.params, query.context)
    # What an entity had is asked of its history: it need not have it any more.
    personal = snapshot is None and asks_personal(request, caller, wanted.types)
    if personal:
        demand_asks(request, caller, wanted.types, wanted.asks)
        selection = Selection(wanted.types, wanted.ids, wanted.id_pattern, where=wanted.where)
    else:
        selection = selection_for(gate, caller, wanted)._replace(attributes=None, where=wanted.where)
    alone = personal or snapshot is not None
    asked = None if alone else await historians_of(request, caller, query.concerns, ask, query.params)
    # As in the present, a page is cut when all have answered.
    skipped = page.offset if asked is None else 0
    wish = ask.wish if ask.wish.attributes else ask.wish._replace(attributes=None)
    there = evolving(wish, ask.times.span, gate.hidden_by_type(caller))
    among = EVER if snapshot is None else FROZEN_EVER
    selection = selection._replace(where=(*selection.where, there), among=among)
    total = None
    with pattern_blamed():
        async with gateway.database.transaction(caller.tenant) as tx:
            if snapshot is not None:
                await in_use(request, caller, tx, snapshot)
            if personal:
                selection = await permitted(request, tx, caller, selection)
            selection = ordered(await matching(tx, selection, wanted.geo), order)
            limit = page.limit + 1 + page.offset - skipped
            documents = await reading.select(tx, selection, limit=limit, offset=skipped)
            if page.counted:
                total = await reading.count(tx, selection)
            if asked is None:
                more, documents = len(documents) > page.limit, documents[: page.limit]
                if personal:
                    documents = await book(request, tx, caller, documents)
                documents, found = await _histories(tx, documents, ask, gate, caller)
    warnings: list[tuple[bytes, bytes]] = []
    if asked is not None:
        told = await told_of_many(asked, ask, query.params, page, query.body)
        async with gateway.database.transaction(caller.tenant) as tx:
            elsewhere = await to_be_seen(tx, told.documents, gate, caller)
            both = sum(document.id in elsewhere for document in documents)
            total = None if total is None else total + told.total - both
            merged = in_order([*(elsewhere | {document.id: document for document in documents}).values()], order)
            more = len(merged) > page.offset + page.limit
            documents, warnings = merged[page.offset : page.offset + page.limit], told.warnings
            documents, found = await _histories(tx, documents, ask, gate, caller, told.points)
    about(request, (name for document in documents for name in document.type))
    headers = [*page_headers(request, page, ask.shape, more=more, total=total), *warnings]
    return _respond([_entity(document, found, ask) for document in documents], ask, found.told, headers)


async def _histories(
    tx: Transaction,
    documents: list[Document],
    ask: Ask,
    gate: Gate,
    caller: Caller,
    elsewhere: Sequence[tuple[int, Point]] = (),
) -> tuple[list[Document], Found]:
    """What there is of each entity, and the entities with all their times where those are asked for."""
    shown = {document.id for document in documents}
    found = await members_of(tx, documents, ask, gate, caller, [one for one in elsewhere if one[1].entity_id in shown])
    if ask.shape.sys_attrs:
        ever = await _ever(tx, sorted(shown), ask)
        documents = [ever.get(document.id, document) for document in documents]
    return documents, found


async def _ever(tx: Transaction, ids: Sequence[str], ask: Ask) -> dict[str, Document]:
    """The entities that exist or did, or those of the snapshot that is asked."""
    if ask.wish.among == OF_SNAPSHOT:
        return await evolved(tx, ids)
    return await reading.documents_ever(tx, ids)


async def to_be_seen(
    tx: Transaction, documents: Mapping[str, Document], gate: Gate, caller: Caller
) -> dict[str, Document]:
    """What sources tell of, less what the caller may not read as it is told or as it is known here."""
    known_here = await reading.documents_ever(tx, sorted(documents))
    return {
        id_: document
        for id_, document in documents.items()
        if gate.sees(caller, document) and (id_ not in known_here or gate.sees(caller, known_here[id_]))
    }


async def _refuse_empty(tx: Transaction, document: Document, ask: Ask, hidden: frozenset[str]) -> None:
    """Raise `NotFound` where attrs, pick or omit leave nothing of what history has (5.7.3, 4.21)."""
    if not ask.filtered:
        return
    had = {key.attribute for key in await series_of(tx, [document.id], Wish(among=ask.wish.among))}
    there = (had | orjson.loads(document.text).keys() | {"id", "type"}) - hidden
    shape = ask.shape
    left = there & (shape.attrs if shape.attrs is not None else shape.pick or there) - shape.omit
    if not left:
        raise NotFound(f"{document.id} has nothing of what is asked for")


def _entity(document: Document, found: Found, ask: Ask) -> dict[str, Any]:
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
