"""Records that a consumer could not handle, by a fault of ours: kept as they were, to be handled again when mended.

They are handled again by the group that failed, and by no other: appended anew they would reach every consumer. Or a
person gives them up; then they stay as they were, with who did that, when and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import Invalid, NotFound
from broker.ports import Record, Transaction
from broker.sql import load

_SQL = load("broker.store", "parked")
_ERROR_CHARACTERS = 2000
_REASON = range(5, 1001)


class Parked(NamedTuple):
    """A record that was set aside. Its `appended_at` is the time when it was."""

    id: int
    record: Record


class Again(NamedTuple):
    """What became of records that were asked for: how many are handled, failed again, and still wait."""

    handled: int
    failed: int
    waiting: int


async def set_aside(tx: Transaction, group: str, record: Record, error: Exception) -> None:
    """Keep a record whose handling failed."""
    place = (record.topic, record.partition, record.offset)
    await tx.execute(_SQL["set_aside"], group, *place, record.key, record.value, _words(error))


async def any_parked(tx: Transaction) -> bool:
    """Whether any record of any consumer is set aside."""
    return bool(await tx.fetchval(_SQL["any"]))


async def list_parked(tx: Transaction, group: str | None, *, limit: int = 50) -> list[dict[str, Any]]:
    """The newest first, of one consumer group where given, without their bytes."""
    return [_readable(row) for row in await tx.fetch(_SQL["list"], group, limit)]


async def show_parked(tx: Transaction, number: int) -> dict[str, Any]:
    """One, set aside or given up, with its bytes. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["show"], number) or await tx.fetchrow(_SQL["show_discarded"], number)
    if row is None:
        raise NotFound(f"no record {number} is set aside")
    return _readable(row)


async def list_discarded(tx: Transaction, group: str | None, *, limit: int = 50) -> list[dict[str, Any]]:
    """Those given up, the last first, of one consumer group where given, without their bytes."""
    return [_readable(row) for row in await tx.fetch(_SQL["list_discarded"], group, limit)]


class Discarded(NamedTuple):
    """A record that was given up, and whose it was."""

    consumer: str
    record: Record


async def give_up(tx: Transaction, numbers: Sequence[int], reason: str, by: str, at: datetime) -> list[Discarded]:
    """Move records out of those that wait, for good, with who decided that and why; the books are the caller's.

    All or none: raises `NotFound` for a number that is not (or not any more) set aside, `Invalid` for the reason.
    """
    reason = reason.strip()
    if len(reason) not in _REASON or "\x00" in reason:
        raise Invalid("say in 5 to 1000 characters why they are given up", field="reason")
    rows = await tx.fetch(_SQL["discard"], list(numbers), reason, by, at)
    if missing := sorted(set(numbers) - {row["id"] for row in rows}):
        raise NotFound(f"no record {missing[0]} is set aside")
    return [Discarded(consumer, Record(*record)) for _, consumer, *record in (row.values() for row in rows)]


async def ask(tx: Transaction, group: str | None, numbers: Sequence[int] | None) -> list[int]:
    """Ask that those be handled again, of a group and with the numbers where given; returns their numbers.

    Raises `NotFound` for a number that is not (or not any more) set aside there.
    """
    found = [row["id"] for row in await tx.fetch(_SQL["ask"], group, numbers)]
    if missing := sorted(set(numbers or ()) - set(found)):
        raise NotFound(f"no record {missing[0]} is set aside" + (f" for {group}" if group else ""))
    return found


async def outcome(tx: Transaction, numbers: Sequence[int]) -> Again:
    """What became of those that were asked for so far."""
    rest = [row["waiting"] for row in await tx.fetch(_SQL["rest"], numbers)]
    return Again(len(numbers) - len(rest), rest.count(False), rest.count(True))


async def take(tx: Transaction, group: str, topic: str) -> Parked | None:
    """The oldest that was asked for, locked; None where there is none, or while another member of the group has one:
    records of one key keep their order."""
    row = await tx.fetchrow(_SQL["take"], group, topic)
    if row is None:
        return None
    number, *record = row.values()
    return Parked(number, Record(*record))


async def handled(tx: Transaction, number: int) -> None:
    """Forget one, in the transaction of its effects."""
    await tx.execute(_SQL["handled"], number)


async def failed(tx: Transaction, number: int, error: Exception) -> None:
    """Keep one that failed again, until it is asked for anew."""
    await tx.execute(_SQL["failed"], number, _words(error))


def _words(error: Exception) -> str:
    return repr(error)[:_ERROR_CHARACTERS]


def _readable(row: Any) -> dict[str, Any]:
    return {**row, "key": bytes(row["key"]).decode(errors="replace")}
