"""Registered context sources as forwarding needs them, and what came of asking them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.ports import Transaction
from broker.sql import load
from broker.store.reading import Where

_SQL = load("broker.store", "sources")


class Tally(NamedTuple):
    """How often a source was asked since it was last settled, and when that last went well and ill."""

    sent: int = 0
    failed: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None


async def identity(tx: Transaction) -> str:
    """What tells this broker from every other."""
    return str(await tx.fetchval(_SQL["identity"]))


async def every(tx: Transaction) -> list[tuple[dict[str, Any], str]]:
    """Each registration of the tenant, with what changes whenever it does."""
    rows = await tx.fetch(_SQL["registrations"])
    return [(orjson.loads(row["doc"]), row["modified_at"].isoformat()) for row in rows]


async def fitting(
    tx: Transaction, condition: Where, registrations: Sequence[Mapping[str, Any]], members: Sequence[str]
) -> set[str]:
    """The ids of those registrations whose Context Source Properties (whatever is not among `members`) fulfil the
    condition."""
    places = [f"${index + 3}" for index in range(len(condition.values))]
    statement = _SQL["fitting"].format(condition=condition.sql.format(*places))
    docs = [orjson.dumps(one).decode() for one in registrations]
    rows = await tx.fetch(statement, list(members), docs, *condition.values) if docs else []
    return {registrations[row["n"] - 1]["id"] for row in rows}


async def settle(tx: Transaction, id_: str, tally: Tally) -> None:
    """Add to what is known of the source (5.2.9: timesSent, timesFailed, lastSuccess, lastFailure)."""
    await tx.execute(_SQL["settle"], id_, *tally)
