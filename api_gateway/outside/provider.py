"""An outside OpenID provider: what it says of itself and of people, believed when it is proved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api_gateway.oauth.logout_channel import EVENT

ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]
"""How a provider may sign: with its own key. Neither a shared secret nor no signature at all."""
_LEEWAY = 60
_LONGEST_NAME = 255
_KEY_TYPES = ("EC", "RSA", "OKP")


class NotProved(Exception):
    """What came from the provider, or with a browser from there, does not hold; says why."""


class Provider(NamedTuple):
    """A provider that the municipality has chosen. `id` is TENANT.NAME."""

    tenant: str
    id: str
    title: str
    issuer: str
    client_id: str
    client_secret: str
    opens_accounts: bool = False
    trusts_mfa: bool = False


class Description(NamedTuple):
    """What a provider says of itself (OpenID Connect Discovery 1.0, 3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    userinfo_endpoint: str | None
    auth_method: str
    names_issuer: bool


class Proved(NamedTuple):
    """Whom the provider vouches for, and the session there."""

    subject: str
    session: str | None
    second_factor: bool


class Ended(NamedTuple):
    """A log-out at the provider: one session there, or all of one person's. `number` is good once."""

    session: str | None
    subject: str | None
    number: str
    expires: datetime


def read_description(provider: Provider, document: Any) -> Description:
    """Checks that the document is the issuer's own (4.3) and that all its addresses are as safe as the issuer's."""
    if not isinstance(document, Mapping) or document.get("issuer") != provider.issuer:
        raise NotProved(f"the description at {provider.issuer} is of another issuer")
    tls = urlsplit(provider.issuer).scheme == "https"

    def address(name: str) -> str | None:
        found = document.get(name)
        if found is None:
            return None
        if not isinstance(found, str) or not found.startswith("https://" if tls else ("https://", "http://")):
            raise NotProved(f"{name} in the description of {provider.issuer} is no address to be trusted")
        return found

    needed = [address(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    authorize, token, keys = needed
    if authorize is None or token is None or keys is None:
        raise NotProved(f"the description of {provider.issuer} lacks an endpoint")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
    names = document.get("authorization_response_iss_parameter_supported") is True
    ending, about = address("end_session_endpoint"), address("userinfo_endpoint")
    return Description(authorize, token, keys, ending, about, method, names)


def read_keys(document: Any) -> KeySet:
    """The provider's public keys; shared secrets in the set are passed over."""
    if not isinstance(document, Mapping) or not isinstance(document.get("keys"), list):
        raise NotProved("the provider's keys are no JWK Set")
    try:
        fit = [key for key in document["keys"] if key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": fit})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotProved(f"the provider's keys cannot be read: {error}") from error


def read_id_token(provider: Provider, keys: KeySet, token: str, *, nonce: str, access_token: str, now: int) -> Proved:
    """Whom the ID token vouches for, after the checks of OpenID Connect Core 1.0, 3.1.3.7. Raises `NotProved`."""
    header, claims = _signed(token, keys)
    options = {"iss": {"essential": True, "value": provider.issuer},
               "aud": {"essential": True, "value": provider.client_id}}  # fmt: skip
    asked = {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, asked).validate(now, _LEEWAY)
    except (JoseError, ValueError, TypeError) as error:
        raise NotProved(f"the ID token does not hold: {error}") from error
    strong = provider.trusts_mfa and "mfa" in (claims.get("amr") or [])
    return Proved(_name(claims, "sub"), _name(claims, "sid") if "sid" in claims else None, strong)


def read_about(document: Any, proved: Proved) -> tuple[str, str | None]:
    """Name and address from the provider's userinfo, the address only where it has verified it (Core 1.0, 5.3.2)."""
    if not isinstance(document, Mapping) or document.get("sub") != proved.subject:
        raise NotProved("the provider's userinfo is about somebody else")
    name, email = document.get("name"), document.get("email")
    known = isinstance(email, str) and document.get("email_verified") is True
    return (name[:100] if isinstance(name, str) and name.isprintable() else ""), (email if known else None)


def read_logout_token(provider: Provider, keys: KeySet, token: str, *, now: datetime) -> Ended:
    """Whose session has ended there, after the checks of Back-Channel Logout 1.0, 2.6. Raises `NotProved`."""
    header, claims = _signed(token, keys)
    if str(header.get("typ", "JWT")).lower() not in ("logout+jwt", "jwt"):
        raise NotProved("this is a token of another kind than logout+jwt")
    registry = jwt.JWTClaimsRegistry(
        int(now.timestamp()),
        _LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise NotProved(f"the logout token does not hold: {error}") from error
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping) or "nonce" in claims:
        raise NotProved("the token says nothing of a log-out, or is an ID token")
    session = _name(claims, "sid") if "sid" in claims else None
    subject = _name(claims, "sub") if "sub" in claims else None
    if session is None and subject is None:
        raise NotProved("the logout token names neither a session (sid) nor a person (sub)")
    return Ended(session, subject, _name(claims, "jti"), datetime.fromtimestamp(claims["exp"] + _LEEWAY, now.tzinfo))


def _signed(token: str, keys: KeySet) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        made = jwt.decode(token, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError, TypeError) as error:
        raise NotProved(f"the token is not signed by the provider: {error}") from error
    return dict(made.header), dict(made.claims)


def _name(claims: Mapping[str, Any], name: str) -> str:
    """A name that the provider gave: kept exactly as it is."""
    found = claims.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_NAME or not found.isprintable():
        raise NotProved(f"{name} is no name of up to {_LONGEST_NAME} characters")
    return found
