"""Contexts kept in the database: hosted for others, copied from elsewhere, or made for a subscription."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "contexts")
_MOST_COPIES = 500


class KeptContext(NamedTuple):
    """One context; `kind` is Hosted, Cached or ImplicitlyCreated (5.2.4 of the context API, 5.13)."""

    id: str
    url: str | None
    kind: str
    body: str
    created_at: datetime
    last_usage: datetime | None
    hits: int


async def by_url(tx: Transaction, url: str, own_id: str) -> str | None:
    """The document at `url` if it is kept."""
    body = await tx.fetchval(_SQL["by_url"], url, own_id)
    return None if body is None else str(body)


async def used(tx: Transaction, uses: Mapping[tuple[str, str], int]) -> None:
    """Count uses: how many times each (url, own id) was used."""
    keys = sorted(uses)
    await tx.execute(_SQL["used"], [url for url, _ in keys], [own for _, own in keys], [uses[key] for key in keys])


async def keep_copy(tx: Transaction, url: str, body: str) -> None:
    """Keep (or renew) the copy of a public document; those used longest ago give way beyond 500."""
    await tx.execute(_SQL["keep_copy"], str(uuid.uuid4()), url, body)
    await tx.execute(_SQL["bound_copies"], _MOST_COPIES)


async def host(tx: Transaction, body: str, *, kind: str = "Hosted", id_: str | None = None) -> str:
    """Keep a context of this tenant's own and return its id."""
    made = id_ or str(uuid.uuid4())
    await tx.execute(_SQL["host"], made, kind, body)
    return made


async def listed(tx: Transaction, kind: str | None) -> list[KeptContext]:
    """All that this tenant sees, of one kind or of every."""
    return [KeptContext(*row.values()) for row in await tx.fetch(_SQL["listed"], kind)]


async def one(tx: Transaction, id_or_url: str) -> KeptContext | None:
    """The context with this id, or the copy of this URL."""
    row = await tx.fetchrow(_SQL["one"], id_or_url)
    return None if row is None else KeptContext(*row.values())


async def delete(tx: Transaction, id_or_url: str) -> bool:
    """Forget it; whether it was there."""
    return await tx.fetchval(_SQL["delete"], id_or_url) is not None
