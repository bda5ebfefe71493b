"""Access tokens: signed JWTs with the claims of RFC 9068, bound to an audience and a tenant, verified locally."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from access.keys import ALGORITHM, KeyRing
from access.policy import Subject

_TYPE = "at+jwt"
_MAX_TOKEN = 8192
_CACHED = 10_000


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says (RFC 9068, 2.2). `tenant` is ours: the one municipality that the token is good for.

    `roles` are those that the person holds there (2.2.3.1). `grant`, ours too, names what the token came from (a
    person's consent, a session): revoking that ends the token.
    Times are seconds since 1970 (NumericDate).
    """

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    tenant: str
    scope: str = ""
    grant: str = ""
    roles: tuple[str, ...] = ()

    def subject(self) -> Subject:
        """Whom the policy sees."""
        kind = "app" if self.sub == self.client_id else "person"
        scopes, roles = frozenset(self.scope.split()), frozenset(self.roles)
        return Subject(kind, self.sub, self.tenant, scopes, roles, self.client_id)  # type: ignore[arg-type]


class Why(StrEnum):
    """Why a token was refused."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    REVOKED = "revoked"


class Refusal(NamedTuple):
    """A token that is not good: why, for programs and for people."""

    why: Why
    explanation: str


def issue(keys: KeyRing, claims: Claims) -> str:
    """Sign `claims` with the active key."""
    return sign(keys, _TYPE, claims)


def sign(keys: KeyRing, type_: str, claims: Claims | Mapping[str, Any]) -> str:
    """A JWT of this type (`typ`), signed with the active key."""
    header = {"alg": ALGORITHM, "typ": type_, "kid": keys.active.id}
    return jws.serialize_compact(header, msgspec.json.encode(claims), keys.active.key, [ALGORITHM])


class TokenVerifier:
    """Verifies tokens and remembers those found good, by hash, until they expire.

    The memory holds 10,000 tokens and is dropped with the key ring, so that a key taken away takes its tokens along.
    """

    def __init__(self, issuer: str, audience: str, keys: KeyRing, now: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._now = now
        self._good: dict[bytes, tuple[int, Subject]] = {}
        self._revoked: frozenset[str] = frozenset()

    def revoke(self, names: frozenset[str]) -> None:
        """From now on refuse tokens whose `jti` or `grant` is among `names`, which replace those named before."""
        if names != self._revoked:
            self._revoked = names
            self._good.clear()

    def use(self, keys: KeyRing) -> None:
        """Verify with `keys` from now on."""
        if keys.ids() != self._keys.ids():
            self._good.clear()
        self._keys = keys

    def subject(self, token: str) -> Subject | Refusal:
        """Who speaks with `token`, or why it is refused."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        seconds = self._now().timestamp()
        known = self._good.get(digest)
        if known is not None and known[0] > seconds:
            return known[1]
        claims = self.claims(token)
        if isinstance(claims, Refusal):
            self._good.pop(digest, None)
            return claims
        if len(self._good) >= _CACHED:
            del self._good[next(iter(self._good))]
        subject = claims.subject()
        self._good[digest] = (claims.exp, subject)
        return subject

    def claims(self, token: str) -> Claims | Refusal:
        """What a good token says, or why it is refused; every check, nothing remembered."""
        seconds = self._now().timestamp()
        payload = self._signed(token)
        if isinstance(payload, Refusal):
            return payload
        try:
            claims = msgspec.json.decode(payload, type=Claims)
        except msgspec.DecodeError as error:
            return Refusal(Why.MALFORMED, f"the token's claims are not those of RFC 9068: {error}")
        if claims.iss != self._issuer:
            return Refusal(Why.ISSUER, f"the token was not issued by {self._issuer}")
        if claims.aud != self._audience:
            return Refusal(Why.AUDIENCE, f"the token is not meant for {self._audience}")
        if claims.exp <= seconds:
            return Refusal(Why.EXPIRED, "the token has expired; ask the token endpoint for a new one")
        if claims.iat > seconds + 60:
            return Refusal(Why.NOT_YET, "the token was issued in the future; is a clock wrong?")
        if claims.jti in self._revoked or claims.grant in self._revoked:
            return Refusal(Why.REVOKED, "the token was called back: access was withdrawn or its session has ended")
        return claims

    def _signed(self, token: str) -> bytes | Refusal:
        """The payload, once the signature is believed. The key decides the algorithm, never the token."""
        if len(token) > _MAX_TOKEN:
            return Refusal(Why.MALFORMED, f"the token is longer than {_MAX_TOKEN} characters")
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
        except (JoseError, ValueError) as error:
            return Refusal(Why.MALFORMED, f"this is not a signed JWT: {error}")
        if header.get("alg") != ALGORITHM or header.get("typ") != _TYPE:
            return Refusal(Why.ALGORITHM, f"the token's header must say alg {ALGORITHM} and typ {_TYPE}")
        key = self._keys.find(str(header.get("kid")))
        if key is None:
            return Refusal(Why.UNKNOWN_KEY, "the token is signed with a key that is not, or no longer, in use")
        try:
            payload = jws.deserialize_compact(token.encode("ascii"), key.key, [ALGORITHM]).payload
        except (JoseError, ValueError):
            return Refusal(Why.SIGNATURE, "the token's signature is wrong")
        return payload or b""
