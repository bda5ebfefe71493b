"""A shop's settlement 精算: what it is paid for a month's points, less fees. Once per shop and month, whoever asks."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from broker.errors import Invalid
from broker.ports import Database, Transaction
from broker.sql import load
from services.points.closing import SETTLING
from services.points.ledger import Ledger
from services.points.model import Code, Transfer, day_of, midnight_after, months_after
from services.points.refusals import demand
from services.points.town import Shop

SQL = load("services.points", "settlement")


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one shop. Points and yen; one point is one yen.

    `carried` is what earlier months left in the shop's account (below zero after late refunds). Fees are taken from
    what the shop has; `invoiced` is what remains of them, to be paid in yen. `payout` is paid to the shop. The `last`
    is that of a shop that leaves: it owes in yen what its account lacks (`owed`, part of `invoiced`), which ends at 0.
    """

    shop: str
    name: str
    period: date
    carried: int
    payments: int
    received: int
    refunded: int
    given: int
    bought: int
    issued: int
    monthly_fee: int
    issuing_fee: int
    deducted: int
    invoiced: int
    payout: int
    owed: int = 0
    last: bool = False

    @property
    def fees(self) -> int:
        """Yen owed in fees for the month."""
        return self.monthly_fee + self.issuing_fee


class Line(NamedTuple):
    """One payment (above zero) or refund (below) of a statement."""

    at: datetime
    id: str
    code: str
    points: int
    yen: int


def span(period: date) -> tuple[datetime, datetime]:
    """The first instant of the month and the first after it, in Japan."""
    first = period.replace(day=1)
    start = datetime.combine(first, datetime.min.time(), midnight_after(first).tzinfo)
    after = months_after(first, 1)
    return start, datetime.combine(after, datetime.min.time(), start.tzinfo)


async def settle(
    database: Database, ledger: Ledger, tenant: str, shop: Shop, period: date, now: datetime
) -> Settlement:
    """Settle `period` (any day of the month) and return the settlement; one that is settled stays as it was.

    First the figures are kept, then the ledger moves them under ids made of shop and month: a crash in between is
    mended by asking again. Raises `Invalid` for a month that is not over, or older than one already settled.
    """
    month = period.replace(day=1)
    _, end = span(month)
    if now < end + SETTLING:
        raise Invalid(f"{month:%Y-%m} can be settled from {end + SETTLING:%Y-%m-%d %H:%M} on", field="period")
    async with database.transaction(tenant) as tx:
        await lock(tx, tenant, shop.id)
        made = await find(tx, shop.id, month)
        if made is None:
            newest = await tx.fetchval(SQL["earliest_unsettled"], shop.id)
            if newest is not None and newest > month:
                raise Invalid(f"{newest:%Y-%m} is settled already; an earlier month cannot be any more", field="period")
            left = await tx.fetchrow(SQL["membership"], shop.id)
            if left is not None and left["closed_at"] is not None:
                raise Invalid(f"the shop was settled for the last time on {day_of(left['closed_at'])}", field="period")
            made = await figures(tx, shop, month)
            await tx.execute(SQL["add_settlement"], shop.id, month, msgspec.json.encode(made).decode(), now)
    wishes = transfers(shop, made)
    if wishes:
        demand(await ledger.submit(tenant, wishes))
    return made


async def find(tx: Transaction, shop: str, month: date) -> Settlement | None:
    """The settlement as kept, or None."""
    row = await tx.fetchrow(SQL["settled"], shop, month.replace(day=1))
    return msgspec.convert(json.loads(row["document"]), Settlement) if row else None


async def lock(tx: Transaction, tenant: str, shop: str) -> None:
    """Nobody else settles the shop until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock(8, hashtext($1))", f"{tenant}/{shop}")


async def figures(tx: Transaction, shop: Shop, month: date, *, last: bool = False) -> Settlement:
    """The month's settlement from the journal; `last`: of a shop that leaves."""
    start, end = span(month)
    takings = await tx.fetchrow(SQL["takings"], shop.account, start, end)
    kinds = {row["kind"]: row["points"] for row in await tx.fetch(SQL["kinds"], shop.account, start, end)}
    issued = await tx.fetchval(SQL["issued"], shop.id, start, end)
    have = await tx.fetchval(SQL["balance_at"], shop.account, end)
    fees = shop.monthly_fee + max(0, issued) * shop.fee_per_point
    deducted = max(0, min(fees, have))
    owed = max(0, -have) if last else 0
    return Settlement(
        shop=shop.id,
        name=shop.name,
        period=month,
        carried=have - takings["received"] + takings["refunded"],
        payments=takings["payments"],
        received=takings["received"],
        refunded=takings["refunded"],
        given=kinds.get("given", 0),
        bought=kinds.get("bought", 0),
        issued=issued,
        monthly_fee=shop.monthly_fee,
        issuing_fee=max(0, issued) * shop.fee_per_point,
        deducted=deducted,
        invoiced=fees - deducted + owed,
        payout=max(0, have - deducted),
        owed=owed,
        last=last,
    )


def transfers(shop: Shop, made: Settlement) -> list[Transfer]:
    """Fees and payout (or what a shop that leaves owes), linked: all or none."""
    key = f"settle:{shop.id}:{made.period:%Y-%m}"
    whole = [
        ("fees", Code.FEE, shop.account, "fees", made.deducted),
        ("payout", Code.PAYOUT, shop.account, "issuer", made.payout),
        ("owed", Code.PAYOUT, "issuer", shop.account, made.owed),
    ]
    parts = [part for part in whole if part[4]]
    return [
        Transfer(
            id=f"{key}:{name}",
            code=code,
            debit=debit,
            credit=credit,
            amount=amount,
            linked=index < len(parts) - 1,
            by="settlement",
        )
        for index, (name, code, debit, credit, amount) in enumerate(parts)
    ]


async def lines(tx: Transaction, shop: Shop, month: date) -> list[Line]:
    """Every payment and refund of the month, in order."""
    start, end = span(month)
    return [Line(*row) for row in await tx.fetch(SQL["lines"], shop.account, start, end)]
