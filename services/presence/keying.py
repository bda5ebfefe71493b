"""The two names of a tag: the handle that persons and apps know, and the one under which its rows stand.

The second is a keyed hash of the first. Links and the register of disclosures hold handles beside persons, the
tables of movements hold keyed names: who has the database without the key cannot join them. The way back is sealed
with the tag (`store.Wearer.handle`).
"""

from __future__ import annotations

import msgspec

from broker.ports import Database, Transaction
from broker.sql import load
from broker.veil import Veil
from services.presence.store import TAG, Wearer

_SQL = load("services.presence", "keying")
_USE = "tag-row"
_AT_ONCE = 50


def row_of(veil: Veil, tenant: str, handle: str) -> str:
    """The name of the rows of the tag with this handle."""
    return veil.blind(tenant, _USE, handle).hex()[:32]


async def key_all(database: Database, veil: Veil) -> int:
    """Give rows that still stand under handles their names, some tags in each transaction. How many tags.

    Rows of before hold the handle as their id. Raises `Invalid` where the key is not the one they were sealed with.
    """
    count = 0
    while True:
        async with database.transaction() as tx:
            rows = await tx.fetch(_SQL["unkeyed"], _AT_ONCE)
            for row in rows:
                await _key(tx, veil, row["tenant"], row["tenant_id"], row["id"], row["sealed"])
        count += len(rows)
        if len(rows) < _AT_ONCE:
            return count


async def _key(tx: Transaction, veil: Veil, tenant: str, city: int, handle: str, sealed: bytes) -> None:
    wearer = msgspec.json.decode(veil.open(tenant, TAG, sealed), type=Wearer)
    named = msgspec.structs.replace(wearer, handle=handle)
    row = row_of(veil, tenant, handle)
    await tx.execute(_SQL["key"], city, handle, row, veil.seal(tenant, TAG, msgspec.json.encode(named)))
    for statement in ("key_rules", "key_searches", "key_cells"):
        await tx.execute(_SQL[statement], city, handle, row)
