"""What a member of a Kafka group does when the group changes under its hands. The brokers here are a dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from broker.errors import Unavailable
from broker.log.kafka_consumer import KafkaConsumer
from broker.log.settings import KafkaSettings
from broker.ports import Record

AT = datetime(2023, 7, 13, tzinfo=UTC)


def record(partition: int, offset: int) -> Record:
    return Record("observations", partition, offset, b"k", b"v", AT)


class Brokers:
    """Records by partition; fetches from where it was sought, or from the start where it was not."""

    def __init__(self, records: Iterable[Record], *, asked: asyncio.Event | None = None) -> None:
        self.records = list(records)
        self.at: dict[int, int] = {}
        self.asked_for_ends = 0
        self.before_answer: asyncio.Event | None = asked
        self.left = False

    async def fetch(self, most: int, wait: float) -> list[Record]:
        if self.before_answer is not None:
            await self.before_answer.wait()
        found = [r for r in self.records if r.offset >= self.at.get(r.partition, 0)][:most]
        self.at.update({r.partition: r.offset + 1 for r in found})
        if not found:
            await asyncio.sleep(wait)
        return found

    async def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        self.asked_for_ends += 1
        return {p: max((r.offset + 1 for r in self.records if r.partition == p), default=0) for p in partitions}

    def seek(self, partition: int, offset: int) -> None:
        self.at[partition] = offset

    async def leave(self) -> None:
        self.left = True


class Stored:
    """Positions that a test sets."""

    def __init__(self, **at: int) -> None:
        self.at = {int(name[1:]): offset for name, offset in at.items()}

    async def load(self, _group: str, _topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        return {partition: self.at.get(partition, 0) for partition in partitions}


def consumer_of(brokers: Brokers, stored: Stored, **settings: float) -> KafkaConsumer:
    return KafkaConsumer(brokers, stored, topic="observations", group="writer", settings=KafkaSettings(**settings))  # type: ignore[arg-type]


async def offsets(consumer: KafkaConsumer, most: int = 100) -> list[tuple[int, int]]:
    return [(r.partition, r.offset) for r in await consumer.poll(max_records=most, wait=0.05)]


async def test_nothing_is_handed_out_before_the_group_has_decided() -> None:
    brokers = Brokers([record(0, 0)])
    consumer = consumer_of(brokers, Stored())
    assert await offsets(consumer) == []
    brokers.at.clear()
    consumer.take_over([0])
    assert await offsets(consumer) == [(0, 0)]


async def test_it_starts_at_the_stored_positions_across_gaps() -> None:
    brokers = Brokers([record(0, 3), record(0, 7), record(0, 12), record(1, 4)])
    consumer = consumer_of(brokers, Stored(p0=5, p1=0))
    consumer.take_over([0, 1])
    assert await offsets(consumer) == [(0, 7), (0, 12), (1, 4)]
    assert await consumer.lag() == 0


async def test_lag_counts_from_the_place_reached() -> None:
    consumer = consumer_of(Brokers([record(0, offset) for offset in range(10)]), Stored(p0=2))
    consumer.take_over([0])
    assert await offsets(consumer, most=3) == [(0, 2), (0, 3), (0, 4)]
    assert await consumer.lag() == 5


async def test_records_fetched_while_the_group_changed_are_dropped_and_come_again() -> None:
    answer = asyncio.Event()
    brokers = Brokers([record(0, 0), record(0, 1)], asked=answer)
    stored = Stored()
    consumer = consumer_of(brokers, stored)
    consumer.take_over([0])
    polling = asyncio.create_task(consumer.poll(max_records=10, wait=0.2))
    await asyncio.sleep(0.01)
    await consumer.let_go()
    stored.at[0] = 1  # another member handled the first one meanwhile
    answer.set()
    await asyncio.sleep(0.01)
    consumer.take_over([0])
    assert [(r.partition, r.offset) for r in await polling] in ([], [(0, 1)])
    await consumer.rewind()
    assert await offsets(consumer) == [(0, 1)]


async def test_giving_up_partitions_waits_for_what_is_in_hand() -> None:
    consumer = consumer_of(Brokers([record(0, 0)]), Stored())
    consumer.take_over([0])
    assert await offsets(consumer) == [(0, 0)]
    letting_go = asyncio.create_task(consumer.let_go())
    await asyncio.sleep(0.02)
    assert not letting_go.done()
    assert await offsets(consumer) == []  # coming back for more says that the last batch is done
    await asyncio.wait_for(letting_go, 10)


async def test_a_position_beyond_the_end_is_not_silently_reset() -> None:
    consumer = consumer_of(Brokers([record(0, 4)]), Stored(p0=9))
    consumer.take_over([0])
    with pytest.raises(Unavailable, match="writer stands at 9 in observations/0, which ends at 5"):
        await offsets(consumer)


async def test_a_long_silence_is_checked() -> None:
    brokers = Brokers([])
    consumer = consumer_of(brokers, Stored(), request_seconds=0.12)
    consumer.take_over([0])
    await offsets(consumer)
    placed = brokers.asked_for_ends
    await offsets(consumer)
    await offsets(consumer)
    assert brokers.asked_for_ends == placed + 1


async def test_closing_leaves() -> None:
    brokers = Brokers([])
    await consumer_of(brokers, Stored()).close()
    assert brokers.left
