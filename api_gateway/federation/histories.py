"""Histories of entities at context sources, beside ours (ETSI GS CIM 009, 5.7.3, 5.7.4, 4.5.5)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request

from api_gateway.auth import Caller
from api_gateway.context import gateway_of
from api_gateway.errors import SourceFailed
from api_gateway.federation.client import Question
from api_gateway.federation.forwarding import Distribution, Reply, distribution
from api_gateway.federation.gating import of_readable
from api_gateway.federation.reads import chosen_by_csf, counted, posted
from api_gateway.ngsi_ld.params import Page, pattern_blamed
from api_gateway.ngsi_ld.temporal_params import Ask
from broker.entities.evolution import parse_evolution
from broker.entities.parse import is_uri, parse_time
from broker.entities.patch import dataset
from broker.errors import CityError
from broker.federation.merging import LOCAL, RANK
from broker.federation.source import Share, narrowed
from broker.store.reading import Document
from broker.store.temporal import OBSERVED, Point
from broker.subscriptions.matching import Asked

_TIMES = ("timerel", "timeAt", "endTimeAt", "lastN", "datasetId")
_SELECTING = ("type", "id", "idPattern", "q", "scopeQ", "georel", "geometry", "coordinates", "geoproperty")
_MOST_ENTITIES = 1000


class Told(NamedTuple):
    """What the sources tell of an entity: its instances with their sources' ranks, what it is, and warnings."""

    points: list[tuple[int, Point]]
    document: Document | None
    warnings: list[tuple[bytes, bytes]]


class ToldOfMany(NamedTuple):
    """As `Told`, of the entities that a query finds, which number `total` at all sources together."""

    points: list[tuple[int, Point]]
    documents: dict[str, Document]
    warnings: list[tuple[bytes, bytes]]
    total: int


async def historians(request: Request, caller: Caller, entity_id: str, ask: Ask) -> Distribution | None:
    """The sources that may know the entity's past; none for what only a store itself can tell: aggregates, and when
    something was received or deleted."""
    about = Asked(None, (entity_id,), None, ask.wish.attributes)
    return await _historians(request, caller, about, ask, request.query_params, "retrieveTemporal")


async def historians_of(
    request: Request, caller: Caller, about: Asked, ask: Ask, params: Mapping[str, str]
) -> Distribution | None:
    """As `historians`, of a query; those that its `csf` lets pass. Raises `Invalid` for a csf that is none."""
    asked = await _historians(request, caller, about, ask, params, "queryTemporal")
    if asked is None or "csf" not in params:
        return asked
    with pattern_blamed("csf"):
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            return await chosen_by_csf(tx, asked, params, ask.shape.context)


async def _historians(
    request: Request, caller: Caller, about: Asked, ask: Ask, params: Mapping[str, str], operation: str
) -> Distribution | None:
    if ask.question is not None or ask.times.span.by != OBSERVED:
        return None
    asked = of_readable(await distribution(request, caller, about, params, history=True), about.types)
    shares = [share for share in asked.shares if share.source.takes(operation)] if asked is not None else []
    return asked._replace(shares=shares) if asked is not None and shares else None


async def told_elsewhere(asked: Distribution, entity_id: str, ask: Ask) -> Told:
    """Ask them. What is no history of this entity is a warning."""
    times = _times(asked.request.query_params, ask)

    def question(share: Share) -> Question:
        return Question("GET", f"/temporal/entities/{quote(entity_id, safe=':')}", [*_attrs(ask, share), *times], {})

    replies = await asked.ask(asked.shares, question, ask.shape.context)
    points, documents = _gathered(replies, ask, entity_id)
    return Told(points, documents.get(entity_id), asked.warnings(replies))


async def told_of_many(
    asked: Distribution, ask: Ask, params: Mapping[str, str], page: Page, body: Mapping[str, Any] | None
) -> ToldOfMany:
    """Ask them a query (5.7.4), each for everything up to the end of the page, as it is cut when all have answered."""
    limit = ("limit", str(min(page.offset + page.limit + 1, _MOST_ENTITIES)))
    more = [*_times(params, ask), limit, *([("count", "true")] if page.counted else [])]
    chosen = [(name, params[name]) for name in _SELECTING if name in params]

    def question(share: Share) -> Question:
        if body is not None:
            sent = posted(body, share, ask.shape.context, [limit, *more[len(more) - page.counted :]])
            return sent._replace(path="/temporal/entityOperations/query")
        given = dict(chosen)
        if share.ids is not None:
            given["id"] = ",".join(narrowed(given["id"].split(",") if "id" in given else None, share.ids) or ())
        return Question("GET", "/temporal/entities", [*given.items(), *_attrs(ask, share), *more], {})

    replies = await asked.ask(asked.shares, question, ask.shape.context)
    points, documents = _gathered(replies, ask)
    total = sum(counted(reply) for reply in replies)
    return ToldOfMany(points, documents, asked.warnings(replies), total)


def _times(given: Mapping[str, str], ask: Ask) -> list[tuple[str, str]]:
    times = [(name, given[name]) for name in _TIMES if name in given]
    return [*times, ("options", "sysAttrs")] if ask.shape.sys_attrs else times


def _attrs(ask: Ask, share: Share) -> list[tuple[str, str]]:
    names = narrowed(ask.wish.attributes, share.attributes)
    return [] if names is None else [("attrs", ",".join(map(ask.shape.context.compact, names)))]


def _gathered(
    replies: list[Reply], ask: Ask, only: str | None = None
) -> tuple[list[tuple[int, Point]], dict[str, Document]]:
    """What the answers tell, and of which entities (`only` that one, where it is named). An answer that is none, or
    no whole one, is put as such in the place of its reply."""
    points: list[tuple[int, Point]] = []
    documents: dict[str, Document] = {}
    for place, reply in enumerate(replies):
        if reply.answer is None or reply.answer.status == 404:
            continue
        try:
            for entity, found in _read(reply, ask):
                if only not in (None, entity.id):
                    raise SourceFailed(f"it answered with {entity.id}")
                if reply.share.ids is None or entity.id in reply.share.ids:
                    documents.setdefault(entity.id, entity)
                    points += [(RANK[reply.share.source.mode], point) for point in found]
            if reply.answer.status == 206:
                raise SourceFailed("it told a part of what it has")
        except (CityError, TypeError, AttributeError) as error:
            replies[place] = Reply(reply.share, None, SourceFailed(f"{reply.share.source.id}: {error}"))
    return points, documents


def united(local: Sequence[Point], elsewhere: Sequence[tuple[int, Point]], *, newest_first: bool) -> list[Point]:
    """One history of ours and theirs: of two instances of one time, dataset and unit the better source's is taken."""
    ranked = [*((LOCAL, point) for point in local), *elsewhere]
    chosen: dict[tuple[str, str, str, str, datetime], Point] = {}
    for _, point in sorted(ranked, key=lambda one: one[0]):
        key = (point.entity_id, point.attribute, point.dataset_id, point.unit_code, point.told)
        chosen.setdefault(key, point)
    return sorted(chosen.values(), key=lambda point: point.told, reverse=newest_first)


def _read(reply: Reply, ask: Ask) -> list[tuple[Document, list[Point]]]:
    """An answer as entities and their instances in time, checked as a stranger's. Raises for what is none."""
    answer = reply.answer
    assert answer is not None
    if answer.status not in (200, 206):
        raise SourceFailed(f"it answered {answer.status}")
    listed = answer.content if isinstance(answer.content, list) else [answer.content]
    if len(listed) > _MOST_ENTITIES:
        raise SourceFailed(f"it answered more than {_MOST_ENTITIES} entities")
    return [_evolution(reply, content, ask) for content in listed]


def _evolution(reply: Reply, content: Any, ask: Ask) -> tuple[Document, list[Point]]:
    context = ask.shape.context
    parsed = parse_evolution(content, context.expand)
    entity_id = parsed.id
    points: list[Point] = []
    for term, said in content.items():
        name = context.expand(term)
        mine = reply.share.attributes
        if name in parsed.attributes and name != "scope" and (mine is None or name in mine):
            raws = said if isinstance(said, list) else [said]
            points += _points(reply, entity_id, name, zip(raws, parsed.attributes[name], strict=True))
    span = ask.times.span
    within = [point for point in points if span.start <= point.told < span.end]
    head = {"id": entity_id, "type": list(parsed.type) if len(parsed.type) > 1 else parsed.type[0]}
    times = [point.told for point in within] or [span.start]
    return Document(entity_id, list(parsed.type), orjson.dumps(head).decode(), min(times), max(times)), within


def _points(
    reply: Reply, entity_id: str, name: str, instances: Iterator[tuple[Mapping[str, Any], dict[str, Any]]]
) -> list[Point]:
    points = []
    for raw, instance in instances:
        if "observedAt" not in instance:
            continue
        at = datetime.fromisoformat(instance["observedAt"])
        dataset_id, unit = dataset(instance), str(instance.get("unitCode", ""))
        key = f"{reply.share.source.id} {entity_id} {name} {dataset_id} {unit} {instance['observedAt']}"
        own = raw.get("instanceId")
        named = own if is_uri(own) else f"urn:ngsi-ld:Instance:{uuid.uuid5(uuid.NAMESPACE_URL, key)}"
        received = datetime.fromisoformat(parse_time(raw["createdAt"], "createdAt")) if "createdAt" in raw else at
        marks = {"modifiedAt": parse_time(raw["modifiedAt"], "modifiedAt")} if "modifiedAt" in raw else {}
        text = orjson.dumps({**instance, **marks, "instanceId": named}).decode()
        points.append(Point(entity_id, name, dataset_id, unit, at, None, text, 0, 0, received, at))
    return points
