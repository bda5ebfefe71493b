"""Riders, their fares and what they are told, in the caller's transaction, which is set to its tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

import msgspec

from broker.delivery.queue import take_back
from broker.delivery.subscribers import forget_addresses
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.dispatch.fares import FareRules
from services.dispatch.values import Booking, Stop, clock

SQL = load("services.dispatch", "people")
KIND = "bus.ride"
"""Of the notices that riders are mailed."""


@dataclass(frozen=True)
class Rider:
    """A person who rides (利用者). `phone` has digits only; `home` is the stop that they usually ride from."""

    id: str
    name: str
    kana: str = ""
    phone: str = ""
    mail: str | None = None
    wheelchairs: int = 0
    home: str | None = None
    member: bool = False
    note: str = ""
    account: str | None = None


def digits(phone: str) -> str:
    """The number as it is kept and looked for: full-width digits and hyphens are what people type."""
    return "".join(str(int(c)) for c in phone if c.isdecimal())


async def riders_by_phone(tx: Transaction, phone: str) -> list[Rider]:
    """Those whose number begins so, at most 20. Raises `Invalid` for fewer than three digits."""
    wanted = digits(phone)
    if len(wanted) < 3:
        raise Invalid("at least the first three digits of the telephone number are needed", field="phone")
    return [Rider(*row) for row in await tx.fetch(SQL["by_phone"], wanted)]


async def load_rider(tx: Transaction, rider: str) -> Rider:
    """One rider. Raises `NotFound`."""
    row = await tx.fetchrow(SQL["rider"], rider)
    if row is None:
        raise NotFound(f"there is no rider {rider!r}")
    return Rider(*row)


async def rider_of_account(tx: Transaction, account: str) -> Rider | None:
    """The rider who books with this account."""
    row = await tx.fetchrow(SQL["by_account"], account)
    return Rider(*row) if row else None


async def riders_named(tx: Transaction, ids: Sequence[str]) -> dict[str, Rider]:
    """Those of the riders who are known, by id."""
    return {row["id"]: Rider(*row) for row in await tx.fetch(SQL["riders"], sorted(set(ids)))}


async def save_rider(tx: Transaction, tenant: str, rider: Rider, stops: Sequence[Stop], at: datetime) -> None:
    """Add the rider, or give them these values. Raises `Invalid` for a home stop that there is not.

    What waits for a mail address that is theirs no more is not sent there: it goes to the new one, or to the calls.
    """
    if rider.home is not None and rider.home not in {stop.id for stop in stops}:
        raise Invalid(f"there is no stop {rider.home!r}", field="home")
    before = (await riders_named(tx, [rider.id])).get(rider.id)
    await tx.execute(SQL["save_rider"], *astuple(rider), at)
    if before is not None and before.mail not in (None, rider.mail):
        mailed = {notice_id(row["id"]): row["id"] for row in await tx.fetch(SQL["mailed"], rider.id)}
        unsent = await take_back(tx, tenant, sorted(mailed))
        await tx.execute(SQL["tell_anew"], [mailed[one] for one in unsent])
        await forget_mail(tx, tenant, [before.mail])


async def forget_mail(tx: Transaction, tenant: str, addresses: Sequence[str | None]) -> None:
    """Leave nothing in the queues of these addresses, nor that they are told, unless another rider has one of them."""
    unused = [row["mail"] for row in await tx.fetch(SQL["unused"], tenant, [one for one in addresses if one])]
    await forget_addresses(tx, tenant, "mail", unused, KIND)


def notice_id(id: str) -> str:
    """The delivery's name of what a rider is told."""
    return f"{KIND}:{id}"


async def load_fares(tx: Transaction) -> FareRules:
    """The fares in force; every ride is free where none were set."""
    row = await tx.fetchrow(SQL["fares"])
    return msgspec.json.decode(row["rules"], type=FareRules) if row else FareRules()


async def save_fares(tx: Transaction, rules: FareRules) -> None:
    """Put these fares in force for bookings from now on."""
    await tx.execute(SQL["save_fares"], msgspec.json.encode(rules).decode())


async def tell(
    tx: Transaction, booking: Booking, kind: str, stops: Sequence[Stop], at: datetime, *, because: str = ""
) -> None:
    """Have the rider told, once for each kind, and each time that the promise moves.

    Nothing happens for riders whom only the caller knows.
    """
    said = words(booking, kind, {stop.id: stop.name for stop in stops}, because)
    once = f"{booking.id}:{kind}:{len(booking.breaches)}" if kind == "moved" else f"{booking.id}:{kind}"
    await tx.execute(SQL["tell"], once, booking.id, booking.rider, kind, said, at)


async def calls(tx: Transaction) -> list[dict[str, Any]]:
    """Whom to ring, the longest waiting first."""
    return [dict(row) for row in await tx.fetch(SQL["calls"])]


async def called(tx: Transaction, notice: str, by: str, at: datetime) -> None:
    """Somebody has rung. Again is no error."""
    await tx.execute(SQL["called"], notice, by, at)


async def told(tx: Transaction, rider: str) -> list[dict[str, Any]]:
    """What a rider was told last, the newest first."""
    return [dict(row) for row in await tx.fetch(SQL["told"], rider)]


def words(booking: Booking, kind: str, names: dict[str, str], because: str) -> str:
    """What the rider reads or is told, in Japanese, without anybody's name: it may be read on a shared screen."""
    ask, promise = booking.ask, booking.promise
    origin, destination = names.get(ask.origin, ask.origin), names.get(ask.destination, ask.destination)
    window = f"{clock(promise.pickup_from)}〜{clock(promise.pickup_until)}"
    ride = f"{ask.day.month}月{ask.day.day}日 {window} {origin}→{destination}"
    return {
        "booked": f"ご予約を承りました。{ride}（{clock(promise.arrive_by)}までに到着）。料金は{booking.fare}円です。",
        "cancelled": f"ご予約を取り消しました。{ride}",
        "broken": f"申し訳ありません。{ride} のバスが走れなくなりました（{because}）。お電話でご相談ください。",
        "moved": f"申し訳ありません（{because}）。お約束が変わりました。{ride}"
        f"（{clock(promise.arrive_by)}までに到着）。ご都合が悪ければお電話ください。",
        "no-show": f"{ride} のバスは、いらっしゃらなかったため出発しました。次のご利用はお電話でご予約ください。",
        "reminder": f"まもなくお迎えです。{window} に「{origin}」でお待ちください。行き先は「{destination}」です。",
        "near": f"バスがまもなく「{origin}」に着きます。",
        "late": f"申し訳ありません。「{origin}」へのバスが遅れています。{because}",
    }[kind]
