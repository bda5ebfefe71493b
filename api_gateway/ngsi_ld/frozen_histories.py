"""The temporal queries of a snapshot (ETSI GS CIM 009, 5.16.1, 5.2.41): what they find here and at sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from api_gateway.errors import TooManyResults
from api_gateway.federation.histories import historians_of, told_of_many, united
from api_gateway.ngsi_ld.params import PAGE, SELECTION, Page, Wanted, pattern_blamed
from api_gateway.ngsi_ld.post_query import query_in
from api_gateway.ngsi_ld.selecting import matching, selection_for
from api_gateway.ngsi_ld.temporal import to_be_seen
from api_gateway.ngsi_ld.temporal_params import Ask, ask_of
from api_gateway.ngsi_ld.writing import Writing
from broker.errors import Invalid
from broker.jsonld.context import Context
from broker.store import reading
from broker.store.reading import EVER, Document
from broker.store.temporal import DELETED, Point, evolving, points
from broker.subscriptions.matching import Asked

MOST_ENTITIES, MOST_INSTANCES = 10_000, 100_000
"""A query that finds more entities, or makes a snapshot hold more instances, fails: a basis for work, no backup."""
_TIMES = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"})


class TemporalQuery(NamedTuple):
    """A temporal query of a snapshot, checked."""

    body: Mapping[str, Any]
    params: Mapping[str, str]
    wanted: Wanted
    concerns: Asked
    ask: Ask


class Past(NamedTuple):
    """Entities with their histories, and the warnings of sources that could not be asked."""

    documents: list[Document]
    points: list[Point]
    warnings: list[tuple[bytes, bytes]]


def temporal_query(ask: Writing, body: Any, context: Context) -> TemporalQuery:
    """The query as it will be executed. Raises `Invalid`."""
    times = body.get("temporalQ") if isinstance(body, Mapping) else None
    if not isinstance(times, Mapping):
        raise Invalid("a temporal query needs temporalQ with timerel and timeAt", field="temporalQ")
    if strange := sorted(times.keys() - _TIMES):
        raise Invalid(f"a snapshot's temporalQ has {', '.join(sorted(_TIMES))}", field=f"temporalQ.{strange[0]}")
    said = {name: str(value) for name, value in times.items()}
    params, wanted, concerns = query_in(body, said, context)
    asked = ask_of(ask.request, params, context, required=True, most=MOST_INSTANCES, also=SELECTION | PAGE)
    if asked.times.span.by == DELETED:
        raise Invalid("a snapshot does not hold when attributes were deleted", field="temporalQ.timeproperty")
    return TemporalQuery(body, params, wanted, concerns, asked)


async def past(ask: Writing, query: TemporalQuery, held: int = 0) -> Past:
    """Execute it, for a snapshot that has `held` instances already. Raises `TooManyResults`."""
    caller, gate, span = ask.caller, ask.gate, query.ask.times.span
    found, here = await _here(ask, query)
    warnings: list[tuple[bytes, bytes]] = []
    asked = await historians_of(ask.request, caller, query.concerns, query.ask, query.params)
    if asked is not None:
        page = Page(MOST_ENTITIES, 0, counted=False)
        told = await told_of_many(asked, query.ask, query.params, page, query.body)
        async with ask.gateway.database.transaction(caller.tenant) as tx:
            elsewhere = await to_be_seen(tx, told.documents, gate, caller)
        found, warnings = elsewhere | found, told.warnings
        hidden = {id_: gate.hidden(caller, document.type) for id_, document in found.items()}
        seen = [one for one in told.points if one[1].entity_id in found]
        seen = [one for one in seen if one[1].attribute not in hidden[one[1].entity_id]]
        here = united(here, seen, newest_first=span.last is not None)
    if len(found) > MOST_ENTITIES or held + len(here) > MOST_INSTANCES:
        raise TooManyResults(
            f"a temporal query of a snapshot finds at most {MOST_ENTITIES} entities, and a snapshot holds at most "
            f"{MOST_INSTANCES} instances"
        )
    return Past(list(found.values()), here, warnings)


async def _here(ask: Writing, query: TemporalQuery) -> tuple[dict[str, Document], list[Point]]:
    """The entities that it finds here, by id, and their instances: of each one more than there may be."""
    caller, gate, wish, span = ask.caller, ask.gate, query.ask.wish, query.ask.times.span
    there = evolving(wish, span, gate.hidden_by_type(caller))
    selection = selection_for(gate, caller, query.wanted)
    selection = selection._replace(attributes=None, where=(*query.wanted.where, there), among=EVER)
    with pattern_blamed():
        async with ask.gateway.database.transaction(caller.tenant) as tx:
            chosen = await matching(tx, selection, query.wanted.geo)
            found = await reading.select(tx, chosen, limit=MOST_ENTITIES + 1, offset=0)
            ever = await reading.documents_ever(tx, [document.id for document in found])
            hidden = {id_: gate.hidden(caller, document.type) for id_, document in ever.items()}
            return ever, await points(tx, list(ever), wish._replace(hidden=hidden), span, limit=MOST_INSTANCES + 1)
