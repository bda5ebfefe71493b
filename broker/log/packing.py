"""A batch of records in the bytes of one row, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, count, repeat
from typing import NamedTuple

import msgspec

from broker.log.records import by_partition, partitions_of, slices
from broker.ports import NewRecord, Record

_MOST_RECORDS = 10_000
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[bytes]] = msgspec.msgpack.Decoder(list[bytes])


class Packed(NamedTuple):
    """The arguments of the database's function `log_append`: parallel arrays in ascending order of partition."""

    topic: str
    topic_partitions: int
    partition: list[int]
    counts: list[int]
    records: list[bytes]


def pack(records: Sequence[NewRecord]) -> bytes:
    """One MessagePack array: key, value, key, value …"""
    return _encoder.encode(list(chain.from_iterable(records)))


def unpack(packed: bytes) -> list[bytes]:
    """The inverse of `pack`, flat. Raises `msgspec.DecodeError` on anything else."""
    return _decoder.decode(packed)


def pack_for_append(
    topic: str, records: Sequence[NewRecord], partitions: Mapping[str, int], *, batch_bytes: int
) -> Packed:
    """`records` as rows to append. Raises `Invalid` for an unknown topic."""
    packed = Packed(topic, partitions_of(topic, partitions), [], [], [])
    for partition, own in by_partition(records, packed.topic_partitions).items():
        for batch in slices(own, _MOST_RECORDS, batch_bytes):
            packed.partition.append(partition)
            packed.counts.append(len(batch))
            packed.records.append(pack(batch))
    return packed


def unpack_batch(topic: str, partition: int, first: int, at: datetime, packed: bytes) -> list[Record]:
    """The records of one row, whose first has offset `first`."""
    flat = unpack(packed)
    columns = zip(repeat(topic), repeat(partition), count(first), flat[::2], flat[1::2], repeat(at), strict=False)
    return list(map(Record._make, columns))
