"""Logging in at an outside provider: sending a browser there, believing what it brings back, and whose account it is.

A person is known again by the provider's `sub`, never by an e-mail address: who may write an address into a provider
would else take over the account that has it here.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from api_gateway.oauth.accounts import Accounts, Outside, Session, add_account
from api_gateway.oauth.ending import end_of_provider
from api_gateway.outside.provider import NotProved, Proved, Provider, read_id_token, read_logout_token
from api_gateway.outside.wire import Unreachable, Wire
from broker.errors import CityError, Conflict, Invalid, NotFound, Unavailable, UnknownTenant
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.outside", "logins")
_LIFETIME = timedelta(minutes=10)
_SCOPE = "openid profile email"
_NO_PASSWORD = "!"  # noqa: S105 - no hash at all: nothing that is typed fits it
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Turned(Exception):
    """The log-in ends here. `reason` is a word for the page; the message is for the audit trail."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class Begun(NamedTuple):
    """Where the browser goes, and what it must bring back in its cookie."""

    url: str
    browser: str


class Entered(NamedTuple):
    """A person who came back: the new session's cookie (None where only a link was made), and where they wanted to."""

    user_id: str
    cookie: str | None
    next: str


class _Taken(NamedTuple):
    nonce: str
    verifier: str
    next: str
    link_to: str | None


class OutsideLogins:
    """Over every tenant's providers, one tenant at a time. `issuer` is our own address."""

    def __init__(self, database: Database, accounts: Accounts, wire: Wire, issuer: str, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._wire = wire
        self._issuer = issuer
        self._clock = clock

    async def providers(self, tenant: str) -> list[dict[str, Any]]:
        """The providers one may choose among; none for a tenant that does not exist."""
        try:
            async with self._database.transaction(tenant) as tx:
                return [dict(row) for row in await tx.fetch(_SQL["providers"])]
        except UnknownTenant:
            return []

    async def begin(self, provider_id: str, browser: str, place: str, link_to: str | None) -> Begun:
        """Send a browser to the provider. `browser` is what its cookie holds already, if anything.

        `link_to` is the account that is to be linked. Raises `NotFound`, `Turned`.
        """
        provider = await self._provider(provider_id)
        browser = browser or secrets.token_urlsafe(32)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        try:
            description = await self._wire.description(provider)
        except (Unreachable, NotProved) as error:
            raise Turned("away", str(error)) from error
        now = self._clock()
        async with self._database.transaction(provider.tenant) as tx:
            await tx.execute(_SQL["forget_old"], now)
            asked = (_digest(state), _digest(browser), provider.id, nonce, verifier, place, link_to, now + _LIFETIME)
            await tx.execute(_SQL["begin"], *asked)
        challenge = create_s256_code_challenge(verifier)
        url = prepare_grant_uri(description.authorization_endpoint, provider.client_id, "code", self._back(provider),
                                _SCOPE, state, nonce=nonce, code_challenge=challenge,
                                code_challenge_method="S256")  # fmt: skip
        return Begun(url, browser)

    async def finish(
        self, provider_id: str, query: Mapping[str, str], browser: str, session: Session | None
    ) -> Entered:
        """Believe, or not, what a browser brings back. Raises `NotFound`, `Turned`."""
        provider = await self._provider(provider_id)
        taken = await self._take(provider, query.get("state", ""), browser)
        try:
            await self._check_answer(provider, query)
            proved, id_token, access_token = await self._prove(provider, taken, query.get("code", ""))
            if taken.link_to is not None:
                if session is None or session.person.id != taken.link_to:
                    raise Turned("expired", "the person who asked to link is no longer logged in")
                return await self._link(provider, proved, taken)
            return await self._enter(provider, proved, taken, id_token, access_token)
        except NotProved as error:
            raise Turned("failed", str(error)) from error
        except Unreachable as error:
            raise Turned("away", str(error)) from error

    async def logged_out(self, provider_id: str, token: str) -> list[str]:
        """End what a provider's logout token names; whose sessions those were.

        Raises `NotFound`, `NotProved`, and `Unavailable` where the provider's keys cannot be had now.
        """
        provider, now = await self._provider(provider_id), self._clock()
        try:
            try:
                ended = read_logout_token(provider, await self._wire.keys(provider), token, now=now)
            except NotProved:
                ended = read_logout_token(provider, await self._wire.keys(provider, again=True), token, now=now)
        except Unreachable as error:
            raise Unavailable(f"the provider does not show its keys: {error}") from error
        async with self._database.transaction(provider.tenant) as tx:
            if await tx.fetchval(_SQL["see_logout"], provider.id, ended.number, ended.expires) is None:
                raise NotProved("this logout token was used before")
            return await end_of_provider(tx, provider.id, ended.session, ended.subject, now)

    async def after_logout(self, session: Session) -> str | None:
        """Where a browser goes to end its session at the provider too (RP-Initiated Logout 1.0); None: nowhere."""
        if session.provider_id is None or session.id_token is None:
            return None
        try:
            provider = await self._provider(session.provider_id)
            place = (await self._wire.description(provider)).end_session_endpoint
        except (CityError, Unreachable, NotProved):
            return None  # logged out here all the same
        if place is None:
            return None
        asked = {"id_token_hint": session.id_token, "client_id": provider.client_id,
                 "post_logout_redirect_uri": f"{self._issuer}/login.html"}  # fmt: skip
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"

    async def _provider(self, provider_id: str) -> Provider:
        tenant, dot, rest = provider_id.partition(".")
        row: Any = None
        if dot and _NAME.fullmatch(rest):
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["provider"], provider_id)
        if row is None:
            raise NotFound("there is no such provider")
        return Provider(tenant, **dict(row))

    def _back(self, provider: Provider) -> str:
        """A redirect URI for each provider: one's answer cannot be passed off as another's (RFC 9700, 4.4.2)."""
        return f"{self._issuer}/account/outside/{provider.id}/callback"

    async def _take(self, provider: Provider, state: str, browser: str) -> _Taken:
        """Use the state up; only the browser that was sent away has the other half of it."""
        async with self._database.transaction(provider.tenant) as tx:
            row = await tx.fetchrow(_SQL["take"], _digest(state), _digest(browser), provider.id)
        if row is None or row["expires_at"] <= self._clock():
            raise Turned("expired", "the answer belongs to no log-in under way in this browser")
        return _Taken(row["nonce"], row["verifier"], row["next"], row["link_to"])

    async def _check_answer(self, provider: Provider, query: Mapping[str, str]) -> None:
        """Whose answer it is (RFC 9207), and whether it is a refusal."""
        described = await self._wire.description(provider)
        named = query.get("iss")
        if (described.names_issuer or named is not None) and named != provider.issuer:
            raise NotProved("the answer names another issuer, or none")
        if "error" in query:
            raise Turned("refused", f"the provider answered {query['error'][:100]}")
        if not query.get("code"):
            raise NotProved("the answer has no code")

    async def _prove(self, provider: Provider, taken: _Taken, code: str) -> tuple[Proved, str, str]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._back(provider),
                "code_verifier": taken.verifier}  # fmt: skip
        id_token, access_token = await self._wire.redeem(provider, form)
        now = int(self._clock().timestamp())

        async def read(*, again: bool) -> Proved:
            keys = await self._wire.keys(provider, again=again)
            return read_id_token(provider, keys, id_token, nonce=taken.nonce, access_token=access_token, now=now)

        try:
            return await read(again=False), id_token, access_token
        except NotProved:  # perhaps signed with a key that is newer than those we remember
            return await read(again=True), id_token, access_token

    async def _link(self, provider: Provider, proved: Proved, taken: _Taken) -> Entered:
        assert taken.link_to is not None, "asked only about a link"
        async with self._database.transaction(provider.tenant) as tx:
            known = await tx.fetchrow(_SQL["known"], provider.id, proved.subject)
            if known is not None and known["id"] != taken.link_to:
                raise Turned("taken", "this person of the provider is linked to another account")
            await tx.execute(_SQL["link"], provider.id, proved.subject, taken.link_to, self._clock())
        return Entered(taken.link_to, None, taken.next)

    async def _enter(
        self, provider: Provider, proved: Proved, taken: _Taken, id_token: str, access_token: str
    ) -> Entered:
        async with self._database.transaction(provider.tenant) as tx:
            known = await tx.fetchrow(_SQL["known"], provider.id, proved.subject)
        if known is not None and known["status"] != "active":
            raise Turned("suspended", "the account is suspended")
        if known is None and not provider.opens_accounts:
            raise Turned("unknown", "no account here is linked with this person of the provider")
        about = None if known is not None else await self._wire.about(provider, proved, access_token)
        outside = Outside(provider.id, proved.subject, proved.session, id_token)
        try:
            async with self._database.transaction(provider.tenant) as tx:
                user_id = known["id"] if about is None else await self._open_account(tx, provider, proved, *about)
                cookie = await self._accounts.open(tx, user_id, second_factor=proved.second_factor, outside=outside)
        except Conflict as error:
            raise Turned("address", "an account here has this address: log in to it and link it") from error
        return Entered(user_id, cookie, taken.next)

    async def _open_account(
        self, tx: Transaction, provider: Provider, proved: Proved, name: str, email: str | None
    ) -> str:
        """An account without a password and without roles. An address that an account has already is not taken over
        (the transaction ends with `Conflict`)."""
        stand_in = f"{hashlib.sha256(f'{provider.id} {proved.subject}'.encode()).hexdigest()[:24]}@outside.invalid"
        login = (email or stand_in).strip().lower()
        user_id = await add_account(tx, provider.tenant, login, name, _NO_PASSWORD, ())
        if await tx.fetchval(_SQL["link"], provider.id, proved.subject, user_id, self._clock()) is None:
            raise Turned("expired", "the same person came twice at once")
        return user_id


async def links_of(tx: Transaction, user_id: str) -> list[dict[str, Any]]:
    """With whom an account is linked."""
    return [dict(row) for row in await tx.fetch(_SQL["links"], user_id)]


async def unlink(tx: Transaction, user_id: str, provider_id: str) -> None:
    """Take a link away. Raises `NotFound`, and `Conflict` where nothing else would open the account."""
    if not await tx.fetchval(_SQL["has_password"], user_id) and len(await links_of(tx, user_id)) < 2:
        raise Conflict("nothing else opens this account: set a password first (forgotten password)")
    if not await tx.fetch(_SQL["unlink"], provider_id, user_id):
        raise NotFound("this account is not linked with that provider")


async def add_provider(
    tx: Transaction,
    tenant: str,
    name: str,
    *,
    title: str,
    issuer: str,
    client_id: str,
    client_secret: str,
    opens_accounts: bool,
    trusts_mfa: bool,
) -> str:
    """Let people of `tenant` log in there; returns the provider's id. Raises `Invalid`, `Conflict`, `UnknownTenant`."""
    if not _NAME.fullmatch(name):
        raise Invalid("a provider's name has small letters, digits and hyphens, such as kencho", field="name")
    if not issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise Invalid(f"{issuer[:200]!r} is no https address", field="issuer")
    made = await tx.fetchval(
        _SQL["add_provider"], tenant, name, title, issuer, client_id, client_secret, opens_accounts, trusts_mfa
    )
    if made is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")
    return str(made)


async def list_providers(tx: Transaction) -> list[dict[str, Any]]:
    """Every provider with how many people log in there; no secrets."""
    return [dict(row) for row in await tx.fetch(_SQL["list_providers"])]


async def set_provider_status(tx: Transaction, provider_id: str, status: str) -> None:
    """Suspend a provider, or let people log in there again. Raises `NotFound`."""
    if await tx.fetchval(_SQL["set_status"], provider_id, status) is None:
        raise NotFound(f"there is no provider {provider_id}")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
