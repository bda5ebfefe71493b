"""A member shop that leaves 退会: it takes no more payments, gives refunds until its last settlement, and is closed.

The last settlement is the month's, up to the moment of it. From then on nothing moves in the shop's account: it is
closed before its figures are read, so that no refund falls between the figures and the payout.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from broker.errors import Conflict, NotFound
from broker.ports import Transaction
from services.points.model import day_of
from services.points.refusals import demand
from services.points.settlement import SQL, Settlement, figures, find, lock, transfers
from services.points.town import Shop, Town


async def leave(town: Town, tenant: str, id: str) -> datetime:
    """The shop takes no payments from now on. Since when; again is no error. Raises `NotFound`."""
    async with town.database.transaction(tenant) as tx:
        since: datetime | None = await tx.fetchval(SQL["leave"], id, town.clock())
    if since is None:
        raise NotFound(f"there is no member shop {id!r}")
    return since


async def stay(town: Town, tenant: str, id: str) -> None:
    """The shop takes payments again after all. Raises `NotFound` once its last settlement is made."""
    async with town.database.transaction(tenant) as tx:
        if await tx.fetchval(SQL["stay"], id) is None:
            raise NotFound(f"there is no member shop {id!r}, or it was settled for the last time")


async def settle_last(town: Town, tenant: str, id: str) -> Settlement:
    """Close the shop's account and settle it for good; the same again returns the same.

    What the account lacks after late refunds is invoiced with the fees (`owed`). Raises `NotFound`, and `Conflict`
    while the shop takes payments, has reserved ones, or has a month before this one that is not settled.
    """
    now = town.clock()
    async with town.database.transaction(tenant) as tx:
        await lock(tx, tenant, id)
        row = await tx.fetchrow(SQL["membership"], id)
        shop = await town.find_shop(tx, id, closed=True)
        if row is None or shop is None:
            raise NotFound(f"there is no member shop {id!r}")
        made = await find(tx, id, day_of(row["closed_at"])) if row["closed_at"] else None
        if made is None:
            made = await _close(tx, shop, row["leaving_at"], row["opened_at"], now)
    if wishes := transfers(shop, made):
        demand(await town.ledger.submit(tenant, wishes))
    return made


async def _close(
    tx: Transaction, shop: Shop, leaving_at: datetime | None, opened_at: datetime, now: datetime
) -> Settlement:
    month = day_of(now).replace(day=1)
    if leaving_at is None:
        raise Conflict("the shop still takes payments; close it to payments first")
    before = (month - timedelta(days=1)).replace(day=1)
    if day_of(opened_at) < month and await find(tx, shop.id, before) is None:
        raise Conflict(f"{before:%Y-%m} is not settled yet; settle it first")
    if await tx.fetchval(SQL["close_account"], shop.account) is None:
        raise Conflict("payments to the shop are still reserved; try again when they have been taken or have lapsed")
    made = await figures(tx, shop, month, last=True)
    await tx.execute(SQL["add_settlement"], shop.id, month, msgspec.json.encode(made).decode(), now)
    await tx.execute(SQL["close_shop"], shop.id, now)
    await tx.execute(SQL["close_tills"], shop.id, now)
    return made
