"""Attributes declared to be queried by value: which few entities a comparison can be about.

Reading every entity of a type to find the few that match is what makes a rare `q` slow. The values of declared
attributes stand in an index of their own, kept by triggers; it says which entities may match, and the query itself
judges those. Where many may match, reading in order finds a page sooner, and nothing is narrowed.
"""

from __future__ import annotations

from typing import Any

from broker.errors import NotFound
from broker.ports import Database, Transaction
from broker.query.bound import Bound
from broker.sql import load
from broker.store.reading import PRESENT, Selection

_SQL = load("broker.store", "values")
_FEW = 2000
"""With more candidates than this, a page is found sooner by reading on."""
_AT_ONCE = 1000


async def narrowed(tx: Transaction, selection: Selection) -> Selection:
    """`selection`, with the ids of all entities that can match where those are few."""
    bounds = [bound for where in selection.where for bound in where.bounds]
    if not bounds or selection.among != PRESENT:
        return selection
    ready = {row["name"] for row in await tx.fetch(_SQL["ready"], sorted({bound.name for bound in bounds}))}
    possible = None if selection.ids is None else set(selection.ids)
    known = False
    for bound in bounds:
        if bound.name in ready and (few := await _candidates(tx, bound)) is not None:
            possible, known = few if possible is None else possible & few, True
    return selection._replace(ids=tuple(sorted(possible or ()))) if known else selection


async def _candidates(tx: Transaction, bound: Bound) -> set[str] | None:
    """The entities that may lie within the bound; None where they are many."""
    rows: list[Any] = []
    if bound.numbers:
        lows, highs = ([pair[side] for pair in bound.numbers] for side in (0, 1))
        rows += await tx.fetch(_SQL["by_number"], bound.name, lows, highs, _FEW)
    if bound.texts:
        rows += await tx.fetch(_SQL["by_text"], bound.name, list(bound.texts), _FEW)
    return {row["entity"] for row in rows} if len(rows) < _FEW else None


async def declare(system: Database, tenant: str, name: str) -> None:
    """Keep the values of an attribute (as the store names it) from now on, and those of the entities there are.

    Writers wait for a moment when it is the first attribute anywhere. Told again, it goes on where it was broken off.
    Raises `NotFound` for an unknown tenant.
    """
    async with system.transaction() as tx:
        if not await tx.fetch(_SQL["declare"], tenant, name):
            raise NotFound(f"there is no tenant {tenant}")
        unready = await tx.fetch(_SQL["unready"])
    for row in unready:
        after: str | None = ""
        while after is not None:
            async with system.transaction() as tx:
                after = await tx.fetchval(_SQL["fill"], row["city"], row["name"], after, _AT_ONCE)


async def forget(tx: Transaction, tenant: str, name: str) -> bool:
    """Keep its values no longer; whether it had been declared."""
    return bool(await tx.fetchval(_SQL["forget"], tenant, name))


async def declared(tx: Transaction) -> list[dict[str, Any]]:
    """The attributes declared, by city, whether queries go by them yet, and how many values are kept."""
    return [dict(row) for row in await tx.fetch(_SQL["listed"])]
