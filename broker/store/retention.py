"""How long data is kept: by tenant and kind, in slices that never hold a writer up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "retention")

BY_SERIES = ("history", "rollup_hour", "rollup_day")
"""Kinds that are deleted series by series."""

BY_TIME = ("rejected", "message_seen", "account", "entity_past", "attribute_past", "history_withdrawn")
"""Kinds that are deleted by their age alone. What was deleted is remembered as long as history is kept."""


class Cutoff(NamedTuple):
    """Before when a tenant's data of one kind goes."""

    tenant_id: int
    before: datetime


async def longest_kept(tx: Transaction, now: datetime) -> datetime | None:
    """Before when no tenant keeps history; None if one keeps it for ever, or there is no tenant."""
    cutoff: datetime | None = await tx.fetchval(_SQL["longest"], now)
    return cutoff


async def cutoffs(tx: Transaction, kind: str, now: datetime) -> list[Cutoff]:
    """For every tenant that does not keep `kind` for ever."""
    return [Cutoff(*row.values()) for row in await tx.fetch(_SQL["tenants"], now, kind)]


async def series_after(tx: Transaction, tenant_id: int, after: int, limit: int) -> list[int]:
    """The next series of a tenant, in order of number."""
    return [row["id"] for row in await tx.fetch(_SQL["series"], tenant_id, after, limit)]


async def delete_of_series(kind: str, series: Sequence[int], before: datetime, tx: Transaction, limit: int) -> int:
    """Delete up to `limit` rows of `kind` (one of `BY_SERIES`) and say how many; fewer than `limit` means done.

    A value of history goes when it was both measured and received before the cutoff: an archive loaded today is
    kept as long as today's readings are.
    """
    await tx.execute("select set_config('cityos.retention', 'on', true)")
    return _deleted(await tx.execute(_SQL[kind], list(series), before, limit))


async def delete_by_time(kind: str, now: datetime, tx: Transaction, limit: int) -> int:
    """Delete up to `limit` rows of `kind` (one of `BY_TIME`) that are past every tenant's own time; say how many."""
    return _deleted(await tx.execute(_SQL[kind], now, limit))


async def delete_over_quota(tx: Transaction, limit: int) -> int:
    """Delete up to `limit` of the oldest rejected messages of tenants that hold more bytes than they may.

    Costs next to nothing while the whole table is smaller than one tenant's quota.
    """
    return _deleted(await tx.execute(_SQL["rejected_bytes"], limit))


def _deleted(status: str) -> int:
    return int(status.rpartition(" ")[2])
