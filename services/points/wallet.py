"""What a resident has: balances in the national model's names, lots with their expiry, movements with reasons."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from broker.errors import NotFound
from broker.ports import Transaction
from services.points.credentials import SQL
from services.points.model import Kind, day_of


class OwnLot(NamedTuple):
    """A resident's points of one origin. `money` says that they were bought."""

    points: int
    kind: str
    programme: str
    spend_on: list[str]
    expires_at: datetime | None


class Wallet(NamedTuple):
    """A resident's points, named as the national model names them: money* what was bought, point* what was given.

    The dates are those of the soonest to expire, the last day on which they can be used.
    """

    pointBalance: int
    expirationDateOfPoint: date | None
    moneyBalance: int
    expirationDateOfMoney: date | None
    reserved: int
    lots: list[OwnLot]


async def wallet(tx: Transaction, account: str, now: datetime) -> Wallet:
    """What a resident has now. Raises `NotFound`."""
    row = await tx.fetchrow(SQL["balance"], account)
    if row is None:
        raise NotFound(f"there is no account {account}")
    lots = [
        OwnLot(r["points"], r["kind"], r["programme"], r["spend_on"], r["expires_at"])
        for r in await tx.fetch(SQL["own_lots"], account, now)
    ]
    given = [lot for lot in lots if lot.kind == Kind.GIVEN]
    bought = [lot for lot in lots if lot.kind == Kind.BOUGHT]
    return Wallet(
        pointBalance=sum(lot.points for lot in given),
        expirationDateOfPoint=_last_day(given),
        moneyBalance=sum(lot.points for lot in bought),
        expirationDateOfMoney=_last_day(bought),
        reserved=row["reserved"],
        lots=lots,
    )


def _last_day(lots: list[OwnLot]) -> date | None:
    ends = [lot.expires_at for lot in lots if lot.expires_at is not None]
    return day_of(min(ends) - timedelta(microseconds=1)) if ends else None


class Movement(NamedTuple):
    """One line of a resident's history. `points` is signed; `why` is the explanation given with it."""

    seq: int
    id: str
    code: str
    points: int
    at: datetime
    why: str
    details: dict[str, Any]


async def movements(tx: Transaction, account: str, before: int | None, limit: int) -> list[Movement]:
    """The newest movements of an account (below the number `before`), reservations and their ends left out."""
    rows = await tx.fetch(SQL["movements"], account, before, limit)
    return [_movement(row, account) for row in rows]


def _movement(row: Any, account: str) -> Movement:
    details = json.loads(row["details"])
    points = row["amount"] if row["credit"] == account else -row["amount"]
    return Movement(row["seq"], row["id"], row["code"], points, row["at"], details.get("why", ""), details)


class Expiring(NamedTuple):
    """Points of a resident that expire at one time."""

    account: str
    expires_at: datetime
    points: int


async def expiring(tx: Transaction, now: datetime, days: int, limit: int) -> list[Expiring]:
    """Whom to tell: points that expire within `days`, the soonest first."""
    return [Expiring(*row) for row in await tx.fetch(SQL["expiring"], now, now + timedelta(days=days), limit)]
