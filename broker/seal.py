"""Hash-chained seals over an append-only journal: whoever holds one seal can tell whether anything before it changed.

A seal covers a run of records and carries the hash of the seal before it. Its digest is SHA-256 over the previous
digest (32 zero bytes for the first), the seal's number, and the length-prefixed records in order. Publish the
latest digest somewhere that the keeper of the journal cannot rewrite (a notice board, a printed closing), and not
even the keeper can change the past without being found out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

FIRST = bytes(32)
"""What stands for the digest before the first seal."""


class Seal(NamedTuple):
    """One link: it covers `records` records whose numbers lie from `first` to `last`."""

    number: int
    first: int
    last: int
    records: int
    digest: bytes
    at: datetime


class Sealer:
    """Takes records one by one, so that a long run need not be in memory, and gives the digest that covers them."""

    def __init__(self, previous: bytes, number: int) -> None:
        self._hash = hashlib.sha256(previous + number.to_bytes(8, "big"))
        self.count = 0

    def add(self, record: bytes) -> None:
        """Cover one more record. Its length goes before it: no two runs of records hash alike."""
        self._hash.update(len(record).to_bytes(8, "big"))
        self._hash.update(record)
        self.count += 1

    def digest(self) -> bytes:
        """The digest over all records so far."""
        return self._hash.digest()


def digest_of(previous: bytes, number: int, records: Iterable[bytes]) -> bytes:
    """The digest of a seal over `records`."""
    sealer = Sealer(previous, number)
    for record in records:
        sealer.add(record)
    return sealer.digest()
