"""The check of the books: what was received is what became of it, and what was stored is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Devices and days since `since` (UTC, of arrival) for which received ≠ stored + duplicate + rejected + discarded.

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
    writes over HTTP are history and not a device's; fewer mean that rows were lost, or somebody deleted a whole history
    (single values that a person took out count as held). Tenants that keep history for a week or less are left out.
    While rows move into a month of their own it waits.
    """
    # A count that waited for the default partition behind the move would know its partitions from before the move
    # and its rows from after it, and so find the moved ones nowhere.
    await tx.execute(_SQL["await_move"])
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


class Reach(NamedTuple):
    """How far a topic has been read: where every group stands, and where each partition ends."""

    topic: str
    standings: list[Standing]
    ends: Mapping[int, int]


async def reaches(tx: Transaction, log: Log) -> list[Reach]:
    """Of both topics. Raises `Unavailable` where the log does not answer."""
    found: list[Reach] = []
    for topic in (OBSERVATIONS, CHANGES):
        standings = await positions(tx, topic)
        found.append(Reach(topic, standings, await log.ends(topic) if standings else {}))
    return found


def audit_log(found: Iterable[Reach]) -> list[Imbalance]:
    """Consumers that stand beyond the end of their partition: the log has lost records that were handled."""
    return [
        Imbalance("log", f"{consumer} at {topic}/{partition}", following, ends.get(partition, 0))
        for topic, standings, ends in found
        for consumer, partition, following in standings
        if following > ends.get(partition, 0)
    ]
