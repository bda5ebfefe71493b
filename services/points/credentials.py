"""How a resident is recognised at a till: a one-time code from the app, or a printed card with a PIN."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from broker.errors import Invalid, NotFound
from broker.ports import Database
from broker.sql import load

SQL = load("services.points", "town")
CODE_SECONDS = 180
"""How long a one-time code lives: long enough for a queue, short enough to be of no use in a photograph."""
PIN_TRIES = 5
"""Wrong PINs in a row after which a card is locked until staff unlock it."""
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Refusal(NamedTuple):
    """Why somebody was not recognised: a name for programs, a sentence for the till."""

    why: str
    explanation: str


class Presented(NamedTuple):
    """What the till was shown: a one-time code, or a card's number with the PIN that was typed."""

    code: str | None = None
    card: str | None = None
    pin: str | None = None


async def issue_code(database: Database, tenant: str, account: str, now: datetime) -> tuple[str, datetime]:
    """A new one-time code for a resident and when it ends. 128 random bits; the database holds their SHA-256."""
    code, expires = secrets.token_hex(16), now + timedelta(seconds=CODE_SECONDS)
    async with database.transaction(tenant) as tx:
        await tx.execute(SQL["add_code"], _digest(code), account, expires)
    return code, expires


async def issue_card(database: Database, tenant: str, account: str, pin: str) -> str:
    """A new card's number. Raises `Invalid` for a PIN that is not four to eight digits."""
    if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 8):
        raise Invalid("a PIN is four to eight digits", field="pin")
    number = "".join(str(secrets.randbelow(10)) for _ in range(24))
    async with database.transaction(tenant) as tx:
        await tx.execute(SQL["add_card"], _digest(number), account, _HASHER.hash(pin))
    return number


async def recognise(
    database: Database, tenant: str, presented: Presented, transfer: str, now: datetime
) -> str | Refusal:
    """The account of whoever showed this, for the transfer of that id.

    A code serves one transfer: asked again for the same one it answers the same (a till that retries), for any
    other it is refused. Wrong PINs are counted durably, whatever becomes of the payment.
    """
    if presented.code is not None:
        return await _by_code(database, tenant, presented.code, transfer, now)
    return await _by_card(database, tenant, presented.card or "", presented.pin or "", now)


async def _by_code(database: Database, tenant: str, code: str, transfer: str, now: datetime) -> str | Refusal:
    digest = _digest(code)
    async with database.transaction(tenant) as tx:
        row = await tx.fetchrow(SQL["code"], digest)
        if row is None:
            return Refusal("unknown-code", "このコードは使えません。アプリでコードを表示し直してください")
        account = str(row["account"])
        if row["used_by"] is not None:
            used = Refusal("code-used", "このコードは使用済みです。アプリでコードを表示し直してください")
            return account if row["used_by"] == transfer else used
        if row["expires_at"] <= now:
            return Refusal("code-expired", "コードの有効時間が過ぎました。アプリでコードを表示し直してください")
        await tx.execute(SQL["use_code"], digest, transfer)
    return account


async def _by_card(database: Database, tenant: str, card: str, pin: str, now: datetime) -> str | Refusal:
    digest = _digest(card)
    async with database.transaction(tenant) as tx:
        row = await tx.fetchrow(SQL["card"], digest)
        if row is None:
            return Refusal("unknown-card", "このカードは登録されていません")
        if row["locked_at"] is not None:
            return Refusal("card-locked", "暗証番号の誤りが続いたためカードを止めています。市の窓口へお知らせください")
        try:
            _HASHER.verify(row["pin_hash"], pin)
        except VerifyMismatchError:
            failures = row["failures"] + 1
            await tx.execute(SQL["card_result"], digest, failures, now if failures >= PIN_TRIES else None)
            if failures >= PIN_TRIES:
                return Refusal("card-locked", "暗証番号が違います。カードを止めました。市の窓口へお知らせください")
            return Refusal("wrong-pin", f"暗証番号が違います。あと{PIN_TRIES - failures}回でカードが止まります")
        if row["failures"]:
            await tx.execute(SQL["card_result"], digest, 0, None)
        return str(row["account"])


async def unlock_card(database: Database, tenant: str, card: str) -> None:
    """Let a locked card be used again (staff, after seeing its owner). Raises `NotFound`."""
    async with database.transaction(tenant) as tx:
        if await tx.execute(SQL["card_result"], _digest(card), 0, None) == "UPDATE 0":
            raise NotFound("there is no such card")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
