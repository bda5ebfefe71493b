"""The rejected store: what was not accepted, with its bytes, to be looked at and sent in again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "rejected")


class RejectedFilter(NamedTuple):
    """Which rejected messages: of a tenant, and where given of one device and for one reason."""

    tenant: str
    device: str | None = None
    reason: str | None = None


class Replayable(NamedTuple):
    """What sending a rejected message in again needs."""

    id: int
    topic: str
    payload: bytes
    received_at: datetime
    sender: str


async def list_rejected(
    tx: Transaction, which: RejectedFilter, *, replayed: bool = False, limit: int = 50
) -> list[dict[str, Any]]:
    """The newest first, without their bytes; those sent in again already only where `replayed`."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], *which, replayed, limit)]


async def show_rejected(tx: Transaction, tenant: str, number: int) -> dict[str, Any]:
    """One, with its bytes. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["show"], tenant, number)
    if row is None:
        raise NotFound(f"tenant {tenant!r} has no rejected message {number}")
    return dict(row)


async def newest(tx: Transaction) -> int:
    """The highest number given so far: what is rejected from now on has a higher one."""
    return int(await tx.fetchval(_SQL["newest"]))


async def to_replay(tx: Transaction, which: RejectedFilter, after: int, until: int) -> list[Replayable]:
    """Up to 500 with a number above `after`, `until` at most, that were not sent in again yet, oldest first.

    A message rejected for several reasons has several rows; sending it in again once is enough.
    """
    return [Replayable(*row.values()) for row in await tx.fetch(_SQL["to_replay"], *which, after, until)]


async def mark_replayed(tx: Transaction, numbers: Sequence[int], at: datetime) -> None:
    """Note that these were sent in again."""
    await tx.execute(_SQL["replayed"], list(numbers), at)
