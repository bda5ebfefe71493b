"""The models that cities hold their entities to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "models")


class KeptModel(NamedTuple):
    """A model as it is kept: `doc` has `schema`, `refs` and `context`."""

    tenant: str
    type: str
    doc: dict[str, Any]
    created_at: datetime


async def listed(tx: Transaction, tenant: str | None = None) -> list[KeptModel]:
    """The models of one city, or of all that may be seen."""
    rows = await tx.fetch(_SQL["listed"], tenant)
    return [KeptModel(row["tenant"], row["type"], orjson.loads(row["doc"]), row["created_at"]) for row in rows]


async def keep(tx: Transaction, tenant: str, type_: str, doc: dict[str, Any]) -> None:
    """Keep the model of a type from now on."""
    await tx.execute(_SQL["keep"], tenant, type_, orjson.dumps(doc).decode())


async def remove(tx: Transaction, tenant: str, type_: str) -> bool:
    """Forget the model of a type; whether there was one."""
    return await tx.fetchval(_SQL["remove"], tenant, type_) is not None
