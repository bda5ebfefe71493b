"""A till's purchases, refunding and cancelling them, and payments that a resident makes by scanning the shop's code."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.points.credentials import SQL as TOWN
from services.points.earning import award_id
from services.points.emv import parse
from services.points.model import Code, Result, Transfer
from services.points.refusals import demand
from services.points.rulebook import Rules
from services.points.town import Checkout, Receipt, Shop, Town

SQL = load("services.points", "till")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Purchase(NamedTuple):
    """One purchase at a shop. `id` is the till's; `cash` yen were not paid in points; `taken_back` of `earned`."""

    id: str
    at: datetime
    cash: int
    payment: str | None
    points: int
    refunded: int
    earned: int
    taken_back: int


class Cancelled(NamedTuple):
    """What cancelling a purchase gave back to the resident, and took back of what it had earned."""

    refunded: int
    taken_back: int


async def purchases(tx: Transaction, shop: Shop, since: datetime, limit: int, id: str | None = None) -> list[Purchase]:
    """The shop's purchases since then, the newest first; with `id` that one alone."""
    key = None if id is None else f"{shop.id}:{id}"
    rows = await tx.fetch(SQL["purchases"], shop.id, since, key, limit)
    return [Purchase(row["id"].removeprefix(f"{shop.id}:"), *list(row.values())[1:]) for row in rows]


async def refund(town: Town, tenant: str, shop: Shop, id: str, payment: str, points: int) -> Result:
    """Give points of a payment at this shop back, into the very lots. In parts, up to the whole."""
    async with town.database.transaction(tenant) as tx:
        row = await tx.fetchrow(TOWN["transfer"], payment)
    if row is None or row["credit"] != shop.account or row["code"] != Code.SPEND:
        raise NotFound(f"there is no payment {payment!r} at this shop")
    wish = Transfer(
        id=f"refund:{shop.id}:{id}",
        code=Code.REFUND,
        debit=shop.account,
        credit=row["debit"],
        amount=points,
        refund_of=payment,
        details={"shop": shop.id, "why": f"{shop.name}での返金"},
        by=shop.account,
    )
    return demand(await town.ledger.submit(tenant, [wish]))[0]


async def take_back(town: Town, tenant: str, shop: Shop, purchase: str) -> int:
    """Take back what a purchase earned, as far as it has not been spent. Returns how many points."""
    key = f"{shop.id}:{purchase}"
    async with town.database.transaction(tenant) as tx:
        row = await tx.fetchrow(TOWN["occasion"], key)
    if row is None:
        raise NotFound(f"there is no purchase {purchase!r} at this shop")
    _, rules = await town.rules(tenant, row["rules"]) if row["rules"] else (0, Rules())
    async with town.database.transaction(tenant) as tx:
        lots = await tx.fetch(TOWN["awarded"], [award_id(key, campaign.id) for campaign in rules.campaigns])
    wishes = [
        Transfer(
            id=f"take-back:{lot['granted_by']}",
            code=Code.TAKE_BACK,
            debit=lot["account"],
            credit=f"campaign/{lot['programme']}",
            amount=lot["amount"],
            up_to=True,
            from_lot=lot["id"],
            details={"shop": shop.id, "why": "お買い物の取り消し"},
            by=shop.account,
        )
        for lot in lots
    ]
    results = await town.ledger.submit(tenant, wishes) if wishes else []
    return sum(result.amount for result in results if result.status.fine)


async def cancel(town: Town, tenant: str, shop: Shop, purchase: str) -> Cancelled:
    """Undo a purchase: all points paid and not yet refunded go back into their lots, and what it earned is taken back
    as far as it has not been spent. Safe to repeat: it answers the same. Raises `NotFound`."""
    given_back = f"refund:{shop.id}:cancel:{purchase}"
    async with town.database.transaction(tenant) as tx:
        found = await purchases(tx, shop, _EVER, 1, purchase)
        before = await tx.fetchval(SQL["amount"], given_back)
    if not found:
        raise NotFound(f"there is no purchase {purchase!r} at this shop")
    one, refunded = found[0], int(before or 0)
    if before is None and one.payment is not None and one.points > one.refunded:
        done = await refund(town, tenant, shop, f"cancel:{purchase}", one.payment, one.points - one.refunded)
        refunded = done.amount
    return Cancelled(refunded, await take_back(town, tenant, shop, purchase))


async def pay_shop(town: Town, tenant: str, account: str, id: str, code: str, points: int) -> tuple[Shop, Receipt]:
    """A resident pays `points` by scanning a shop's code; `id` is the resident's app's own. Safe to repeat.

    All of it is paid in points, so it earns nothing: what was paid beside it in cash only a till can tell. Raises
    `Invalid` for a code of another city or amount, `NotFound`, `Declined`.
    """
    shown = parse(code)
    if shown.tenant != tenant:
        raise Invalid("this is another city's code", field="code")
    if shown.amount not in (None, points):
        raise Invalid(f"the code is for {shown.amount} yen; pay exactly that many points", field="points")
    async with town.database.transaction(tenant) as tx:
        shop = await town.find_shop(tx, shown.shop)
    if shop is None:
        raise NotFound(f"there is no member shop {shown.shop!r}")
    whose = hashlib.sha256(account.encode()).hexdigest()[:12]
    return shop, await town.pay(tenant, shop, account, Checkout(f"app.{whose}.{id}", None, points, points))
