"""Passwords changed and forgotten, and addresses confirmed: links by mail, each good once and for a short time.

Whoever asks learns nothing of which addresses have an account: every request is answered alike; what there is to say
goes to the mailbox.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from access.people import password_fault
from api_gateway.errors import Unauthenticated
from api_gateway.oauth.accounts import REFUSED, Accounts, Session
from api_gateway.oauth.ending import end_all
from broker.delivery.notice import Notice
from broker.delivery.queue import mail_to
from broker.errors import Conflict, Invalid, UnknownTenant
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock
from schemas.river import Mode

Purpose = Literal["confirm", "reset"]

_SQL = load("api_gateway.oauth", "recovery")
_LIFETIME = {"confirm": timedelta(days=1), "reset": timedelta(hours=1)}
_NOT_AGAIN = timedelta(minutes=1)
_STALE = "this link was used already, or is too old; ask for a new one"


class _Words(NamedTuple):
    subject: str
    text: str


_WORDS = {
    "confirm": _Words(
        "メールアドレスの確認 / Confirm your address",
        "登録を終えるには、24時間以内に次の場所を開いてください。心当たりがなければ、何もしないでください。\n"
        "Open this within 24 hours to finish signing up. If it was not you, do nothing.\n\n{link}\n",
    ),
    "reset": _Words(
        "パスワードの再設定 / A new password",
        "新しいパスワードは、1時間以内に次の場所で決めてください。心当たりがなければ、何もしないでください。\n"
        "Set a new password here within an hour. If it was not you, do nothing.\n\n{link}\n",
    ),
    "known": _Words(
        "登録について / About signing up",
        "このアドレスの利用者は、すでに登録されています。パスワードを忘れたときは、次の場所から再設定できます。\n"
        "This address has an account already. If you forgot its password, set a new one here.\n\n{link}\n",
    ),
}


class Recovery:
    """Over the accounts of every tenant, one tenant at a time. `url` is where people reach the pages."""

    def __init__(self, database: Database, accounts: Accounts, url: str, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._url = url
        self._clock = clock

    async def sign_up(self, tenant: str, login: str, name: str, password: str) -> None:
        """Make an account that waits for its address to be confirmed, or tell the mailbox that there is one already.

        Raises `Invalid` for what is wrong whoever asks, `UnknownTenant`.
        """
        try:
            user_id = await self._accounts.create(tenant, login, name, password)
        except Conflict:
            async with self._database.transaction(tenant) as tx:
                await self._mail(tx, tenant, login.strip().lower(), "known", f"{self._url}/login.html?forgotten")
            return
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_SQL["unconfirm"], user_id)
        await self.send_link(tenant, login, "confirm")

    async def send_link(self, tenant: str, login: str, purpose: Purpose) -> None:
        """Send a link to that address if an account has it; at most one a minute for each account."""
        login, now = login.strip().lower(), self._clock()
        if "\x00" in login:
            return
        try:
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["to_mail"], login, purpose, now - _NOT_AGAIN)
                if row is None or row["lately"] or row["status"] == "suspended":
                    return
                token = f"{tenant}.{secrets.token_urlsafe(32)}"
                await tx.execute(_SQL["add_link"], _digest(token), row["id"], purpose, now, now + _LIFETIME[purpose])
                # Behind the #, where no server and no Referer sees it.
                await self._mail(tx, tenant, login, purpose, f"{self._url}/login.html#{purpose}={token}")
        except UnknownTenant:
            return

    async def confirm(self, token: str) -> str:
        """Take the link's word that the address is theirs; returns the account's id. Raises `Invalid`."""
        now, tenant = self._clock(), _tenant_of(token)
        async with self._database.transaction(tenant) as tx:
            user_id, _ = await _take(tx, token, "confirm", now)
            await tx.execute(_SQL["confirm"], user_id)
        return user_id

    async def renew(self, token: str, password: str) -> str:
        """Set the password by a link, ending every session, grant and other link; returns the account's id.

        A second factor stays: a mailbox alone does not take over a member of staff. Raises `Invalid`.
        """
        now, tenant = self._clock(), _tenant_of(token)
        async with self._database.transaction(tenant) as tx:
            row = await tx.fetchrow(_SQL["link"], _digest(token), "reset", now)
        if row is None:
            raise Invalid(_STALE, field="token")
        hashed = await self._good(password, row["login"])
        async with self._database.transaction(tenant) as tx:
            user_id, _ = await _take(tx, token, "reset", now)
            await tx.execute(_SQL["confirm"], user_id)
            await self._set(tx, user_id, hashed, now)
        return user_id

    async def change(self, session: Session, current: str, password: str) -> None:
        """Change one's own password, ending every session and grant, this one too.

        A wrong current password counts as a failed log-in. Raises `Unauthenticated`, `Invalid`.
        """
        person = session.person
        if not await self._accounts.knows_password(person.tenant, person.login, current):
            raise Unauthenticated(REFUSED, error="refused")
        hashed = await self._good(password, person.login)
        async with self._database.transaction(person.tenant) as tx:
            await self._set(tx, person.id, hashed, self._clock())

    async def _good(self, password: str, login: str) -> str:
        if fault := password_fault(password, login):
            raise Invalid(fault, field="password")
        return await self._accounts.hash_password(password)

    async def _set(self, tx: Transaction, user_id: str, hashed: str, now: datetime) -> None:
        await tx.execute(_SQL["set_password"], user_id, hashed)
        await tx.execute(_SQL["end_links"], user_id, now)
        await end_all(tx, user_id, now)

    async def _mail(self, tx: Transaction, tenant: str, login: str, kind: str, link: str) -> None:
        words = _WORDS[kind]
        number = f"account:{secrets.token_urlsafe(12)}"
        text = words.text.format(link=link)
        notice = Notice(id=number, kind="account", mode=Mode.ACTUAL, subject=words.subject, text=text, body={})
        await mail_to(tx, tenant, login, notice, at=self._clock())


async def _take(tx: Transaction, token: str, purpose: Purpose, now: datetime) -> tuple[str, str]:
    """The account's id and login, with the link used up. Raises `Invalid`."""
    row = await tx.fetchrow(_SQL["link"], _digest(token), purpose, now)
    if row is None or row["status"] == "suspended" or await tx.fetchval(_SQL["use_link"], _digest(token), now) is None:
        raise Invalid(_STALE, field="token")
    return row["user_id"], row["login"]


def _tenant_of(token: str) -> str:
    tenant, dot, rest = token.partition(".")
    if not (dot and rest and token.isascii() and token.isprintable()):
        raise Invalid(_STALE, field="token")
    return tenant


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
