"""Reading history as one tenant: instances of attributes by any of their times (ETSI GS CIM 009, 4.11, 5.7.3, 5.7.4).

An instance is what history holds for one time; of corrections the last. It is known by an id made of where it
stands, so that history, which takes thousands of values a second, has no column for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from broker.ports import Transaction
from broker.sql import load
from broker.store.reading import Where, unhidden

_SQL = load("broker.store", "temporal")

OBSERVED, CREATED, MODIFIED, DELETED = "observedAt", "createdAt", "modifiedAt", "deletedAt"
TIME_PROPERTIES = (OBSERVED, CREATED, MODIFIED, DELETED)


class Span(NamedTuple):
    """From `start` on, until before `end`, by which time. `last` asks for the newest of each attribute, newest first.

    `strict`: what has no observedAt is left out where that is the time asked by.
    """

    start: datetime
    end: datetime
    last: int | None = None
    by: str = OBSERVED
    strict: bool = False


class Tables(NamedTuple):
    """Where histories stand: the relation of series, and that of their values."""

    series: str
    history: str


OF_THE_CITY, OF_SNAPSHOT = Tables("series", "history"), Tables("series_in_snapshot", "snapshot_history")
"""The city's own, and those of the snapshot that is in use (`broker.store.snapshots.use`)."""


class Wish(NamedTuple):
    """Of which attributes and datasetIds ('' for the default instance); None for all.

    `hidden`: of each entity, by id, the attributes that are not told of. `among`: whose history; a snapshot's knows no
    deletions.
    """

    attributes: tuple[str, ...] | None = None
    dataset_ids: tuple[str, ...] | None = None
    hidden: Mapping[str, frozenset[str]] = MappingProxyType({})
    among: Tables = OF_THE_CITY


class Point(NamedTuple):
    """One instance: a number in a unit, or a whole attribute as JSON text (or both). `told` is the time asked by."""

    entity_id: str
    attribute: str
    dataset_id: str
    unit_code: str
    at: datetime
    number: float | None
    value: str | None
    series_id: int
    version: int
    received_at: datetime
    told: datetime


class Gone(NamedTuple):
    """The deletion of an instance of an attribute of type `kind`."""

    entity_id: str
    attribute: str
    dataset_id: str
    kind: str
    told: datetime


class SeriesKey(NamedTuple):
    """A series that holds anything, by its number."""

    series_id: int
    entity_id: str
    attribute: str
    dataset_id: str
    unit_code: str


async def points(tx: Transaction, ids: Sequence[str], wish: Wish, span: Span, *, limit: int) -> list[Point]:
    """What history holds of `ids` in the span, at most `limit` instances, in order of the time asked by."""
    order = "desc" if span.last else "asc"
    series, history = wish.among
    instances = _SQL[f"by_{span.by}"].format(order=order, strict=_literal(span.strict), history=history)
    statement = _SQL["samples"].format(order=order, instances=instances, series=series)
    each = min(span.last or limit, limit)
    rows = await tx.fetch(statement, list(ids), *_lists(wish), span.start, span.end, each, limit, *_pairs(wish))
    return [Point(*row.values()) for row in rows]


async def deletions(tx: Transaction, ids: Sequence[str], wish: Wish, span: Span, *, limit: int) -> list[Gone]:
    """Which attributes of `ids` were deleted in the span, at most `limit`, in order of time."""
    statement = _SQL["gone"].format(order="desc" if span.last else "asc")
    rows = await tx.fetch(statement, list(ids), *_lists(wish), span.start, span.end, limit, *_pairs(wish))
    return [Gone(*row.values()) for row in rows]


def evolving(wish: Wish, span: Span, hidden: Mapping[str, frozenset[str]]) -> Where:
    """The condition on an entity that it has an instance of what is wished in the span. `hidden`: see `unhidden`."""
    lists = (span.start, span.end, *_lists(wish))
    seen = unhidden("s.attribute", hidden, len(lists))
    also = f" and {seen.sql}" if seen.values else ""
    if span.by == DELETED:
        sql = _SQL["has_deletedAt"].format(seen=also)
    else:
        series, history = wish.among
        condition = _SQL[f"has_{span.by}"].format(strict=_literal(span.strict), history=history)
        sql = _SQL["has"].format(condition=condition, seen=also, series=series)
    return Where(sql, (*lists, *seen.values))


async def series_of(tx: Transaction, ids: Sequence[str], wish: Wish) -> list[SeriesKey]:
    """The series of these entities that hold values, in order of number."""
    statement = _SQL["series"].format(**wish.among._asdict())
    rows = await tx.fetch(statement, list(ids), *_lists(wish), *_pairs(wish))
    return [SeriesKey(*row.values()) for row in rows]


async def known(tx: Transaction, entity_id: str) -> bool:
    """Whether history holds anything of the entity."""
    return bool(await tx.fetchval(_SQL["known"].format(**OF_THE_CITY._asdict()), entity_id))


def _literal(flag: bool) -> str:
    return "true" if flag else "false"


def _pairs(wish: Wish) -> tuple[list[str], list[str]]:
    pairs = [(id_, name) for id_, names in wish.hidden.items() for name in sorted(names)]
    return [id_ for id_, _ in pairs], [name for _, name in pairs]


def _lists(wish: Wish) -> tuple[list[str] | None, list[str] | None]:
    return (
        None if wish.attributes is None else list(wish.attributes),
        None if wish.dataset_ids is None else list(wish.dataset_ids),
    )
