"""Executing the queries of a snapshot (ETSI GS CIM 009, 5.16.1, 5.2.41, 5.2.42): of entities and of histories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson

from access.places import PLACES
from api_gateway.errors import SourceFailed, TooManyResults, problem
from api_gateway.federation.forwarding import distribution
from api_gateway.federation.gating import of_readable
from api_gateway.federation.reads import View, Wish
from api_gateway.ngsi_ld.finding import found_everywhere
from api_gateway.ngsi_ld.frozen_histories import MOST_ENTITIES, Past, TemporalQuery, past, temporal_query
from api_gateway.ngsi_ld.params import MAX_LIMIT, Page, Wanted, shape_of
from api_gateway.ngsi_ld.post_query import query_in
from api_gateway.ngsi_ld.represent import Shape
from api_gateway.ngsi_ld.selecting import CORE, selection_for
from api_gateway.ngsi_ld.writing import Writing
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.store.reading import Document
from broker.subscriptions.matching import Asked

QUERIES = ("snapshotQueries", "snapshotTemporalQueries")
_MOST_QUERIES = 10
_QUERY = frozenset(
    {"type", "entities", "attrs", "attributes", "pick", "q", "geoQ", "scopeQ", "csf", "expandValues", "jsonKeys"}
)
SUCCESS, EMPTY, FAILURE, PARTIAL = "success", "empty", "failure", "partial"
_One = TypeVar("_One")


class Query(NamedTuple):
    """A query of a snapshot, checked."""

    body: Mapping[str, Any]
    params: Mapping[str, str]
    wanted: Wanted
    concerns: Asked
    shape: Shape


class Found(NamedTuple):
    """What all the queries found, and how each went: by the member that held them (5.2.42)."""

    documents: list[Document]
    pasts: list[Past]
    details: dict[str, list[dict[str, Any]]]

    @property
    def status(self) -> str:
        """The state of the whole (5.16.1.4)."""
        details = [told for some in self.details.values() for told in some]
        results = {told["resultStatus"] for told in details}
        if results == {FAILURE}:
            return FAILURE
        if FAILURE in results or any("problemDetails" in told for told in details):
            return PARTIAL
        return SUCCESS if SUCCESS in results else EMPTY


def queries_of(ask: Writing, given: Mapping[str, Any], context: Context) -> tuple[list[Query], list[TemporalQuery]]:
    """The queries of a snapshot to be made. Raises `Invalid`."""
    present, temporal = QUERIES
    if not any(name in given for name in QUERIES):
        raise Invalid(f"a snapshot is made by queries, in {present} or {temporal}", field=present)
    return (
        _each(given, present, frozenset(), lambda body: _query(ask, body, context)),
        _each(given, temporal, frozenset({"temporalQ"}), lambda body: temporal_query(ask, body, context)),
    )


def _each(given: Mapping[str, Any], name: str, more: frozenset[str], read: Callable[[Any], _One]) -> list[_One]:
    if (bodies := given.get(name)) is None:
        return []
    if not isinstance(bodies, list) or not 0 < len(bodies) <= _MOST_QUERIES:
        raise Invalid(f"a list of 1 to {_MOST_QUERIES} queries is needed", field=name)
    queries = []
    for index, body in enumerate(bodies):
        path = f"{name}[{index}]"
        if isinstance(body, Mapping) and (strange := sorted(body.keys() - _QUERY - more)):
            raise Invalid(f"here a query has {', '.join(sorted(_QUERY | more))}", field=f"{path}.{strange[0]}")
        try:
            queries.append(read(body))
        except Invalid as error:
            raise Invalid(str(error), field=f"{path}.{error.field}" if error.field else path) from error
    return queries


def _query(ask: Writing, body: Any, context: Context) -> Query:
    params, wanted, concerns = query_in(body, {}, context)
    return Query(body, params, wanted, concerns, shape_of(ask.request, context, params))


async def execute(ask: Writing, queries: tuple[list[Query], list[TemporalQuery]], context: Context) -> Found:
    """Execute them one after the other, here and at sources."""
    found = Found([], [], {name: [] for name in QUERIES})
    present, temporal = (found.details[name] for name in QUERIES)
    for query in queries[0]:
        try:
            view = await _look(ask, query, context)
        except TooManyResults as error:
            present.append(_failed(ask, error))
            continue
        found.documents.extend(_shown(document, query.shape) for document in view.documents)
        present.append(_went(ask, bool(view.documents), view.warnings))
    for of_past in queries[1]:
        try:
            told = await past(ask, of_past, sum(len(one.points) for one in found.pasts))
        except TooManyResults as error:
            temporal.append(_failed(ask, error))
            continue
        found.pasts.append(told)
        temporal.append(_went(ask, bool(told.documents), told.warnings))
    return found


def _failed(ask: Writing, error: TooManyResults) -> dict[str, Any]:
    return {"resultStatus": FAILURE, "problemDetails": problem(error, ask.request.url.path)}


def _went(ask: Writing, anything: bool, warnings: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    told: dict[str, Any] = {"resultStatus": SUCCESS if anything else EMPTY}
    if warnings:
        silent = "; ".join(text.decode("latin-1") for _, text in warnings)
        error = SourceFailed(f"not all context sources answered: {silent}")
        told["problemDetails"] = problem(error, ask.request.url.path)
    return told


async def _look(ask: Writing, query: Query, context: Context) -> View:
    request, caller = ask.request, ask.caller
    params = {**query.params, "limit": str(MAX_LIMIT), "offset": "0"}
    selection = selection_for(ask.gate, caller, query.wanted)
    asked = of_readable(await distribution(request, caller, query.concerns, params), query.concerns.types)
    wish = Wish(params, context, Page(MOST_ENTITIES, 0, counted=False), [], query.body)
    view = await found_everywhere(
        request, caller, selection, query.wanted.geo, query.concerns, query.shape, asked, wish
    )
    if len(view.documents) > MOST_ENTITIES:
        raise TooManyResults(f"a query of a snapshot finds at most {MOST_ENTITIES} entities; ask for fewer")
    return view


def _shown(document: Document, shape: Shape) -> Document:
    """The entity with the attributes that were asked for, and where it lies: by that its readers are judged."""
    names = shape.attrs if shape.pick is None else shape.pick
    if names is None:
        return document
    entity = {name: value for name, value in orjson.loads(document.text).items() if name in names | CORE | PLACES}
    return document._replace(text=orjson.dumps(entity).decode())
