"""Bus fares booked in points: taken when the ride was made; what could not be taken is listed until it is collected."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal, NamedTuple

from broker.errors import Conflict, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.points.membership import account_of
from services.points.refusals import Declined
from services.points.town import Checkout, Shop, Town

SQL = load("services.points", "fares")
NO_SHOP = "運賃を受け取る加盟店がありません"
NO_ACCOUNT = "乗った人のポイントの口座が分かりません"


class Fare(NamedTuple):
    """What a ride costs that was booked to be paid in points, in yen. `ride` is its entity; `person` rode, if known."""

    tenant: str
    person: str | None
    ride: str
    yen: int
    at: datetime


class UnpaidFare(NamedTuple):
    """A fare that points did not cover. `how` it was collected and when, None while it is owed.

    `how` points without `ended_at`: it is being taken; asked once more the answer is known.
    """

    ride: str
    account: str | None
    yen: int
    why: str
    at: datetime
    how: str | None
    by: str | None
    note: str
    ended_at: datetime | None


class Owed(NamedTuple):
    """How many fares are still to be collected, and how many yen they are."""

    fares: int
    yen: int


async def take(town: Town, due: Fare) -> str | None:
    """Take the whole fare or nothing, points for transport first by their expiry. Safe to repeat.

    What cannot be taken is noted as unpaid, with the reason that is returned.
    """
    async with town.database.transaction(due.tenant) as tx:
        shop = await town.find_shop(tx, town.fare_shop)
        account = None if due.person is None else await account_of(tx, due.tenant, due.person)
    why, attempt = NO_SHOP if shop is None else NO_ACCOUNT, 1
    if shop is not None and account is not None:
        try:
            await _pay(town, due.tenant, shop, account, due.ride, due.yen, attempt)
        except Declined as declined:
            why, attempt = str(declined), 2
        else:
            return None
    async with town.database.transaction(due.tenant) as tx:
        await tx.execute(SQL["note"], due.ride, due.person, account, due.yen, why, due.at, attempt)
    return why


async def unpaid(tx: Transaction, limit: int, *, ended: bool = False) -> list[UnpaidFare]:
    """The fares that are owed, the oldest first; with `ended` those that were collected, the last first."""
    return [UnpaidFare(*row) for row in await tx.fetch(SQL["all"], ended, limit)]


async def owed(tx: Transaction) -> Owed:
    """All that is still to be collected."""
    return Owed(*await tx.fetchrow(SQL["owed"]))


async def collect(town: Town, tenant: str, ride: str, by: str) -> None:
    """Take an unpaid fare in points now. Safe to repeat, also when the answer was lost.

    Raises `NotFound`, `Conflict` where it was collected otherwise, `Declined` where points still do not cover it.
    """
    async with town.database.transaction(tenant) as tx:
        row = await tx.fetchrow(SQL["lock"], ride)
        if row is None:
            raise NotFound(f"there is no unpaid fare of the ride {ride!r}")
        if row["ended_at"] is not None and row["how"] == "points":
            return
        _demand_open(row["how"], row["ended_at"])
        shop = await town.find_shop(tx, town.fare_shop)
        account = row["account"] or (row["person"] and await account_of(tx, tenant, row["person"]))
        if shop is None or account is None:
            raise Declined("no-shop" if shop is None else "no-account", NO_SHOP if shop is None else NO_ACCOUNT)
        await tx.execute(SQL["claim"], ride, by, account)
    try:
        await _pay(town, tenant, shop, account, ride, row["yen"], row["attempt"])
    except Declined as declined:
        async with town.database.transaction(tenant) as tx:
            await tx.execute(SQL["declined"], ride, row["attempt"], str(declined))
        raise
    async with town.database.transaction(tenant) as tx:
        await tx.execute(SQL["end"], ride, "points", by, "", town.clock())


async def settle(town: Town, tenant: str, ride: str, how: Literal["cash", "waived"], by: str, note: str) -> None:
    """Note that the fare was collected in cash, or will not be (`note` says why). The same again is no error.

    Raises `NotFound`, and `Conflict` where it was collected otherwise or is being taken in points.
    """
    async with town.database.transaction(tenant) as tx:
        row = await tx.fetchrow(SQL["lock"], ride)
        if row is None:
            raise NotFound(f"there is no unpaid fare of the ride {ride!r}")
        if row["ended_at"] is not None and row["how"] == how:
            return
        _demand_open(row["how"], row["ended_at"])
        if row["how"] == "points":
            raise Conflict("this fare is being taken in points; ask for that once more before collecting it otherwise")
        await tx.execute(SQL["end"], ride, how, by, note, town.clock())


def _demand_open(how: str | None, ended_at: datetime | None) -> None:
    if ended_at is not None:
        raise Conflict(f"this fare was collected already ({how})")


async def _pay(town: Town, tenant: str, shop: Shop, account: str, ride: str, yen: int, attempt: int) -> None:
    """A refused id stays refused, so each attempt has its own; the next begins only when this one was refused."""
    id = f"ride.{hashlib.sha256(ride.encode()).hexdigest()[:40]}" + (f".{attempt}" if attempt > 1 else "")
    await town.pay(tenant, shop, account, Checkout(id, None, yen, yen))
