"""People's accounts: signing up, logging in with a password and a one-time code, and the session that follows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from access.defaults import ROLES
from access.people import is_staff, lock_after, password_fault, scopes_of
from api_gateway.errors import Unauthenticated
from api_gateway.oauth.ending import end_all, end_session
from broker.errors import Conflict, Forbidden, Invalid, NotFound, UnknownTenant
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.oauth", "accounts")
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
_TOTP_SECONDS = 30
_LIFETIME, _IDLE = timedelta(hours=12), timedelta(hours=1)
_HASHES_AT_ONCE = 2
REFUSED = "this address, password or code is wrong, or there were too many attempts; wait a while and try again"


class Person(NamedTuple):
    """Somebody with an account."""

    tenant: str
    id: str
    login: str
    name: str
    roles: frozenset[str]
    has_second_factor: bool
    email_verified: bool = False

    def get_user_id(self) -> str:
        """The name by which Authlib asks."""
        return self.id


class Session(NamedTuple):
    """A person's log-in: `csrf` must come with whatever changes something; `grant` names the tokens made from it.

    `session_id` is its name in ID tokens (sid). One that began at an outside provider keeps what that said of it.
    """

    person: Person
    csrf: str
    grant: str
    second_factor: bool
    since: datetime
    session_id: str
    provider_id: str | None = None
    id_token: str | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """What this person may hand to an app now."""
        return scopes_of(self.person.roles, second_factor=self.second_factor)

    @property
    def second_factor_due(self) -> bool:
        """Whether the municipality's own people must still show a one-time code."""
        return is_staff(self.person.roles) and not self.second_factor


class Outside(NamedTuple):
    """What an outside provider said of a log-in: its name there, and the token that proves it."""

    provider_id: str
    subject: str
    session: str | None
    id_token: str


class Accounts:
    """The accounts of every tenant, one tenant at a time. Passwords are hashed in threads, two at once at most."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    async def create(self, tenant: str, login: str, name: str, password: str, roles: Iterable[str] = ()) -> str:
        """Make an account and return its id. Raises `Invalid`, `Conflict` (the address is taken), `UnknownTenant`."""
        login = _login(login)
        if fault := password_fault(password, login):
            raise Invalid(fault, field="password")
        hashed = await self.hash_password(password)
        async with self._database.transaction(tenant) as tx:
            return await add_account(tx, tenant, login, name, hashed, roles)

    async def log_in(self, tenant: str, login: str, password: str, code: str | None) -> str:
        """Check what a person knows and holds, and return the cookie of a new session.

        Every failure looks the same. The attempt is counted before the password is looked at, so that many at once
        do not outrun the lock. Raises `Unauthenticated`; with error ``code_needed`` where only the code is missing.
        """
        now = self._clock()
        account = await self._attempt(tenant, login.strip().lower(), now)
        good = await self._verify(account["password_hash"] if account else _NOBODY, password)
        if account is None or not good:
            raise Unauthenticated(REFUSED, error="refused")
        if account["totp_confirmed"] and not code:
            # Taken back, not forgiven: else asking without a code between guesses at the code would undo the count.
            await self._undo_attempt(tenant, account["id"])
            raise Unauthenticated("the one-time code of your authenticator is needed too", error="code_needed")
        kept = account["password_hash"]
        if _HASHER.check_needs_rehash(kept):
            kept = await self.hash_password(password)
        async with self._database.transaction(tenant) as tx:
            if account["totp_confirmed"] and not await _take_code(tx, account["id"], code or "", now):
                raise Unauthenticated(REFUSED, error="refused")
            await tx.execute(_SQL["succeeded"], account["id"], kept)
            return await self.open(tx, account["id"], second_factor=account["totp_confirmed"])

    async def knows_password(self, tenant: str, login: str, password: str) -> bool:
        """Whether this is the account's password; a wrong one counts as a failed log-in, and locks like one."""
        account = await self._attempt(tenant, login, self._clock())
        if account is None or not await self._verify(account["password_hash"], password):
            return False
        await self._undo_attempt(tenant, account["id"])
        return True

    async def session(self, cookie: str | None) -> Session | None:
        """The session that a cookie stands for, or None where it is unknown, ended, or an hour unused."""
        tenant, _, rest = (cookie or "").partition(".")
        if not rest or not cookie or not cookie.isascii() or "\x00" in cookie:
            return None
        now = self._clock()
        try:
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["session"], _digest(cookie), now, now - _IDLE)
                if row is not None:
                    await tx.execute(_SQL["used_session"], _digest(cookie), now)
        except UnknownTenant:
            return None
        if row is None:
            return None
        person = Person(tenant, row["id"], row["login"], row["name"], frozenset(row["roles"]), row["totp_confirmed"])
        about = (row["csrf"], row["grant_id"], row["second_factor"], row["created_at"], row["session_id"])
        return Session(person, *about, row["provider_id"], row["id_token"])

    async def log_out(self, session: Session, cookie: str) -> None:
        """End the session and call back the tokens made from it."""
        async with self._database.transaction(session.person.tenant) as tx:
            await end_session(tx, session.person.tenant, _digest(cookie), self._clock())

    async def offer_second_factor(self, session: Session) -> str:
        """A new secret as an ``otpauth:`` address for an authenticator. Raises `Conflict` where one is in use."""
        person, secret = session.person, pyotp.random_base32()
        async with self._database.transaction(person.tenant) as tx:
            if await tx.fetchval(_SQL["offer_totp"], person.id, secret) is None:
                raise Conflict("this account has a second factor already")
        return pyotp.TOTP(secret).provisioning_uri(name=person.login, issuer_name=f"City OS {person.tenant}")

    async def confirm_second_factor(self, session: Session, cookie: str, code: str) -> None:
        """Turn the offered secret on, once a code shows that the authenticator has it. Raises `Invalid`."""
        person = session.person
        if person.has_second_factor:
            raise Conflict("this account has a second factor already")
        async with self._database.transaction(person.tenant) as tx:
            if not await _take_code(tx, person.id, code, self._clock()):
                raise Invalid("the code is wrong, or too old: enter the one shown now", field="code")
            await tx.execute(_SQL["confirm_totp"], person.id)
            await tx.execute(_SQL["strengthen"], _digest(cookie))

    async def show_second_factor(self, session: Session, cookie: str, code: str) -> None:
        """Count this session, opened without one, as one with a second factor. Raises `Unauthenticated`.

        A wrong code counts as a failed log-in, and locks like one.
        """
        person = session.person
        account = await self._attempt(person.tenant, person.login, self._clock())
        if account is None or not account["totp_confirmed"]:
            raise Unauthenticated(REFUSED, error="refused")
        async with self._database.transaction(person.tenant) as tx:
            if not await _take_code(tx, person.id, code, self._clock()):
                raise Unauthenticated(REFUSED, error="refused")
            await tx.execute(_SQL["undo_attempt"], person.id)
            await tx.execute(_SQL["strengthen"], _digest(cookie))

    async def find(self, tenant: str, user_id: str) -> Person | None:
        """The active account of that id, or None."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.fetchrow(_SQL["by_id"], user_id)
        if row is None or row["status"] != "active":
            return None
        roles = frozenset(row["roles"])
        return Person(tenant, row["id"], row["login"], row["name"], roles, row["totp_confirmed"], row["email_verified"])

    async def _attempt(self, tenant: str, login: str, now: datetime) -> Any:
        """The account, with this attempt counted; None where there is none or it is not open to attempts now."""
        if "\x00" in login:
            return None
        try:
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["by_login"], login)
                if row is None or row["status"] != "active" or (row["locked_until"] and row["locked_until"] > now):
                    return None
                lock = lock_after(row["failures"] + 1)
                await tx.execute(_SQL["attempt"], row["id"], now + lock if lock else None)
                return row
        except UnknownTenant:
            return None

    async def _undo_attempt(self, tenant: str, user_id: str) -> None:
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_SQL["undo_attempt"], user_id)

    async def open(self, tx: Transaction, user_id: str, *, second_factor: bool, outside: Outside | None = None) -> str:
        """Begin a session of an account whose person has proved who they are; returns its cookie."""
        now, tenant = self._clock(), user_id.partition(".")[0]
        cookie = f"{tenant}.{secrets.token_urlsafe(32)}"
        csrf, grant = secrets.token_urlsafe(24), secrets.token_urlsafe(16)
        parameters = (_digest(cookie), user_id, csrf, grant, second_factor, now, now + _LIFETIME)
        await tx.execute(_SQL["add_session"], *parameters, *(outside or (None,) * 4))
        return cookie

    async def hash_password(self, password: str) -> str:
        """How it is kept: argon2id, in a thread."""
        async with self._hashing:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def _verify(self, hashed: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(_HASHER.verify, hashed, password)
            except (VerificationError, InvalidHashError):
                return False


async def add_account(
    tx: Transaction, tenant: str, login: str, name: str, password_hash: str, roles: Iterable[str]
) -> str:
    """Store an account. Raises `Invalid` for a role that does not exist, `Conflict` for an address that is taken."""
    wanted = sorted(set(roles))
    check_roles(wanted)
    user_id = f"{tenant}.{secrets.token_urlsafe(12)}"
    if await tx.fetchval(_SQL["add"], tenant, user_id, login, name, password_hash, wanted) is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")
    return user_id


def check_roles(roles: Iterable[str]) -> None:
    """Raises `Invalid` for a role that does not exist."""
    if unknown := [role for role in roles if role not in ROLES]:
        raise Invalid(f"there is no role {', '.join(unknown)}; there are {', '.join(ROLES)}", field="roles")


async def list_accounts(tx: Transaction, *, after: str, limit: int) -> list[dict[str, Any]]:
    """The tenant's accounts in order of id, after the id `after`; nothing secret."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], after, limit)]


async def change_account(tx: Transaction, user_id: str, roles: list[str], status: str, now: datetime) -> None:
    """Set roles and status, and end every session and grant of the account: what was handed out is asked for again."""
    check_roles(roles)
    if await tx.fetchval(_SQL["change"], user_id, sorted(set(roles)), status) is None:
        raise NotFound(f"there is no account {user_id}")
    await end_all(tx, user_id, now)


def check_csrf(session: Session, sent: str | None) -> None:
    """Raises `Forbidden` unless the request carries the session's own token: another site cannot know it."""
    if not hmac.compare_digest(session.csrf.encode(), (sent or "").encode("utf-8", "replace")):
        raise Forbidden("the header X-CSRF-Token must carry the csrf value of /account/session")


async def _take_code(tx: Transaction, user_id: str, code: str, now: datetime) -> bool:
    """Whether the code is good now (or was half a minute ago), and had not been used."""
    secret = await tx.fetchval(_SQL["totp_secret"], user_id)
    if secret is None or not (code.isascii() and code.isdigit()):
        return False
    step = int(now.timestamp()) // _TOTP_SECONDS
    totp = pyotp.TOTP(secret)
    for candidate in (step, step - 1, step + 1):
        if hmac.compare_digest(totp.at(candidate * _TOTP_SECONDS), code):
            return await tx.fetchval(_SQL["take_step"], user_id, candidate) is not None
    return False


def _login(text: str) -> str:
    login = text.strip().lower()
    name, at, domain = login.partition("@")
    if not (name and at and "." in domain and len(login) <= 254 and login.isprintable() and " " not in login):
        raise Invalid(f"{text[:80]!r} is no e-mail address", field="login")
    return login


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
