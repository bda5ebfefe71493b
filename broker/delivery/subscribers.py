"""Looking after subscribers: who there is and how they fare, away with one, another try for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.delivery.queue import revive
from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.delivery", "subscribers")


async def list_subscribers(tx: Transaction, tenant: str) -> list[dict[str, Any]]:
    """The tenant's subscribers in order of number, with what waits for them and what could not be delivered."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], tenant)]


async def remove_subscriber(tx: Transaction, tenant: str, number: int) -> tuple[str, str]:
    """Forget a subscriber with all that was queued for it; its channel and target. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["remove"], tenant, number)
    if row is None:
        raise _unknown(tenant, number)
    return row["channel"], row["target"]


async def forget_addresses(tx: Transaction, tenant: str, channel: str, targets: Sequence[str], kind: str) -> None:
    """Forget those of the addresses that take notices of this kind and no others, with all that was queued for them."""
    await tx.execute(_SQL["forget_addresses"], tenant, channel, list(targets), kind)


async def revive_subscriber(tx: Transaction, tenant: str, number: int) -> int:
    """Deliver to a subscriber again, also one that was gone, at once and with its dead letters; how many those are.

    Raises `NotFound`.
    """
    if await tx.fetchval(_SQL["resume"], tenant, number) is None:
        raise _unknown(tenant, number)
    return await revive(tx, [row["id"] for row in await tx.fetch(_SQL["dead"], number)])


def _unknown(tenant: str, number: int) -> NotFound:
    return NotFound(f"tenant {tenant!r} has no subscriber {number}; `cityos subscriber list` shows who there is")
