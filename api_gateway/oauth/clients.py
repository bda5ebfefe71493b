"""Apps that may get tokens. Secrets are made by us, with 256 random bits, and kept only as SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from access.defaults import SCOPES
from access.redirects import may_redirect
from broker.errors import Invalid, NotFound, UnknownTenant
from broker.ports import Database, Transaction
from broker.sql import load

_SQL = load("api_gateway.oauth", "oauth")
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
AUTH_METHODS = (*SECRET_METHODS, "private_key_jwt", "none")


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]
    """A client as Authlib's grants ask about it."""

    client_id: str
    tenant: str
    name: str
    secret_hash: bytes | None
    scopes: frozenset[str]
    grant_types: frozenset[str]
    auth_method: str = "client_secret_basic"
    redirect_uris: tuple[str, ...] = ()
    jwks: dict[str, Any] | None = None
    logout_uris: tuple[str, ...] = ()

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        """Of the scopes asked for those granted to this client; all of them where none was asked for."""
        asked = set(scope.split()) if scope else self.scopes
        return " ".join(sorted(self.scopes & asked))

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret_hash is not None and hmac.compare_digest(self.secret_hash, hash_of(client_secret))

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """A secret may come in either of the two ways; nothing else stands in for the method registered."""
        if self.auth_method in SECRET_METHODS:
            return method in SECRET_METHODS
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.grant_types

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return may_redirect(self.redirect_uris, redirect_uri)

    def get_default_redirect_uri(self) -> str | None:
        """None: an authorisation request must name its redirect URI (OAuth 2.1, 4.1.1 where several are registered)."""
        return None

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


async def register_client(tx: Transaction, tenant: str, name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Register an app of `tenant` and return its id and its secret, which is shown this once and never again.

    Raises `Invalid` for a scope that does not exist and `UnknownTenant`. `tx` is the system's or the tenant's own
    where that role may insert.
    """
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise Invalid(f"there is no scope {', '.join(unknown)}; there are {', '.join(SCOPES)}", field="scopes")
    client_id = f"{tenant}.{secrets.token_urlsafe(12)}"
    secret = secrets.token_urlsafe(32)
    if await tx.fetchval(_SQL["add_client"], tenant, client_id, name, hash_of(secret), wanted) is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")
    return client_id, secret


async def find_client(database: Database, client_id: str) -> Client:
    """The active client of that id, or one that no secret opens: who guesses learns nothing from the answer."""
    tenant, _, rest = client_id.partition(".")
    row: Any = None
    if rest and "\x00" not in client_id:
        try:
            async with database.transaction(tenant) as tx:
                row = await tx.fetchrow(_SQL["client"], client_id)
        except NotFound:
            row = None
    if row is None or row["status"] != "active":
        return Client(client_id, tenant, "", secrets.token_bytes(32), frozenset(), frozenset())
    scopes, grants = frozenset(row["scopes"]), frozenset(row["grant_types"])
    jwks = json.loads(row["jwks"]) if row["jwks"] else None
    uris, after = tuple(row["redirect_uris"]), tuple(row["post_logout_redirect_uris"])
    about = (row["name"], row["secret_hash"], scopes, grants, row["auth_method"], uris, jwks, after)
    return Client(client_id, tenant, *about)


def hash_of(secret: str) -> bytes:
    """SHA-256 of a secret of 256 random bits that we made ourselves."""
    return hashlib.sha256(secret.encode()).digest()
