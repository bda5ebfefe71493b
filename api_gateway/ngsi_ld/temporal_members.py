"""From rows of history to the members that show them (ETSI GS CIM 009, 4.5.7 to 4.5.9, 4.5.19, 6.3.10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from api_gateway.auth import Caller, Gate
from api_gateway.federation.histories import united
from api_gateway.ngsi_ld.temporal_params import Ask
from broker.entities.evolution import (
    TEMPORAL_VALUES,
    Instance,
    Series,
    aggregated,
    deleted,
    evolution,
    nothing,
)
from broker.entities.patch import dataset, instances
from broker.ports import Transaction
from broker.store.aggregates import aggregates
from broker.store.instances import Kept, instance_id
from broker.store.reading import Document
from broker.store.temporal import DELETED, OBSERVED, Gone, Point, Wish, deletions, points, series_of


class Found(NamedTuple):
    """What is shown of each entity, by its id; `told` are the times of what was cut off, empty where nothing was."""

    members: Mapping[str, dict[str, Any]]
    told: list[datetime]


async def members_of(
    tx: Transaction,
    documents: Sequence[Document],
    ask: Ask,
    gate: Gate,
    caller: Caller,
    elsewhere: Sequence[tuple[int, Point]] = (),
) -> Found:
    """The members of these entities that are histories, here and, as told `elsewhere`, at sources."""
    if not documents:
        return Found({}, [])
    hidden = {document.id: gate.hidden(caller, document.type) for document in documents}
    if ask.question is not None:
        return Found(await _aggregated(tx, documents, ask, hidden), [])
    read = deletions if ask.times.span.by == DELETED else points
    wish = ask.wish._replace(hidden=hidden)
    rows: Sequence[Point | Gone] = await read(tx, list(hidden), wish, ask.times.span, limit=ask.most + 1)
    if elsewhere:
        here = [row for row in rows if isinstance(row, Point)]
        seen = [one for one in elsewhere if one[1].attribute not in hidden[one[1].entity_id]]
        rows = united(here, seen, newest_first=ask.times.span.last is not None)[: ask.most + 1]
    complete = len(rows) <= ask.most
    if not complete:
        rows = _whole_instants(rows)
    mine: defaultdict[str, list[Instance]] = defaultdict(list)
    for row in _newest(rows, ask.times.span.last):
        mine[row.entity_id].append(_instance(row, ask))
    members = {entity_id: evolution(found, ask.shape, ask.form) for entity_id, found in mine.items()}
    if not complete:
        await _add_empty(tx, members, ask, wish)
    return Found(members, [] if complete else [row.told for row in rows])


async def _add_empty(tx: Transaction, members: dict[str, dict[str, Any]], ask: Ask, wish: Wish) -> None:
    """In a part of an answer, what is all in other parts is told as empty."""
    for key in await series_of(tx, list(wish.hidden), wish):
        if key.attribute not in ask.shape.omit:
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
    keys = {key.series_id: key for key in await series_of(tx, list(hidden), ask.wish._replace(hidden=hidden))}
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
