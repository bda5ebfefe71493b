"""Aggregated history (ETSI GS CIM 009, 4.5.19): computed in the database, from roll-ups where they serve.

Roll-ups serve numbers over two days or more, in periods that begin on full hours (UTC) or on midnights of Japan.
Hours that have changed since they were rolled up, and the ends of what is asked for, come from history itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from broker.ports import Transaction
from broker.query.period import Period, boundaries, too_many
from broker.sql import load
from broker.store.rollups import local_day
from broker.store.temporal import OF_THE_CITY, Span, Tables

_SQL = load("broker.store", "aggregates")
METHODS = ("totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq")
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_WORTH = 2 * _DAY


class Aggregate(NamedTuple):
    """One series in one period, each time counted once with its latest version.

    `total` counts values of every kind. `numbers` counts those, and what follows is of them; true is 1, false 0, a list
    its length. `least` and `most` are of texts, by code point. `distinct` is counted only when asked for.
    """

    series_id: int
    start: datetime
    end: datetime
    total: int
    numbers: int
    sum: float | None
    sumsq: float | None
    spread: float | None
    min: float | None
    max: float | None
    least: str | None
    most: str | None
    distinct: int | None

    def value(self, method: str) -> Any:
        """What `method` (one of `METHODS`) says; None where it says nothing of such values."""
        match method:
            case "totalCount":
                return self.total
            case "distinctCount":
                return self.distinct
            case "avg":
                return None if self.sum is None else self.sum / self.numbers
            case "stddev":
                return None if self.spread is None else math.sqrt(self.spread / self.numbers)
            case "min":
                return self.min if self.min is not None else self.least
            case "max":
                return self.max if self.max is not None else self.most
        return getattr(self, method)


class Question(NamedTuple):
    """What is asked: the part of history, periods and where they begin (None: with the first value), the methods."""

    span: Span
    period: Period
    origin: datetime | None
    until: datetime | None
    methods: tuple[str, ...]
    most: int
    among: Tables = OF_THE_CITY


class _Parts(NamedTuple):
    """How periods are made in SQL: the expression, its two parameters, and for each start the end."""

    bucket: str
    origin: datetime
    step: Any
    ends: dict[datetime, datetime]


async def aggregates(tx: Transaction, series: Sequence[int], question: Question) -> list[Aggregate]:
    """The aggregates of each series, by period in order of time; periods without values are left out.

    Raises `Invalid` for more than `question.most` periods.
    """
    span = question.span
    rolled = question.among == OF_THE_CITY
    statement = _SQL["extent" if rolled else "extent_in_snapshot"]
    extent = await tx.fetchrow(statement, list(series), span.start, span.end)
    first, last = extent["first"], extent["last"]
    if first is None:
        return []
    parts = _parts(question, first, last)
    rows = None
    rolled = rolled and "distinctCount" not in question.methods and last - first >= _WORTH
    if rolled and (step := _rollup(question, parts)):
        rows = await _of_rollups(tx, series, question, parts, step, first, last)
    if rows is None:
        distinct = _SQL["distinct" if "distinctCount" in question.methods else "not_distinct"]
        statement = _SQL["of_history"].format(bucket=parts.bucket, distinct=distinct, history=question.among.history)
        rows = await tx.fetch(
            statement, list(series), span.start, span.end, parts.origin, parts.step, question.most * len(series) + 1
        )
    if len(rows) > question.most * len(series):
        raise too_many(question.most)
    return [_aggregate(row, question, parts, last) for row in rows]


def _parts(question: Question, first: datetime, last: datetime) -> _Parts:
    origin, period = question.origin or first, question.period
    if period.whole:
        return _Parts(_SQL["whole"] + " + $5::interval", origin, timedelta(0), {})
    if not period.months:
        return _Parts(_SQL["by_time"], origin, period.time, {})
    starts = boundaries(period, origin, first, last, question.most)
    return _Parts(_SQL["by_calendar"], origin, starts, dict(pairwise(starts)))


def _rollup(question: Question, parts: _Parts) -> timedelta | None:
    """The roll-up whose buckets never lie in two periods; None where there is none."""
    if question.period.whole:
        return _HOUR
    for step in (_DAY, _HOUR):
        if _floor(parts.origin, step) == parts.origin and not question.period.time % step:
            return step
    return None


def _floor(at: datetime, step: timedelta) -> datetime:
    return local_day(at).astimezone(UTC) if step == _DAY else at.replace(minute=0, second=0, microsecond=0)


async def _of_rollups(
    tx: Transaction,
    series: Sequence[int],
    question: Question,
    parts: _Parts,
    step: timedelta,
    first: datetime,
    last: datetime,
) -> list[Any] | None:
    """As from history; None where values are not all numbers, of which roll-ups say nothing."""
    span, start, end = question.span, _floor(first, step), _floor(last, step) + step
    again: dict[tuple[int, datetime], datetime] = {}
    for row in await tx.fetch(_SQL["stale"], list(series), start, end):
        bucket = _floor(row["hour"], step)
        again[row["series_id"], bucket] = bucket + step
    if start < span.start:
        again |= {(number, start): start + step for number in series}
    if end > span.end:
        again |= {(number, end - step): end for number in series}
    pieces = [
        (number, max(at, span.start), min(until, span.end)) for (number, at), until in again.items() if at < span.end
    ]
    statement = _SQL["of_rollups"].format(bucket=parts.bucket, rollup="history_day" if step == _DAY else "history_hour")
    numbers, begins, untils = ([piece[i] for piece in pieces] for i in range(3))
    rows = await tx.fetch(
        statement,
        list(series),
        max(start, span.start),
        end,
        parts.origin,
        parts.step,
        question.most * len(series) + 1,
        numbers,
        begins,
        untils,
    )
    return None if any(row["total"] != row["count"] for row in rows) else rows


def _aggregate(row: Any, question: Question, parts: _Parts, last: datetime) -> Aggregate:
    start, period = row["start"], question.period
    end = (question.until or last) if period.whole else parts.ends.get(start) or start + period.time
    number, _, *figures = row.values()
    return Aggregate(number, start, end, *figures)
