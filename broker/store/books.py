"""The check of the books: what was received is what became of it, and what was stored is there."""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from broker.ports import CHANGES, OBSERVATIONS, Log, Transaction
from broker.sql import load

_SQL = load("broker.store", "books")
_MOST = 1000


class Imbalance(NamedTuple):
    """Something that does not add up: which check, where, what it should be and what it is."""

    check: Literal["outcomes", "history", "log"]
    where: str
    expected: int
    found: int
    tenant: str | None = None
    day: date | None = None

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.expected} expected, {self.found} found"


async def audit(tx: Transaction, since: date) -> list[Imbalance]:
    """Devices and days since `since` (UTC, of arrival) for which received ≠ stored + duplicate + rejected.

    One statement, hence one moment: transactions under way cannot make it fail. A thousand lines at most.
    """
    return [
        Imbalance(
            "outcomes", f"{r['tenant']}/{r['device']} {r['day']}", r["received"], r["outcomes"], r["tenant"], r["day"]
        )
        for r in await tx.fetch(_SQL["unbalanced"], since, _MOST)
    ]


async def audit_history(tx: Transaction, day: date) -> list[Imbalance]:
    """Tenants whose history holds fewer values received on `day` (UTC) than the accounting says were stored.

    Independent of the accounting: it counts the rows themselves. More rows than stored are in order, because
    writes over HTTP are history and not a device's; fewer mean that rows were lost, or deleted by a person. Tenants
    that keep history for a week or less are left out.
    """
    return [
        Imbalance("history", f"{r['tenant']} {day}", r["stored"], r["held"], r["tenant"], day)
        for r in await tx.fetch(_SQL["missing"], day)
    ]


class Standing(NamedTuple):
    """Where a consumer group stands in one partition: the next offset that it will handle."""

    consumer: str
    partition: int
    next: int


async def positions(tx: Transaction, topic: str) -> list[Standing]:
    """Where every group stands in `topic`."""
    return [Standing(*row.values()) for row in await tx.fetch(_SQL["positions"], topic)]


async def audit_log(tx: Transaction, log: Log) -> list[Imbalance]:
    """Consumers that stand beyond the end of their partition: the log has lost records that were handled."""
    found: list[Imbalance] = []
    for topic in (OBSERVATIONS, CHANGES):
        stand = await positions(tx, topic)
        ends = await log.ends(topic) if stand else {}
        for consumer, partition, following in stand:
            end = ends.get(partition, 0)
            if following > end:
                found.append(Imbalance("log", f"{consumer} at {topic}/{partition}", following, end))
    return found
