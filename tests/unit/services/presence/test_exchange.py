"""The key exchange with Eddystone-EID tags: what the tag computes, the city computes, and nothing else is taken."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Invalid
from broker.veil import Veil
from services.presence.codes import ephemeral_id, read_code
from services.presence.exchange import agreed, identity_key, public_key

CITY, TAG = bytes(range(1, 33)), bytes(range(101, 133))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_key_is_the_one_that_the_specification_s_arithmetic_gives() -> None:
    """Values reckoned from the text by whole numbers alone: Montgomery ladder, HMAC, no library of keys."""
    assert public_key(CITY).hex() == "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
    assert public_key(TAG).hex() == "5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36"
    assert identity_key(CITY, public_key(TAG)).hex() == "ecdfa4a6979c33b0716302d87b6772b4"


def tag_says(private: bytes, city: bytes, exponent: int, counter: int) -> str:
    """The tag's side of the exchange: from the city's public key to the code that is registered."""
    own = X25519PrivateKey.from_private_bytes(private)
    public = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(city))
    extracted = hmac.digest(city + public, shared, hashlib.sha256)
    key = hmac.digest(extracted, b"\x01", hashlib.sha256)[:16]
    return f"Eddystone-EID-Exchange:{public.hex()}:{exponent}:{counter}:{ephemeral_id(key, exponent, counter).hex()}"


@given(st.binary(min_size=32, max_size=32), st.integers(7, 15), st.integers(0, 2**32 - 1))
def test_tag_and_city_agree(private: bytes, exponent: int, counter: int) -> None:
    code = read_code(agreed(tag_says(private, public_key(CITY), exponent, counter), CITY), NOW)
    assert code.rotation is not None
    assert code.rotation.key == identity_key(CITY, public_key(private))
    assert len(tag_says(private, public_key(CITY), 15, 2**32 - 1)) <= 120, "as long as a code may be"


def test_a_tag_that_agreed_with_another_city_is_not_taken() -> None:
    veil = Veil(bytes(range(32)), 30)
    here, there = veil.secret("fukui", "eid-resolver"), veil.secret("sakai", "eid-resolver")
    assert here != there
    said = tag_says(TAG, public_key(there), 10, 65280)
    assert agreed(said, there).startswith("eddystone-eid-key:")
    with pytest.raises(Invalid, match="another key"):
        agreed(said, here)
    with pytest.raises(Invalid, match="zero"):
        agreed(f"eddystone-eid-exchange:{'00' * 32}:10:0:{'00' * 8}", here)
    with pytest.raises(Invalid, match="exponent"):
        agreed(f"eddystone-eid-exchange:{'01' * 32}:16:0:{'00' * 8}", here)
    assert agreed("mac:aabbccddeeff", here) == "mac:aabbccddeeff"
