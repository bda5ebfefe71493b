"""Signed statements: what somebody allowed or took back, in a form that proves itself with the city's public key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from access.keys import ALGORITHM, KeyRing

_TYPE = "consent-evidence+jws"

Sign = Callable[[Mapping[str, Any]], str]
"""Signs a statement; the signature holds the statement."""


def sign_statement(keys: KeyRing, statement: Mapping[str, Any]) -> str:
    """A compact JWS (RFC 7515) over `statement`, with the public key beside it: it outlives the key's rotation."""
    header = {"alg": ALGORITHM, "typ": _TYPE, "kid": keys.active.id, "jwk": keys.active.public()}
    return jws.serialize_compact(header, msgspec.json.encode(statement, order="deterministic"), keys.active.key)


def read_statement(signed: str) -> tuple[str, dict[str, Any]]:
    """The key's id (its RFC 7638 thumbprint) and the statement. Raises ValueError where the signature does not fit.

    That the key was the city's is a second question: the seal over the evidence answers it for all time, and
    the published key set for as long as the key is in it.
    """
    try:
        header = jws.extract_compact(signed.encode("ascii")).headers()
        if header.get("alg") != ALGORITHM or header.get("typ") != _TYPE:
            raise ValueError("this is not a signed statement of consent")
        key = ECKey.import_key(dict(header["jwk"]))
        payload = jws.deserialize_compact(signed.encode("ascii"), key, [ALGORITHM]).payload
    except (JoseError, KeyError, TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"the signature does not fit: {error}") from error
    if key.thumbprint() != header.get("kid"):
        raise ValueError("the key beside the signature is not the one it names")
    statement: dict[str, Any] = msgspec.json.decode(payload or b"{}")
    return str(header["kid"]), statement
