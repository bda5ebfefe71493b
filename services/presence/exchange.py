"""Registering an Eddystone-EID tag by key exchange: the identity key that tag and city agree on is never sent. Pure.

Google, Eddystone-EID computation, secure key exchange: the tag is given the city's public key (the resolver's) and
answers with its own; both compute the same key from what each has. Keys are those of X25519 (RFC 7748), little-endian.
"""

from __future__ import annotations

import hmac
import re

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.errors import Invalid
from services.presence.codes import ephemeral_id

_EXCHANGED = re.compile(r"eddystone-eid-exchange:([0-9a-f]{64}):(\d{1,2}):(\d{1,10}):([0-9a-f]{16})")
_KEY_BYTES = 16


def public_key(private: bytes) -> bytes:
    """The city's public key, which a tag is given: 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def identity_key(private: bytes, tag: bytes) -> bytes:
    """The key that a tag with this public key computed, too. Raises `Invalid` for a key that agrees on nothing."""
    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(tag))
    except ValueError as error:
        raise Invalid("the tag's public key is none: the shared secret would be zero", field="code") from error
    return HKDF(SHA256(), _KEY_BYTES, salt=public_key(private) + tag, info=None).derive(shared)


def agreed(code: str, private: bytes) -> str:
    """An exchange's code as that of a tag whose identity key is known; any other code as it is.

    ``eddystone-eid-exchange:TAGKEY:K:COUNTER:EID`` has the tag's public key, the exponent, its counter of seconds now
    and the name that it has at that counter. Raises `Invalid` where the key agreed on does not give that name.
    """
    found = _EXCHANGED.fullmatch(code.strip().lower())
    if found is None:
        return code
    tag, exponent, counter, name = bytes.fromhex(found[1]), int(found[2]), int(found[3]), bytes.fromhex(found[4])
    if exponent > 15 or counter >= 1 << 32:
        raise Invalid("the exponent K is at most 15, the counter below 2^32", field="code")
    key = identity_key(private, tag)
    if not hmac.compare_digest(ephemeral_id(key, exponent, counter), name):
        raise Invalid(
            "the tag agreed on another key: give it this city's public key, and register it again", field="code"
        )
    return f"eddystone-eid-key:{key.hex()}:{exponent}:{counter}"
