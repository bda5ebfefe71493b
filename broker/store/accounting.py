"""The accounting of what arrived: one outcome for every observation, and the store of what was rejected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from broker.ports import Transaction
from broker.sql import load
from schemas.observation import Reason

_SQL = load("broker.store", "accounting")

RECEIVED, STORED, DUPLICATE, DISCARDED = "received", "stored", "duplicate", "discarded"


def rejected_as(reason: Reason) -> str:
    """The outcome's name for a rejection."""
    return f"rejected:{reason.value}"


class Ledger:
    """The counts of one transaction, by tenant, day of arrival, device and outcome."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, date, str, str], int] = {}

    def add(self, tenant: str, device: str, received_at: datetime, outcome: str, count: int = 1) -> None:
        """Count `outcome` for `device`."""
        key = (tenant, received_at.date(), device, outcome)
        self._counts[key] = self._counts.get(key, 0) + count

    async def save(self, tx: Transaction) -> None:
        """Keep the counts as part of the transaction."""
        days: defaultdict[tuple[str, date], defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        for (tenant, day, device, outcome), count in self._counts.items():
            days[tenant, day][device][outcome] = count
        rows = [(tenant, day, msgspec.json.encode(counts).decode()) for (tenant, day), counts in days.items()]
        if rows:
            await tx.execute(_SQL["count"], *(list(column) for column in zip(*rows, strict=True)))


class Rejected(NamedTuple):
    """One rejected message or element of one, with the message's bytes as they came."""

    tenant: str
    sender: str
    device: str
    topic: str
    reason: str
    field: str | None
    detail: str
    payload: bytes
    received_at: datetime


async def keep_rejected(tx: Transaction, rows: Sequence[Rejected]) -> None:
    """Put rejected messages into the rejected store: of each message one row for a device and reason.

    Its bytes stand in every row. A message of a thousand wrong values must not be kept a thousand times; the accounting
    counts each, and the row says how many more there were.
    """
    if rows:
        await tx.execute(_SQL["reject"], *(list(column) for column in zip(*_gathered(rows), strict=True)))


def _gathered(rows: Iterable[Rejected]) -> list[Rejected]:
    groups: defaultdict[Rejected, list[Rejected]] = defaultdict(list)
    for row in rows:
        groups[row._replace(field=None, detail="")].append(row)
    return [
        first._replace(detail=f"{first.detail} (and {len(others)} more in this message)") if others else first
        for first, *others in groups.values()
    ]


async def first_seen(tx: Transaction, keys: Iterable[tuple[str, str, str, datetime]]) -> set[tuple[str, str, str]]:
    """Of (tenant, device, message key, time), those never seen before; all are remembered from now on."""
    unique = {key[:3]: key for key in keys}
    if not unique:
        return set()
    columns = zip(*(unique[name] for name in sorted(unique)), strict=True)
    rows = await tx.fetch(_SQL["seen"], *(list(column) for column in columns))
    return {(row["tenant"], row["device"], row["message_key"]) for row in rows}


async def fold(tx: Transaction, *, batches: int = 500) -> None:
    """Fold the oldest batches into the totals by device and day."""
    await tx.execute(_SQL["fold"], batches)


async def summary(tx: Transaction, *, tenant: str, device: str | None, since: date) -> list[dict[str, Any]]:
    """Per day and device since `since`: received, stored, duplicate, rejected by reason, discarded, balanced or not."""
    grouped: defaultdict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for row in await tx.fetch(_SQL["summary"], tenant, device, since):
        grouped[row["day"], row["device"]][row["outcome"]] += row["count"]
    return [_line(day, name, counts) for (day, name), counts in grouped.items()]


def _line(day: date, device: str, counts: Counter[str]) -> dict[str, Any]:
    rejected = {k.removeprefix("rejected:"): n for k, n in counts.items() if k.startswith("rejected:")}
    outcomes = counts[STORED] + counts[DUPLICATE] + sum(rejected.values()) + counts[DISCARDED]
    return {
        "day": day.isoformat(),
        "device": device,
        "received": counts[RECEIVED],
        "stored": counts[STORED],
        "duplicate": counts[DUPLICATE],
        "rejected": rejected,
        "discarded": counts[DISCARDED],
        "balanced": counts[RECEIVED] == outcomes,
    }
