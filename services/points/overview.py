"""What staff see at a glance: campaigns with their funds, shops, the days closed, a month's settlements."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from broker.ports import Transaction
from broker.sql import load
from services.points.closing import Closing
from services.points.settlement import Settlement

SQL = load("services.points", "overview")


class FundState(NamedTuple):
    """A campaign's fund in points. `put_in` counts what was taken back from residents too; `left` is the budget."""

    id: str
    title: str
    left: int
    put_in: int
    given: int


class ShopState(NamedTuple):
    """A member shop. `balance` is what the city owes it (below zero: what it owes). Since
    `leaving_at` it takes no payments; with `closed_at` it was settled for the last time.
    """

    id: str
    name: str
    area: str
    category: str
    purpose: str
    monthly_fee: int
    fee_per_point: int
    opened_at: datetime
    leaving_at: datetime | None
    closed_at: datetime | None
    tills: int
    balance: int


async def funds(tx: Transaction) -> list[FundState]:
    """Every campaign that ever had a fund, by its id."""
    rows = await tx.fetch(SQL["campaigns"])
    return [FundState(row["id"].removeprefix("campaign/"), *list(row.values())[1:]) for row in rows]


async def shops(tx: Transaction) -> list[ShopState]:
    """Every member shop, by its id."""
    return [ShopState(*row) for row in await tx.fetch(SQL["shops"])]


async def closings(tx: Transaction, limit: int) -> list[Closing]:
    """The days closed, the newest first."""
    return [msgspec.convert(json.loads(row["totals"]), Closing) for row in await tx.fetch(SQL["closings"], limit)]


async def settlements(tx: Transaction, month: date) -> list[Settlement]:
    """The settlements that a month has so far."""
    rows = await tx.fetch(SQL["settlements"], month.replace(day=1))
    return [msgspec.convert(json.loads(row["document"]), Settlement) for row in rows]
