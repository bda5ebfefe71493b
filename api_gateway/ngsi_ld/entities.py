"""Retrieving and querying entities (ETSI GS CIM 009, 5.7.1, 5.7.2, 6.4, 6.5). Lean: these are the hot routes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from access.places import LOCATION, PLACES
from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import error_response, problem_media
from api_gateway.federation.forwarding import distribution
from api_gateway.federation.gating import of_readable, places_matter, with_place
from api_gateway.federation.reads import Wish, asked_about, whole_entity
from api_gateway.ngsi_ld.context import link_context
from api_gateway.ngsi_ld.entity_maps import chosen_map
from api_gateway.ngsi_ld.finding import by_map, found_everywhere, page_headers
from api_gateway.ngsi_ld.frozen import frozen, frozen_page
from api_gateway.ngsi_ld.joining import join_of, joined
from api_gateway.ngsi_ld.params import (
    PAGE,
    SELECTION,
    SHAPE,
    Page,
    Wanted,
    flag,
    only_known,
    order_of,
    page_of,
    pattern_blamed,
    shape_of,
    wanted_of,
)
from api_gateway.ngsi_ld.reader import DocumentReader
from api_gateway.ngsi_ld.represent import EntityResponse, Shape, render, shaped
from api_gateway.ngsi_ld.selecting import CORE, concern_of, matching, seen, selection_for
from api_gateway.ngsi_ld.snapshot_header import echo, snapshot_said
from api_gateway.personal.reads import asks_personal, book, demand_asks, demand_document, permitted, same_matter
from api_gateway.usage.metering import about
from broker.entities.parse import is_uri
from broker.errors import Invalid, NotFound
from broker.jsonld.context import Context
from broker.query.joining import Join
from broker.store import reading
from broker.store.reading import Document, Selection, Where
from broker.subscriptions.matching import Asked


async def retrieve(request: Request) -> Response:
    """One entity by id (6.5.3.1)."""
    entity_id = request.path_params["entity_id"]
    if not is_uri(entity_id):
        raise Invalid("the id in the path must be a URI, such as urn:ngsi-ld:WaterObserved:1", field="id")
    gate = gate_of(request)
    caller = await gate.caller(request)
    shape = await _retrieval_shape(request, caller)
    snapshot, join = snapshot_said(request), join_of(request.query_params)
    if snapshot is None:
        document, warnings = await _document(request, caller, entity_id, shape)
    else:
        document, warnings = await frozen(request, caller, snapshot, entity_id), echo(snapshot)
    if document is None:
        unknown = NotFound(f"there is no entity {entity_id}")
        answer = error_response(unknown, request.url.path, media=problem_media(request.scope))
        answer.raw_headers += warnings
        return answer
    about(request, document.type)
    hidden = gate.hidden(caller, document.type)
    if shape.attrs is not None and not (shape.attrs - hidden) & orjson.loads(document.text).keys():
        raise NotFound(f"{entity_id} has none of the attributes {', '.join(sorted(shape.attrs))}")
    if not _anything_left(document, shape, hidden):
        raise NotFound(f"{entity_id} has nothing of what is asked for")
    if join is None:
        return EntityResponse(render(document, shape, hidden), shape, more=warnings)
    answers = await joined(request, caller, [document], join, shape, snapshot)
    body = orjson.dumps(answers if join.flat and len(answers) > 1 else answers[0])
    return EntityResponse(body, shape, more=warnings)


async def _document(
    request: Request, caller: Caller, entity_id: str, shape: Shape
) -> tuple[Document | None, list[tuple[bytes, bytes]]]:
    """The entity as it is known here and at the context sources that it concerns, and their warnings.

    What is known here must be for the caller's eyes before any source is asked; what comes of asking is judged again
    where it is of other types or about somebody else.
    """
    reader: DocumentReader = request.app.state.reader
    names = shape.attrs if shape.attrs is not None else (shape.pick and shape.pick - CORE) or None
    wanted = asked_about(entity_id, request.query_params, shape.context, None if names is None else tuple(names))
    if names is not None and places_matter(request, caller, wanted.types):
        wanted = wanted._replace(attributes=(*names, LOCATION))
    asked = of_readable(await distribution(request, caller, wanted), wanted.types, somewhere=True)
    local = await reader.get(caller.tenant, entity_id)
    if local is not None:
        await demand_document(request, caller, local, f"there is no entity {entity_id}")
    if asked is None:
        return local, []
    document, warnings = await whole_entity(request, asked, entity_id, local, shape.context)
    if document is not None and (local is None or not same_matter(local, document) or _moved(local, document)):
        await demand_document(request, caller, document, f"there is no entity {entity_id}")
        if local is None and not _tells_its_place(request, caller, document):
            raise NotFound(f"there is no entity {entity_id}")
    return document, warnings


def _moved(local: Document, document: Document) -> bool:
    """Whether others say that the entity lies elsewhere."""
    here, there = orjson.loads(local.text), orjson.loads(document.text)
    return any(here.get(name) != there.get(name) for name in PLACES)


def _tells_its_place(request: Request, caller: Caller, document: Document) -> bool:
    """Whether what others told of the entity is enough to judge it by where it lies, if that is asked."""
    gate = gate_of(request)
    return not places_matter(request, caller, document.type) or gate.sees_from_afar(caller, document)


def _anything_left(document: Document, shape: Shape, hidden: frozenset[str]) -> bool:
    """Whether pick and omit leave a member (4.21)."""
    if shape.pick is None and not shape.omit:
        return True
    there = orjson.loads(document.text).keys() - hidden - shape.omit
    return bool(there if shape.pick is None else there & shape.pick)


async def _retrieval_shape(request: Request, caller: Caller) -> Shape:
    query = request.query_params
    if request.scope["query_string"]:
        only_known(query, SHAPE - {"entityMap"}, frozenset({"type"}))
    context = await link_context(request, caller.tenant)
    return shape_of(request, context)


async def query(request: Request) -> Response:
    """A page of entities (6.4.3.2)."""
    params = request.query_params
    only_known(params, SELECTION, SHAPE, PAGE)
    return await answer_query(request, params)


async def answer_query(
    request: Request,
    params: Mapping[str, str],
    context: Context | None = None,
    wanted: Wanted | None = None,
    concerns: Asked | None = None,
    body: Mapping[str, Any] | None = None,
) -> Response:
    """A page of the entities that the parameters ask for, or `wanted` where a `body` says what that is (6.23);
    `concerns`: what context sources are compared with."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    if context is None:
        context = await link_context(request, caller.tenant)
    wanted = wanted or wanted_of(params, context)
    page, shape = page_of(params), shape_of(request, context, params)
    join, snapshot = join_of(params), snapshot_said(request)
    if shape.pick is not None:
        wanted = wanted._replace(asks=wanted.asks._replace(some=(*wanted.asks.some, shape.pick)))
    if snapshot is None and asks_personal(request, caller, wanted.types):
        return await _personal_page(request, caller, wanted, page, shape)
    selection = selection_for(gate, caller, wanted)
    if shape.pick is not None and not shape.pick & {"id", "type", "scope"}:
        selection = selection._replace(where=(*selection.where, Where("doc ?| {0}::text[]", (list(shape.pick),))))
    if snapshot is not None:
        view = await frozen_page(request, caller, snapshot, selection, wanted, page, order_of(params, context))
        headers = page_headers(request, page, shape, more=len(view.documents) > page.limit, total=view.total)
        return await _told(
            request, caller, view.documents[: page.limit], shape, join, [*headers, *echo(snapshot)], snapshot
        )
    concerns = concerns or concern_of(wanted, shape)
    candidates = None
    if flag(params, "splitEntities"):
        concerns = concerns._replace(attributes=None)
        candidates = selection_for(gate, caller, wanted.unfiltered())
    about_place = concerns
    wish = Wish(params, context, page, order_of(params, context), body)
    if places_matter(request, caller, concerns.types):
        wish = with_place(wish)
        if concerns.attributes is not None:
            about_place = concerns._replace(attributes=(*concerns.attributes, LOCATION))
    asked = of_readable(await distribution(request, caller, about_place, params), concerns.types, somewhere=True)
    found = partial(found_everywhere, request, caller, selection, wanted.geo, concerns, shape)
    look = partial(found, candidates=candidates)
    if (listed := await chosen_map(request, caller)) is not None or flag(params, "entityMap"):
        view, more = await by_map(request, caller, listed, look, asked, wish)
    else:
        view = await look(asked, wish)
        follows = len(view.documents) > page.limit
        more = page_headers(request, page, shape, more=follows, total=view.total)
    return await _told(request, caller, view.documents[: page.limit], shape, join, more + view.warnings)


async def _told(
    request: Request,
    caller: Caller,
    shown: list[Document],
    shape: Shape,
    join: Join | None,
    more: list[tuple[bytes, bytes]],
    snapshot: str | None = None,
) -> Response:
    """The answer that shows these entities, of the present or of a snapshot."""
    gate = gate_of(request)
    about(request, (name for document in shown for name in document.type))
    if shape.geojson:
        return EntityResponse(_collection(shown, shape, gate, caller), shape, more=more)
    if join is not None:
        answers = await joined(request, caller, shown, join, shape, snapshot)
        return EntityResponse(orjson.dumps(answers), shape, more=more)
    parts = [render(document, shape, gate.hidden(caller, document.type)) for document in shown]
    return EntityResponse(b"[" + b",".join(parts) + b"]", shape, more=more)


async def _personal_page(request: Request, caller: Caller, wanted: Wanted, page: Page, shape: Shape) -> Response:
    """A page of entities about persons: those with a ground, each booked. Never joined, never asked of others."""
    gate = gate_of(request)
    demand_asks(request, caller, wanted.types, wanted.asks)
    where = (*wanted.where, *seen(gate, caller, wanted.asks))
    chosen = Selection(wanted.types, wanted.ids, wanted.id_pattern, wanted.attributes, where=where)
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            selection = await matching(tx, await permitted(request, tx, caller, chosen), wanted.geo)
            total = await reading.count(tx, selection) if page.counted else None
            found = await reading.select(tx, selection, limit=page.limit, offset=page.offset) if page.limit else []
            shown = await book(request, tx, caller, found)
    more = [] if total is None else [(b"ngsild-results-count", str(total).encode())]
    if shape.geojson:
        return EntityResponse(_collection(shown, shape, gate, caller), shape, more=more)
    parts = [render(document, shape, gate.hidden(caller, document.type)) for document in shown]
    return EntityResponse(b"[" + b",".join(parts) + b"]", shape, more=more)


def _collection(shown: list[Document], shape: Shape, gate: Gate, caller: Caller) -> bytes:
    """A GeoJSON FeatureCollection (4.5.17)."""
    inner = shape._replace(inner_context=False)
    features = [shaped(document, inner, gate.hidden(caller, document.type)) for document in shown]
    return orjson.dumps({"@context": shape.context.given, "type": "FeatureCollection", "features": features})
