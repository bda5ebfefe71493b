"""Roll-ups of history by hour and by local day: kept in step with late and corrected values, read without waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.ports import Transaction
from broker.sql import load
from schemas.clock import JST

_SQL = load("broker.store", "rollups")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One series in one hour (UTC) or one day (Japan's), each time counted once with its latest version.

    `total` counts values of every kind, the rest is of the numbers: enough for the aggregation methods totalCount,
    sum, sumsq, avg, min, max and stddev (ETSI GS CIM 009, 4.5.19). distinctCount cannot be merged from buckets
    and has to be counted in history. `spread` is the sum of squared deviations from the mean.
    """

    start: datetime
    total: int
    count: int
    sum: float | None
    sumsq: float | None
    spread: float | None
    min: float | None
    max: float | None
    first: float | None
    last: float | None

    @property
    def avg(self) -> float | None:
        """The mean; None where there is no number."""
        return None if self.sum is None else self.sum / self.count

    @property
    def stddev(self) -> float | None:
        """The population's standard deviation; None where there is no number."""
        return None if self.spread is None else math.sqrt(self.spread / self.count)


def merge(start: datetime, buckets: Sequence[Bucket]) -> Bucket:
    """The bucket from `start` that `buckets`, in order of time and at least one, make together."""
    numeric = [b for b in buckets if b.count]
    total = sum(b.total for b in buckets)
    if not numeric:
        return Bucket(start, total, 0, None, None, None, None, None, None, None)
    count, whole = sum(b.count for b in numeric), math.fsum(b.sum or 0.0 for b in numeric)
    mean = whole / count
    return Bucket(
        start,
        total,
        count,
        whole,
        math.fsum(b.sumsq or 0.0 for b in numeric),
        math.fsum((b.spread or 0.0) + b.count * ((b.avg or 0.0) - mean) ** 2 for b in numeric),
        min(b.min for b in numeric if b.min is not None),
        max(b.max for b in numeric if b.max is not None),
        numeric[0].first,
        numeric[-1].last,
    )


async def fold_dirty(tx: Transaction, statements: int) -> int:
    """Turn what the oldest `statements` writes touched into buckets that are due; say how many writes there were."""
    return int(await tx.fetchval(_SQL["fold"], statements))


async def roll_up(before: datetime, now: datetime, tx: Transaction, limit: int) -> int:
    """Compute up to `limit` due hours that began before `before`, and their days anew; say how many there were.

    May be repeated: a bucket is always computed from the whole of its history. Values younger than the tenant's
    retention are never lost from a roll-up; a bucket whose history is no longer kept stays as it was.
    """
    due = await tx.fetch(_SQL["take"], before, limit)
    if due:
        series, hours, tenants = (list(column) for column in zip(*(row.values() for row in due), strict=True))
        await tx.execute(_SQL["hours"], series, hours, tenants, now)
        await tx.execute(_SQL["days"], series, hours)
    return len(due)


async def read_hours(tx: Transaction, series_id: int, start: datetime, end: datetime) -> list[Bucket]:
    """The hours of a series from `start` to before `end` (whole hours), those not yet rolled up from history itself.

    What was written since the keeper's last round (seconds) may be missing from hours that were rolled up before.
    """
    stale = [row["hour"] for row in await tx.fetch(_SQL["read_stale"], series_id, start, end)]
    return [Bucket(*row.values()) for row in await tx.fetch(_SQL["read_hours"], series_id, start, end, stale)]


async def read_days(tx: Transaction, series_id: int, start: datetime, end: datetime) -> list[Bucket]:
    """The same by Japan's local day; `start` and `end` are local midnights."""
    stale = sorted({local_day(row["hour"]) for row in await tx.fetch(_SQL["read_stale"], series_id, start, end)})
    days = [Bucket(*row.values()) for row in await tx.fetch(_SQL["read_days"], series_id, start, end, stale)]
    for day in stale:
        if hours := await read_hours(tx, series_id, day, day + _DAY):
            days.append(merge(day, hours))
    return sorted(days, key=lambda bucket: bucket.start)


def local_day(at: datetime) -> datetime:
    """The midnight in Japan before or at `at`."""
    return at.astimezone(JST).replace(hour=0, minute=0, second=0, microsecond=0)
