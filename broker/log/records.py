"""Rules that both drivers share: which partition a key belongs to, how large a record may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from zlib import crc32

from broker.errors import Invalid
from broker.ports import MAX_RECORD_BYTES, NewRecord

MAX_KEY_BYTES = 16_384
"""Keys are names of devices and entities; a longer one is a mistake."""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key`: CRC-32 (IEEE 802.3) modulo the number of partitions, whatever the driver."""
    return crc32(key) % partitions


def by_partition(records: Iterable[NewRecord], partitions: int) -> dict[int, list[NewRecord]]:
    """The records of each partition in their order; partitions in ascending order."""
    found: dict[int, list[NewRecord]] = {}
    for record in records:
        found.setdefault(crc32(record[0]) % partitions, []).append(record)
    return dict(sorted(found.items()))


def slices(records: Sequence[NewRecord], most: int, most_bytes: int) -> Iterator[Sequence[NewRecord]]:
    """`records` in order, cut so that no slice passes either bound unless it is a single record."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record[0]) + len(record[1])
        if index > start and (index - start >= most or size + length > most_bytes):
            yield records[start:index]
            start, size = index, 0
        size += length
    if start < len(records):
        yield records[start:]


def check_sizes(records: Iterable[NewRecord]) -> None:
    """Raise `Invalid` for a key above `MAX_KEY_BYTES` or a value above `MAX_RECORD_BYTES`."""
    for key, value in records:
        if len(value) > MAX_RECORD_BYTES:
            raise Invalid(
                f"the record of key {key[:80]!r} has {len(value)} bytes; the log carries {MAX_RECORD_BYTES} at most",
                field="value",
            )
        if len(key) > MAX_KEY_BYTES:
            raise Invalid(f"a key of {len(key)} bytes is too long; {MAX_KEY_BYTES} at most", field="key")


def partitions_of(topic: str, partitions: Mapping[str, int]) -> int:
    """How many partitions `topic` has. Raises `Invalid` for a topic that is not configured."""
    try:
        return partitions[topic]
    except KeyError:
        raise Invalid(f"no topic {topic!r}; there are {', '.join(sorted(partitions))}", field="topic") from None
