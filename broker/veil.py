"""What stands between a person and their data: pseudonyms in place of ids, and bytes that only the key's holder reads.

Everything comes from one key that the database never sees (`CITYOS_TAGS_KEY`): for each city and epoch another key
for pseudonyms (HMAC-SHA256), for each city and use another for sealing (AES-256-GCM), derived by HKDF (RFC 5869). So
the same tag has unrelated names in two cities and in two epochs, and a copy of database and log names nobody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.errors import Invalid

_MARK = b"\x00veil\x01"
_NONCE = 12
_DAY = 86_400
_PSEUDONYM_BYTES = 15


class Veil:
    """Pseudonyms and seals of all cities of one installation. `key` is 32 bytes; an epoch lasts `epoch_days`."""

    def __init__(self, key: bytes, epoch_days: int) -> None:
        self._key = key
        self._epoch_seconds = epoch_days * _DAY
        self._derived = lru_cache(maxsize=4096)(self._derive)

    def epoch_of(self, at: datetime) -> int:
        """The number of the epoch in which `at` (aware) lies, counted from 1970 in UTC."""
        return int(at.timestamp()) // self._epoch_seconds

    def pseudonym(self, tenant: str, tag: str, epoch: int) -> str:
        """The tag's name in one city and epoch: 24 letters and digits, the same every time, of no use elsewhere."""
        digest = hmac.digest(self._derived("pseudonym", tenant, str(epoch)), tag.encode(), hashlib.sha256)
        return base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode().lower()

    def seal(self, tenant: str, use: str, clear: bytes) -> bytes:
        """`clear` encrypted for one city and `use`; what is sealed for another does not open in its place."""
        nonce = os.urandom(_NONCE)
        return _MARK + nonce + AESGCM(self._derived("seal", tenant, use)).encrypt(nonce, clear, None)

    def open(self, tenant: str, use: str, sealed: bytes) -> bytes:
        """The inverse of `seal`. Raises `Invalid` where it is of another city, use or key, or was changed."""
        nonce, rest = sealed[len(_MARK) : len(_MARK) + _NONCE], sealed[len(_MARK) + _NONCE :]
        try:
            return AESGCM(self._derived("seal", tenant, use)).decrypt(nonce, rest, None)
        except (InvalidTag, ValueError) as error:
            raise Invalid(f"what was sealed for {use} does not open with this key", field="key") from error

    def blind(self, tenant: str, use: str, clear: str) -> bytes:
        """A name by which equal values are found without being read (a tag's code among those registered)."""
        return hmac.digest(self._derived("blind", tenant, use), clear.encode(), hashlib.sha256)

    def secret(self, tenant: str, use: str) -> bytes:
        """32 bytes that only this key's holder has, the same every time: a private key of one city for one `use`."""
        return self._derived("secret", tenant, use)

    def _derive(self, kind: str, tenant: str, what: str) -> bytes:
        info = "\x00".join((kind, tenant, what)).encode()
        return HKDF(SHA256(), 32, salt=b"city-os veil", info=info).derive(self._key)


def is_sealed(payload: bytes) -> bool:
    """Whether `Veil.seal` made these bytes."""
    return payload.startswith(_MARK)


def parse_key(text: str) -> bytes:
    """The key in base64 (either alphabet, padding optional). Raises `Invalid` unless it is 32 bytes."""
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise Invalid("the key is not base64", field="key") from error
    if len(key) != 32:
        raise Invalid(f"the key has {len(key)} bytes; 32 random ones are needed", field="key")
    return key
