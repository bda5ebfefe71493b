"""Codes and refresh tokens: kept as hashes, each good once; whoever shows one again ends the whole grant."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from api_gateway.oauth.ending import revoke
from broker.errors import UnknownTenant
from broker.ports import Database
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.oauth", "oauth")
_CODE_LIFETIME = timedelta(minutes=1)
_REFRESH_LIFETIME = timedelta(days=30)


class Grant(NamedTuple):
    """What a person allowed an app: the base of a code, of refresh tokens, and of the access tokens made from them."""

    tenant: str
    id: str
    client_id: str
    user_id: str
    scope: str
    authenticated_at: datetime
    digest: bytes
    redirect_uri: str = ""
    code_challenge: str = ""
    nonce: str | None = None
    expires_at: datetime | None = None
    ended: bool = False
    session_id: str | None = None
    second_factor: bool = False

    @property
    def code_challenge_method(self) -> str:
        """The only one there is."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """The names by which Authlib asks."""
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: Any) -> bool:
        return bool(client.get_client_id() == self.client_id)


class Vault:
    """Keeps them, one tenant at a time. A code or token is ``TENANT.RANDOM``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add_code(self, code: str, grant: Grant) -> None:
        """Keep a code for a minute."""
        expires = self._clock() + _CODE_LIFETIME
        async with self._database.transaction(grant.tenant) as tx:
            await tx.execute(_SQL["add_code"], digest_of(code), grant.client_id, grant.user_id, grant.id,
                             grant.redirect_uri, grant.scope, grant.nonce, grant.code_challenge,
                             grant.authenticated_at, expires, grant.session_id, grant.second_factor)  # fmt: skip
            await tx.execute(_SQL["add_session_client"], grant.session_id, grant.client_id)

    async def find_code(self, code: str, client_id: str) -> Grant | None:
        """What the code stands for, or None. A code shown a second time ends what came of it (RFC 6749, 4.1.2)."""
        tenant, now = _tenant_of(code), self._clock()
        if tenant is None or tenant != _tenant_of(client_id):
            return None
        async with self._database.transaction(tenant) as tx:
            row = await tx.fetchrow(_SQL["code"], digest_of(code), client_id)
        if row is None or row["expires_at"] <= now:
            return None
        if row["used_at"] is not None:
            await self.end(tenant, row["grant_id"])
            return None
        return Grant(tenant, row["grant_id"], client_id, row["user_id"], row["scope"], row["authenticated_at"],
                     digest_of(code), row["redirect_uri"], row["challenge"], row["nonce"], row["expires_at"],
                     session_id=row["session_id"], second_factor=row["second_factor"])  # fmt: skip

    async def use_code(self, grant: Grant) -> bool:
        """Use the code up. False, and the end of the grant, where somebody was quicker."""
        return await self._use("use_code", grant)

    async def add_refresh(self, grant: Grant) -> str:
        """A new refresh token of the grant, good for thirty days."""
        token = f"{grant.tenant}.{secrets.token_urlsafe(32)}"
        expires = self._clock() + _REFRESH_LIFETIME
        async with self._database.transaction(grant.tenant) as tx:
            await tx.execute(_SQL["add_refresh"], digest_of(token), grant.id, grant.client_id, grant.user_id,
                             grant.scope, grant.authenticated_at, expires, grant.session_id,
                             grant.second_factor)  # fmt: skip
        return token

    async def find_refresh(self, token: str) -> Grant | None:
        """What the refresh token stands for, whatever became of it (`ended`), or None where it is unknown."""
        tenant = _tenant_of(token)
        if tenant is None:
            return None
        try:
            async with self._database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["refresh"], digest_of(token))
        except UnknownTenant:
            return None
        if row is None:
            return None
        ended = bool(row["used_at"] or row["revoked_at"]) or row["expires_at"] <= self._clock()
        return Grant(tenant, row["grant_id"], row["client_id"], row["user_id"], row["scope"], row["authenticated_at"],
                     digest_of(token), expires_at=row["expires_at"], ended=ended, session_id=row["session_id"],
                     second_factor=row["second_factor"])  # fmt: skip

    async def use_refresh(self, grant: Grant) -> bool:
        """Use the token up. False, and the end of the grant, where it had been used already."""
        return await self._use("use_refresh", grant)

    async def end(self, tenant: str, grant_id: str) -> None:
        """End a grant: its refresh tokens, and its access tokens wherever they are."""
        now = self._clock()
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_SQL["end_grant"], grant_id, now)
            await revoke(tx, [grant_id], now)

    async def revoke_token(self, tenant: str, jti: str) -> None:
        """Call back one access token."""
        async with self._database.transaction(tenant) as tx:
            await revoke(tx, [jti], self._clock())

    async def see_assertion(self, client_id: str, jti: str, expires: datetime) -> bool:
        """Whether a client's assertion is seen for the first time."""
        tenant = _tenant_of(client_id)
        assert tenant is not None, "asked only about clients that exist"
        async with self._database.transaction(tenant) as tx:
            return await tx.fetchval(_SQL["see_assertion"], client_id, jti, expires) is not None

    async def _use(self, statement: str, grant: Grant) -> bool:
        async with self._database.transaction(grant.tenant) as tx:
            if await tx.fetchval(_SQL[statement], grant.digest, self._clock()) is not None:
                return True
        await self.end(grant.tenant, grant.id)
        return False


def digest_of(secret: str) -> bytes:
    """How codes and tokens are kept: SHA-256, enough for what we made of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _tenant_of(name: str) -> str | None:
    tenant, dot, rest = name.partition(".")
    return tenant if dot and rest and name.isascii() and name.isprintable() else None
