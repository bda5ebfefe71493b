"""Registering apps (RFC 7591) and looking after them (RFC 7592): what is open is granted at once, all else waits."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from access.defaults import GRANTED_AT_ONCE, SCOPES
from access.redirects import redirect_fault
from api_gateway.oauth.clients import hash_of
from api_gateway.oauth.grants import parse_jwks
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.oauth", "oauth")
_MOST_REDIRECTS = 20

Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class Metadata(BaseModel):
    """What an app says of itself (RFC 7591, 2). Fields that we do not know are ignored, as the RFC asks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f<>]+$")]
    redirect_uris: tuple[str, ...] = Field((), max_length=_MOST_REDIRECTS)
    grant_types: tuple[Literal["authorization_code", "refresh_token", "client_credentials"], ...] = (
        "authorization_code",
        "refresh_token",
    )
    response_types: tuple[Literal["code"], ...] = ("code",)
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] = (
        "client_secret_basic"  # noqa: S105 - the name of a method
    )
    scope: Text = "opendata:read"
    jwks: dict[str, Any] | None = None
    purpose: Text = ""
    post_logout_redirect_uris: tuple[str, ...] = Field((), max_length=_MOST_REDIRECTS)
    backchannel_logout_uri: str | None = None


class RegistrationRefused(Invalid):
    """What an app says of itself is wrong. `code` is RFC 7591's (3.2.2)."""

    def __init__(self, message: str, *, field: str, code: str = "invalid_client_metadata") -> None:
        super().__init__(message, field=field)
        self.code = code


def read_metadata(data: Any) -> Metadata:
    """The metadata in a request, checked. Raises `RegistrationRefused` that names the field."""
    try:
        metadata = Metadata.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise RegistrationRefused(f"{field}: {first['msg']}", field=field) from error
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(metadata, field):
            if fault := redirect_fault(uri):
                raise RegistrationRefused(f"{uri[:200]}: {fault}", field=field, code="invalid_redirect_uri")
    told = metadata.backchannel_logout_uri
    if told is not None and ((fault := redirect_fault(told)) or not told.startswith("http")):
        raise RegistrationRefused(fault or "this is an address of https", field="backchannel_logout_uri")
    if unknown := sorted(set(metadata.scope.split()) - SCOPES.keys()):
        raise RegistrationRefused(f"there is no scope {', '.join(unknown)[:200]}", field="scope")
    _check_coherence(metadata)
    return metadata


def _check_coherence(metadata: Metadata) -> None:
    grants, method = metadata.grant_types, metadata.token_endpoint_auth_method
    if "authorization_code" in grants and not metadata.redirect_uris:
        raise RegistrationRefused(
            "authorization_code needs at least one redirect URI", field="redirect_uris", code="invalid_redirect_uri"
        )
    if "client_credentials" in grants and method == "none":
        raise RegistrationRefused(
            "client_credentials needs an app that can keep a secret: choose another token_endpoint_auth_method",
            field="token_endpoint_auth_method",
        )
    if (metadata.jwks is not None) != (method == "private_key_jwt"):
        raise RegistrationRefused("jwks goes with private_key_jwt, and only with it", field="jwks")
    if metadata.jwks is not None:
        try:
            parse_jwks(metadata.jwks)
        except ValueError as error:
            raise RegistrationRefused(str(error), field="jwks") from error


async def register_app(tx: Transaction, tenant: str, metadata: Metadata, owner: str | None) -> dict[str, Any]:
    """Register, in the tenant's transaction, and return the answer of RFC 7591, 3.2.1; secrets are shown this once."""
    client_id, registration = f"{tenant}.{secrets.token_urlsafe(12)}", secrets.token_urlsafe(32)
    method = metadata.token_endpoint_auth_method
    secret = secrets.token_urlsafe(32) if method.startswith("client_secret") else None
    granted, pending = _divide(metadata.scope)
    jwks = json.dumps(parse_jwks(metadata.jwks)) if metadata.jwks is not None else None
    await tx.execute(_SQL["register_app"], client_id, metadata.client_name, hash_of(secret) if secret else None,
                     granted, list(metadata.grant_types), method, list(metadata.redirect_uris), jwks, pending,
                     metadata.purpose, owner, _digest(registration), list(metadata.post_logout_redirect_uris),
                     metadata.backchannel_logout_uri)  # fmt: skip
    made: dict[str, Any] = {"client_id": client_id, "registration_access_token": registration}
    if secret is not None:
        made |= {"client_secret": secret, "client_secret_expires_at": 0}
    return {**made, **_about(metadata, granted, pending)}


async def read_app(tx: Transaction, client_id: str, registration: str) -> dict[str, Any]:
    """What is registered (RFC 7592, 2.1). Raises `NotFound` for a wrong token as for a wrong id."""
    row = await tx.fetchrow(_SQL["registration"], client_id, _digest(registration))
    if row is None:
        raise NotFound("there is no such app, or the registration access token is not its own")
    return app_of(row)


async def update_app(tx: Transaction, client_id: str, registration: str, metadata: Metadata) -> dict[str, Any]:
    """Replace what is registered (RFC 7592, 2.2). Scopes once approved stay where they are asked for again."""
    known = await read_app(tx, client_id, registration)
    if metadata.token_endpoint_auth_method != known["token_endpoint_auth_method"]:
        raise RegistrationRefused("register anew to change how the app proves itself",
                                  field="token_endpoint_auth_method")  # fmt: skip
    asked = set(metadata.scope.split())
    granted = sorted(asked & (GRANTED_AT_ONCE | set(known["scope"].split())))
    pending = sorted(asked - set(granted))
    jwks = json.dumps(parse_jwks(metadata.jwks)) if metadata.jwks is not None else None
    await tx.execute(_SQL["update_app"], client_id, metadata.client_name, list(metadata.redirect_uris), jwks, pending,
                     metadata.purpose, granted, list(metadata.grant_types), list(metadata.post_logout_redirect_uris),
                     metadata.backchannel_logout_uri)  # fmt: skip
    return await read_app(tx, client_id, registration)


async def apps_of(tx: Transaction, owner: str) -> list[dict[str, Any]]:
    """The apps that a person registered, oldest first."""
    return [app_of(row) for row in await tx.fetch(_SQL["apps_of"], owner)]


async def new_secret(tx: Transaction, owner: str, client_id: str) -> str:
    """A new secret for one's own app; the old one is good no more. Raises `NotFound` and `Invalid`."""
    row = await tx.fetchrow(_SQL["own_app"], client_id, owner)
    if row is None:
        raise NotFound(f"you have no app {client_id}")
    if not row["auth_method"].startswith("client_secret"):
        raise Invalid("this app has no secret: it proves itself in another way", field="client_id")
    secret = secrets.token_urlsafe(32)
    await tx.execute(_SQL["new_secret"], client_id, hash_of(secret))
    return secret


def app_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored app as the API shows it; nothing secret."""
    shown = {
        "client_id": row["client_id"],
        "client_name": row["name"],
        "scope": " ".join(row["scopes"]),
        "pending_scope": " ".join(row["pending_scopes"]),
        "grant_types": list(row["grant_types"]),
        "redirect_uris": list(row["redirect_uris"]),
        "token_endpoint_auth_method": row["auth_method"],
        "purpose": row["purpose"],
        "status": row["status"],
        "client_id_issued_at": int(row["created_at"].timestamp()),
        **_logout(row["post_logout_redirect_uris"], row["backchannel_logout_uri"]),
    }
    return {**shown, "jwks": json.loads(row["jwks"])} if row["jwks"] else shown


def _logout(redirects: Sequence[str], told: str | None) -> dict[str, Any]:
    """What an app said of logging out; nothing where it said nothing."""
    shown: dict[str, Any] = {"post_logout_redirect_uris": list(redirects)} if redirects else {}
    return shown if told is None else {**shown, "backchannel_logout_uri": told}


def _about(metadata: Metadata, granted: list[str], pending: list[str]) -> dict[str, Any]:
    about = {
        "client_name": metadata.client_name,
        "redirect_uris": list(metadata.redirect_uris),
        "grant_types": list(metadata.grant_types),
        "response_types": list(metadata.response_types),
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "scope": " ".join(granted),
        "pending_scope": " ".join(pending),
        "purpose": metadata.purpose,
        **_logout(metadata.post_logout_redirect_uris, metadata.backchannel_logout_uri),
    }
    return {**about, "jwks": metadata.jwks} if metadata.jwks else about


def _divide(scope: str) -> tuple[list[str], list[str]]:
    asked = set(scope.split())
    return sorted(asked & GRANTED_AT_ONCE), sorted(asked - GRANTED_AT_ONCE)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
