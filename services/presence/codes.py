"""The code printed on a tag, or handed over with it: by which names detectors will hear the tag. Pure.

Most tags are heard by one name for good. An Eddystone-EID tag is heard by another every 2^K seconds: whoever has its
identity key and knows its counter computes them (Google, Eddystone-EID computation, shared identity key). From then on
they are names like any other, each good in its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from broker.errors import Invalid
from schemas.detection import ROTATING

_FIXED = re.compile(
    r"ibeacon:[0-9a-f]{32}:\d{1,5}:\d{1,5}|eddystone-uid:[0-9a-f]{20}:[0-9a-f]{12}|altbeacon:[0-9a-f]{40}|mac:[0-9a-f]{12}"
)
_ROTATING = re.compile(r"eddystone-eid-key:([0-9a-f]{32}):(\d{1,2}):(\d{1,10})")
SHORTEST, LONGEST = 7, 15
"""Exponents K taken: below 7 a tag would have more than 700 names a day."""
_COUNTER = 1 << 32
_EXPECTED = (
    "the code is ibeacon:UUID:major:minor, eddystone-uid:NAMESPACE:INSTANCE, altbeacon:…, mac:…,"
    " eddystone-eid-key:KEY:K:COUNTER (the tag's counter of seconds now) or, after a key exchange with it,"
    " eddystone-eid-exchange:TAGKEY:K:COUNTER:EID"
)


class Rotation(NamedTuple):
    """An Eddystone-EID tag: its identity key, the exponent K, and when (POSIX seconds) its counter stood at 0."""

    key: bytes
    exponent: int
    zero: int


class Code(NamedTuple):
    """A code as it is kept (sealed). `same` is equal for two spellings of the same tag; `rotation` where it rotates."""

    text: str
    same: str
    rotation: Rotation | None


class Name(NamedTuple):
    """What detectors hear a rotating tag by, from `since` on until `until`, if its clock is right."""

    tag: str
    since: datetime
    until: datetime


def read_code(text: str, now: datetime) -> Code:
    """A code as a person types it: UUIDs in print have hyphens and capitals. Raises `Invalid`."""
    kind, _, rest = text.strip().lower().partition(":")
    plain = f"{kind}:{rest.replace('-', '')}"
    if _FIXED.fullmatch(plain):
        return Code(plain, plain, None)
    found = _ROTATING.fullmatch(plain)
    if found is None:
        raise Invalid(_EXPECTED, field="code")
    key, exponent, counter = found[1], int(found[2]), int(found[3])
    if not SHORTEST <= exponent <= LONGEST or counter >= _COUNTER:
        detail = f"the exponent K is {SHORTEST} to {LONGEST}, the counter below 2^32"
        raise Invalid(detail, field="code")
    zero = int(now.timestamp()) - counter
    rotation = Rotation(bytes.fromhex(key), exponent, zero)
    return Code(f"{kind}:{key}:{exponent}:{zero}", f"{kind}:{key}", rotation)


def rotation_of(kept: str) -> Rotation | None:
    """The rotation in a code as it is kept; None for a tag of one name."""
    kind, *parts = kept.split(":")
    if kind != "eddystone-eid-key":
        return None
    return Rotation(bytes.fromhex(parts[0]), int(parts[1]), int(parts[2]))


def names_between(rotation: Rotation, since: datetime, until: datetime) -> Iterator[Name]:
    """The names in order of time; one more at either end, as the tag's clock may be off by that."""
    period = 1 << rotation.exponent
    first = (int(since.timestamp()) - rotation.zero) // period - 1
    last = (int(until.timestamp()) - rotation.zero) // period + 1
    for number in range(max(first, 0), last + 1):
        counter = number * period % _COUNTER
        begin = datetime.fromtimestamp(rotation.zero + number * period, UTC)
        tag = f"{ROTATING}{ephemeral_id(rotation.key, rotation.exponent, counter).hex()}"
        yield Name(tag, begin, begin + timedelta(seconds=period))


def ephemeral_id(key: bytes, exponent: int, counter: int) -> bytes:
    """The eight bytes that a tag sends while its counter of seconds stands at `counter` (Eddystone-EID computation)."""
    temporary = _aes(key, bytes(11) + b"\xff" + bytes(2) + (counter >> 16).to_bytes(2))
    cleared = counter >> exponent << exponent
    return _aes(temporary, bytes(11) + bytes([exponent]) + cleared.to_bytes(4))[:8]


def _aes(key: bytes, block: bytes) -> bytes:
    # One block under a key of its own: what ECB is here is the bare cipher that the specification asks for.
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    return encryptor.update(block) + encryptor.finalize()
