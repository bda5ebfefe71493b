"""History's months: made ahead, made when announced, and made for what the default partition has gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from broker.ports import Transaction


def month_of(at: datetime | date) -> date:
    """The first day of the month of `at` (of a time: as it is in its own zone; partitions are by UTC month)."""
    return date(at.year, at.month, 1)


def months_ahead(now: datetime, ahead: int) -> list[date]:
    """The UTC month of `now` and the `ahead` that follow."""
    index = now.year * 12 + now.month - 1
    return [date(i // 12, i % 12 + 1, 1) for i in range(index, index + ahead + 1)]


async def existing_months(tx: Transaction) -> list[date]:
    """The months that have a partition, oldest first."""
    return sorted(row["month"] for row in await tx.fetch("select month from history_months()"))


async def months_in_default(tx: Transaction) -> Mapping[date, int]:
    """How many rows of each month wait in the default partition."""
    return {row["month"]: row["rows"] for row in await tx.fetch("select month, rows from history_rest_months()")}


async def make_months(tx: Transaction, months: Iterable[date]) -> int:
    """Make the partitions of `months` where they are missing; say how many rows moved out of the default one.

    A bulk load calls this first with the months that it brings, so that nothing has to be moved. Waits at most two
    seconds for a lock, then raises `Unavailable`: the writer is never held up behind a long reader.
    """
    await tx.execute("set local lock_timeout = '2s'")
    return sum([await tx.fetchval("select history_make_month($1)", month) for month in sorted(set(months))])


async def drop_month(tx: Transaction, month: date, cutoff: datetime) -> bool:
    """Drop the month's partition if all in it was measured and received before `cutoff`; say whether it was.

    Waits at most half a second for its lock, then raises `Unavailable`.
    """
    await tx.execute("set local lock_timeout = '500ms'")
    return bool(await tx.fetchval("select history_drop_month($1, $2)", month, cutoff))
