"""Partitions, slices and packing."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Invalid
from broker.log.membership import share_of
from broker.log.packing import pack, pack_for_append, unpack, unpack_batch
from broker.log.records import MAX_KEY_BYTES, by_partition, check_sizes, partition_of, slices
from broker.ports import MAX_RECORD_BYTES, NewRecord

records = st.lists(st.builds(NewRecord, st.binary(max_size=4), st.binary(max_size=40)), max_size=60)


def test_the_hash_is_the_published_crc() -> None:
    # CRC-32's check value is 0xCBF43926 for "123456789": a stored log depends on this never changing
    assert partition_of(b"123456789", 1 << 32) == 0xCBF43926


@given(records, st.integers(1, 9))
def test_partitions_keep_the_order_of_each_key(batch: list[NewRecord], partitions: int) -> None:
    found = by_partition(batch, partitions)
    assert list(found) == sorted(found)
    assert sum(map(len, found.values())) == len(batch)
    for key in {record.key for record in batch}:
        own = [record for record in found[partition_of(key, partitions)] if record.key == key]
        assert own == [record for record in batch if record.key == key]


@given(records, st.integers(1, 10), st.integers(1, 100))
def test_slices_are_everything_in_order_and_within_bounds(batch: list[NewRecord], most: int, size: int) -> None:
    parts = list(slices(batch, most, size))
    assert [record for part in parts for record in part] == batch
    for part in parts:
        assert len(part) == 1 or (len(part) <= most and sum(len(k) + len(v) for k, v in part) <= size)


@given(records)
def test_what_is_packed_is_unpacked(batch: list[NewRecord]) -> None:
    at = datetime(2023, 7, 13, tzinfo=UTC)
    found = unpack_batch("observations", 3, 17, at, pack(batch))
    assert [(r.key, r.value) for r in found] == [tuple(record) for record in batch]
    assert [r.offset for r in found] == list(range(17, 17 + len(batch)))
    assert all((r.topic, r.partition, r.appended_at) == ("observations", 3, at) for r in found)


def test_damaged_bytes_are_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(pack([NewRecord(b"key", b"value")])[:-2])


def test_rows_come_in_ascending_order_of_partition() -> None:
    batch = [NewRecord(b"%d" % number, bytes(100)) for number in range(300)]
    packed = pack_for_append("changes", batch, {"changes": 5}, batch_bytes=1000)
    assert packed.partition == sorted(packed.partition)
    assert set(packed.partition) == set(range(5))
    assert sum(packed.counts) == 300
    assert all(len(row) < 1200 for row in packed.records)


def test_sizes_are_checked() -> None:
    check_sizes([NewRecord(bytes(MAX_KEY_BYTES), bytes(MAX_RECORD_BYTES))])
    with pytest.raises(Invalid, match="1048577 bytes") as value:
        check_sizes([NewRecord(b"gauge", bytes(MAX_RECORD_BYTES + 1))])
    with pytest.raises(Invalid, match="key of 16385") as key:
        check_sizes([NewRecord(bytes(MAX_KEY_BYTES + 1), b"")])
    assert (value.value.field, key.value.field) == ("value", "key")


@given(st.sets(st.text(min_size=1), min_size=1, max_size=9), st.integers(1, 16))
def test_every_partition_falls_to_exactly_one_member(members: set[str], partitions: int) -> None:
    shares = [share_of(member, list(members), partitions) for member in members]
    assert sorted(partition for share in shares for partition in share) == list(range(partitions))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
