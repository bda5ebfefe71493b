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
from services.points.model import Code, Transfer, midnight_after, months_after
from services.points.refusals import demand
from services.points.town import Shop

SQL = load("services.points", "settlement")


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one shop. Points and yen; one point is one yen.

    `carried` is what earlier months left in the shop's account (below zero after late refunds). Fees are taken from
    what the shop has; `invoiced` is what remains of them, to be paid in yen. `payout` is paid to the shop.
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
        await tx.execute("select pg_advisory_xact_lock(8, hashtext($1))", f"{tenant}/{shop.id}")
        made = await find(tx, shop.id, month)
        if made is None:
            newest = await tx.fetchval(SQL["earliest_unsettled"], shop.id)
            if newest is not None and newest > month:
                raise Invalid(f"{newest:%Y-%m} is settled already; an earlier month cannot be any more", field="period")
            made = await _figures(tx, shop, month)
            await tx.execute(SQL["add_settlement"], shop.id, month, msgspec.json.encode(made).decode(), now)
    wishes = _transfers(shop, made)
    if wishes:
        demand(await ledger.submit(tenant, wishes))
    return made


async def find(tx: Transaction, shop: str, month: date) -> Settlement | None:
    """The settlement as kept, or None."""
    row = await tx.fetchrow(SQL["settled"], shop, month.replace(day=1))
    return msgspec.convert(json.loads(row["document"]), Settlement) if row else None


async def _figures(tx: Transaction, shop: Shop, month: date) -> Settlement:
    start, end = span(month)
    takings = await tx.fetchrow(SQL["takings"], shop.account, start, end)
    kinds = {row["kind"]: row["points"] for row in await tx.fetch(SQL["kinds"], shop.account, start, end)}
    issued = await tx.fetchval(SQL["issued"], shop.id, start, end)
    have = await tx.fetchval(SQL["balance_at"], shop.account, end)
    fees = shop.monthly_fee + max(0, issued) * shop.fee_per_point
    deducted = max(0, min(fees, have))
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
        invoiced=fees - deducted,
        payout=max(0, have - deducted),
    )


def _transfers(shop: Shop, made: Settlement) -> list[Transfer]:
    """Fees and payout, linked: both or none."""
    key = f"settle:{shop.id}:{made.period:%Y-%m}"
    parts = [("fees", Code.FEE, "fees", made.deducted), ("payout", Code.PAYOUT, "issuer", made.payout)]
    parts = [part for part in parts if part[3]]
    return [
        Transfer(
            id=f"{key}:{name}",
            code=code,
            debit=shop.account,
            credit=credit,
            amount=amount,
            linked=index < len(parts) - 1,
            by="settlement",
        )
        for index, (name, code, credit, amount) in enumerate(parts)
    ]


async def lines(tx: Transaction, shop: Shop, month: date) -> list[Line]:
    """Every payment and refund of the month, in order."""
    start, end = span(month)
    return [Line(*row) for row in await tx.fetch(SQL["lines"], shop.account, start, end)]
