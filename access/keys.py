"""The keys that sign access tokens: ES256, one active, earlier ones kept for as long as their tokens may live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from joserfc.jwk import ECKey

ALGORITHM = "ES256"
"""ECDSA on P-256 with SHA-256: small tokens, quick to sign, and known to every client library."""


class SigningKey(NamedTuple):
    """One private key and the identifier (its RFC 7638 thumbprint) that tokens name it by."""

    id: str
    key: ECKey

    def private(self) -> dict[str, Any]:
        """The private JWK, to be stored. Never to be shown."""
        return dict(self.key.as_dict(private=True))

    def public(self) -> dict[str, Any]:
        """The public JWK."""
        return dict(self.key.as_dict(private=False))


def new_key() -> SigningKey:
    """A fresh key."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)
    return SigningKey(str(key.kid), key)


def load_key(private: Mapping[str, Any]) -> SigningKey:
    """The key stored as `private()` gave it."""
    key = ECKey.import_key(dict(private))
    return SigningKey(str(key.kid), key)


class KeyRing:
    """The keys known at one time: the first signs, all verify. A rotation makes a new ring."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        if not keys:
            raise ValueError("a key ring needs at least one key")
        self._keys = {key.id: key for key in keys}
        self.active = keys[0]

    def find(self, key_id: str) -> SigningKey | None:
        """The key that a token names, or None."""
        return self._keys.get(key_id)

    def ids(self) -> frozenset[str]:
        """The identifiers of all keys on the ring."""
        return frozenset(self._keys)

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517, 5)."""
        return {"keys": [key.public() for key in self._keys.values()]}
