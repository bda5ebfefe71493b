"""Reading history as one tenant: instances of attributes by any of their times (ETSI GS CIM 009, 4.11, 5.7.3, 5.7.4).

An instance is what history holds for one time; of corrections the last. It is known by an id made of where it
stands, so that history, which takes thousands of values a second, has no column for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from broker.ports import Transaction
from broker.sql import load
from broker.store.reading import Where

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


class Wish(NamedTuple):
    """Of which attributes and datasetIds ('' for the default instance); None for all."""

    attributes: tuple[str, ...] | None = None
    dataset_ids: tuple[str, ...] | None = None


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
    instances = _SQL[f"by_{span.by}"].format(order=order, strict=_literal(span.strict))
    statement = _SQL["samples"].format(order=order, instances=instances)
    each = min(span.last or limit, limit)
    rows = await tx.fetch(statement, list(ids), *_lists(wish), span.start, span.end, each, limit)
    return [Point(*row.values()) for row in rows]


async def deletions(tx: Transaction, ids: Sequence[str], wish: Wish, span: Span, *, limit: int) -> list[Gone]:
    """Which attributes of `ids` were deleted in the span, at most `limit`, in order of time."""
    statement = _SQL["gone"].format(order="desc" if span.last else "asc")
    rows = await tx.fetch(statement, list(ids), *_lists(wish), span.start, span.end, limit)
    return [Gone(*row.values()) for row in rows]


def evolving(wish: Wish, span: Span) -> Where:
    """The condition on an entity that it has an instance of what is wished in the span."""
    if span.by == DELETED:
        sql = _SQL["has_deletedAt"].format()
    else:
        condition = _SQL[f"has_{span.by}"].format(strict=_literal(span.strict))
        sql = _SQL["has"].format(condition=condition)
    return Where(sql, (span.start, span.end, *_lists(wish)))


async def series_of(tx: Transaction, ids: Sequence[str], wish: Wish) -> list[SeriesKey]:
    """The series of these entities that hold values, in order of number."""
    return [SeriesKey(*row.values()) for row in await tx.fetch(_SQL["series"], list(ids), *_lists(wish))]


async def known(tx: Transaction, entity_id: str) -> bool:
    """Whether history holds anything of the entity."""
    return bool(await tx.fetchval(_SQL["known"], entity_id))


def _literal(flag: bool) -> str:
    return "true" if flag else "false"


def _lists(wish: Wish) -> tuple[list[str] | None, list[str] | None]:
    return (
        None if wish.attributes is None else list(wish.attributes),
        None if wish.dataset_ids is None else list(wish.dataset_ids),
    )
