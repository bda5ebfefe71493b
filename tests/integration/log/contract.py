"""What every log must do, written once. A driver's test class inherits this and says how to make one."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from broker.errors import Fenced, Invalid
from broker.log.records import partition_of
from broker.ports import MAX_RECORD_BYTES, OBSERVATIONS, Consumer, Log, NewRecord, Record
from broker.store.books import reaches
from broker.store.positions import PostgresPositions, advance
from broker.store.progress import Progress, Reader
from tests.conftest import CityDatabase

PARTITIONS = 4
TOPICS = {OBSERVATIONS: PARTITIONS, "changes": 2}
GROUP = "writer"


def numbered(key: str, numbers: Iterable[int]) -> list[NewRecord]:
    return [NewRecord(key.encode(), f"{key} {number}".encode()) for number in numbers]


def key_in(partition: int, name: str = "gauge") -> str:
    """A key that belongs to `partition`."""
    candidates = (f"{name}-{number}" for number in range(10_000))
    return next(key for key in candidates if partition_of(key.encode(), PARTITIONS) == partition)


def by_key(records: Iterable[Record]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for record in records:
        found[record.key].append(record.value)
    return dict(found)


async def take(consumer: Consumer, count: int, *, seconds: float = 60.0, most: int = 100) -> list[Record]:
    """Poll until `count` records have come."""
    records: list[Record] = []
    deadline = time.monotonic() + seconds
    while len(records) < count:
        records += await consumer.poll(max_records=most, wait=0.5)
        assert time.monotonic() < deadline, f"{len(records)} of {count} records after {seconds} s"
    return records


async def read_all(log: Log, topic: str = OBSERVATIONS) -> list[Record]:
    """Every record of the topic, through `read`."""
    found: list[Record] = []
    for partition, end in (await log.ends(topic)).items():
        at = 0
        while at < end:
            records = await log.read(topic, partition, at, limit=5000)
            assert records, f"partition {partition} ends at {end} and yields nothing from {at}"
            found += records
            at = records[-1].offset + 1
    return found


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


async def shortest_wait(consumer: Consumer, say: Callable[[], Awaitable[None]]) -> float:
    """Seconds until a consumer that waits already has one record that is said; the best of some tries counts."""
    waits = []
    while len(waits) < 5 and (not waits or min(waits) >= 0.5):
        polling = asyncio.create_task(consumer.poll(max_records=10, wait=10))
        await asyncio.sleep(0.2)
        before = time.monotonic()
        await say()
        assert len(await polling) == 1
        waits.append(time.monotonic() - before)
    return min(waits)


class Worker:
    """A consumer that commits what it polls with its positions, as the writer does, and remembers it."""

    def __init__(self, log: Log, database: CityDatabase, name: str, effects: dict[bytes, list[tuple[str, bytes]]]):
        self._log, self._database, self._name, self.effects = log, database, name, effects
        self._stop = asyncio.Event()
        self.partitions: set[int] = set()
        self.fenced = 0
        self.task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stop.set()
        await self.task

    async def _run(self) -> None:
        positions = PostgresPositions(self._database.system)
        consumer = await self._log.consumer(OBSERVATIONS, GROUP, positions)
        try:
            while not self._stop.is_set():
                records = await consumer.poll(max_records=20, wait=0.1)
                try:
                    await self._handle(records, positions)
                except Fenced:
                    self.fenced += 1
                    await consumer.rewind()
        finally:
            await consumer.close()

    async def _handle(self, records: Sequence[Record], positions: PostgresPositions) -> None:
        if not records:
            return
        ends = {record.partition: record.offset + 1 for record in records}
        starts = {record.partition: record.offset for record in reversed(records)}
        async with self._database.system.transaction() as tx:
            await advance(tx, GROUP, OBSERVATIONS, {p: (starts[p], ends[p]) for p in ends})
        self.partitions |= ends.keys()
        for record in records:
            self.effects[record.key].append((self._name, record.value))


class LogContract:
    """Inherit, and provide the fixture `log` (topics as in `TOPICS`) and `open_another`, a second process's view."""

    @pytest.fixture
    def positions(self, database: CityDatabase) -> PostgresPositions:
        return PostgresPositions(database.system)

    @pytest.fixture
    async def consumer(self, log: Log, positions: PostgresPositions) -> AsyncIterator[Consumer]:
        consumer = await log.consumer(OBSERVATIONS, GROUP, positions)
        yield consumer
        await consumer.close()

    async def test_records_of_one_key_keep_their_order(self, log: Log, consumer: Consumer) -> None:
        keys = [f"gauge-{number}" for number in range(40)]
        for round_ in range(5):
            batch = [record for key in keys for record in numbered(key, range(round_ * 10, round_ * 10 + 10))]
            await log.append(OBSERVATIONS, batch)
        found = by_key(await take(consumer, 2000, most=333))
        assert found == {key.encode(): [f"{key} {n}".encode() for n in range(50)] for key in keys}

    async def test_concurrent_appends_keep_the_order_of_their_calls(self, log: Log) -> None:
        appends = [log.append(OBSERVATIONS, numbered("gauge", [number])) for number in range(300)]
        await asyncio.gather(*appends)
        found = by_key(await read_all(log))
        assert found == {b"gauge": [f"gauge {number}".encode() for number in range(300)]}

    async def test_a_key_has_one_partition_known_to_all(self, log: Log) -> None:
        await log.append(OBSERVATIONS, [NewRecord(f"key {n}".encode(), b"") for n in range(100)])
        records = await read_all(log)
        assert len(records) == 100
        assert all(record.partition == partition_of(record.key, PARTITIONS) for record in records)

    async def test_nothing_is_appended_without_records(self, log: Log) -> None:
        await log.append(OBSERVATIONS, [])
        assert await log.ends(OBSERVATIONS) == dict.fromkeys(range(PARTITIONS), 0)

    async def test_poll_gives_no_more_than_asked_and_nothing_twice(self, log: Log, consumer: Consumer) -> None:
        await log.append(OBSERVATIONS, numbered("gauge", range(25)))
        values: list[bytes] = []
        while len(values) < 25:
            records = await consumer.poll(max_records=10, wait=5)
            assert 0 < len(records) <= 10
            values += [record.value for record in records]
        assert values == [f"gauge {number}".encode() for number in range(25)]
        assert await consumer.poll(max_records=10, wait=0.1) == []

    async def test_an_empty_poll_returns_in_time(self, consumer: Consumer) -> None:
        before = time.monotonic()
        assert await consumer.poll(max_records=10, wait=0.3) == []
        assert 0.25 < time.monotonic() - before < 10

    async def test_a_waiting_consumer_wakes_when_something_comes(self, log: Log, consumer: Consumer) -> None:
        await log.append(OBSERVATIONS, numbered("warm", [0]))
        await take(consumer, 1)

        async def say() -> None:
            await log.append(OBSERVATIONS, numbered("gauge", [1]))

        assert await shortest_wait(consumer, say) < 0.6, "it looks again after a second by itself"

    async def test_a_group_goes_on_from_its_stored_positions(
        self, log: Log, positions: PostgresPositions, database: CityDatabase
    ) -> None:
        key = key_in(2)
        await log.append(OBSERVATIONS, numbered(key, range(10)))
        async with database.system.transaction() as tx:
            await advance(tx, GROUP, OBSERVATIONS, {2: (0, 4)})
        consumer = await log.consumer(OBSERVATIONS, GROUP, positions)
        assert [record.offset for record in await take(consumer, 6)] == list(range(4, 10))
        await consumer.close()

    async def test_each_group_reads_everything(self, log: Log, positions: PostgresPositions) -> None:
        await log.append(OBSERVATIONS, numbered("gauge", range(10)))
        for group in ("alerting", "notifier"):
            consumer = await log.consumer(OBSERVATIONS, group, positions)
            assert len(await take(consumer, 10)) == 10
            await consumer.close()

    async def test_rewind_starts_again_from_the_stored_positions(
        self, log: Log, consumer: Consumer, database: CityDatabase
    ) -> None:
        key = key_in(1)
        await log.append(OBSERVATIONS, numbered(key, range(10)))
        await take(consumer, 10, most=4)
        async with database.system.transaction() as tx:
            await advance(tx, GROUP, OBSERVATIONS, {1: (0, 3)})
        await consumer.rewind()
        assert [record.offset for record in await take(consumer, 7)] == list(range(3, 10))

    async def test_lag_counts_what_was_not_polled(self, log: Log, consumer: Consumer) -> None:
        await log.append(OBSERVATIONS, [r for p in range(PARTITIONS) for r in numbered(key_in(p), range(10))])

        await take(consumer, 15, most=15)
        assert await consumer.lag() == 25
        await take(consumer, 25)
        assert await consumer.lag() == 0

    async def test_a_reader_that_stands_still_is_seen_from_outside(self, log: Log, database: CityDatabase) -> None:
        progress, began = Progress(), datetime(2026, 6, 1, tzinfo=UTC)

        async def still(minutes: int) -> Mapping[Reader, timedelta]:
            async with database.system.transaction() as tx:
                return progress.look(await reaches(tx, log), began + timedelta(minutes=minutes))

        async def handled(partition: int, since: int, until: int) -> None:
            async with database.system.transaction() as tx:
                await advance(tx, GROUP, OBSERVATIONS, {partition: (since, until)})

        reader = (GROUP, OBSERVATIONS)
        await log.append(OBSERVATIONS, numbered(key_in(0), range(3)))
        await handled(0, 0, 3)
        assert [await still(0), await still(9)] == [{reader: timedelta()}] * 2
        await log.append(OBSERVATIONS, [*numbered(key_in(0), range(2)), *numbered(key_in(1), range(2))])
        assert await still(10) == {reader: timedelta()}
        await handled(0, 3, 5)
        assert await still(12) == {reader: timedelta(minutes=2)}, "it moves in one partition and stands in the other"
        await handled(1, 0, 1)
        assert await still(13) == {reader: timedelta()}
        assert await still(14) == {reader: timedelta(minutes=1)}
        await handled(1, 1, 2)
        assert await still(15) == {reader: timedelta()}

    async def test_read_replays_from_an_offset(self, log: Log) -> None:
        key = key_in(3)
        for start in range(0, 100, 7):
            await log.append(OBSERVATIONS, numbered(key, range(start, min(start + 7, 100))))
        records = await log.read(OBSERVATIONS, 3, 33, limit=20)
        assert [(record.offset, record.value) for record in records] == [
            (offset, f"{key} {offset}".encode()) for offset in range(33, 53)
        ]
        assert await log.read(OBSERVATIONS, 3, 100, limit=20) == []
        assert await log.read(OBSERVATIONS, 0, 0, limit=20) == []

    async def test_replay_from_a_time(self, log: Log) -> None:
        key = key_in(0)
        await log.append(OBSERVATIONS, numbered(key, range(5)))
        await asyncio.sleep(0.05)
        between = datetime.now(UTC)
        await asyncio.sleep(0.05)
        await log.append(OBSERVATIONS, numbered(key, range(5, 8)))
        assert await log.offsets_at(OBSERVATIONS, between) == {0: 5, 1: 0, 2: 0, 3: 0}
        assert (await log.offsets_at(OBSERVATIONS, between - timedelta(hours=1)))[0] == 0
        assert (await log.offsets_at(OBSERVATIONS, between + timedelta(hours=1)))[0] == 8
        first = (await log.read(OBSERVATIONS, 0, 5, limit=1))[0]
        assert between < first.appended_at < datetime.now(UTC)

    async def test_ends_are_the_next_offsets(self, log: Log) -> None:
        await log.append(OBSERVATIONS, numbered(key_in(1), range(3)) + numbered(key_in(2), range(5)))
        assert await log.ends(OBSERVATIONS) == {0: 0, 1: 3, 2: 5, 3: 0}

    async def test_topics_are_apart(self, log: Log) -> None:
        await log.append("changes", numbered("entity", range(3)))
        assert await read_all(log) == []
        assert len(await read_all(log, "changes")) == 3

    async def test_records_up_to_the_limit_are_carried(self, log: Log, consumer: Consumer) -> None:
        values = [bytes([fill]) * (MAX_RECORD_BYTES - fill) for fill in range(12)]
        await log.append(OBSERVATIONS, [NewRecord(b"camera", value) for value in values])
        await log.append(OBSERVATIONS, numbered("camera", [1]))
        assert [record.value for record in await take(consumer, 13)] == [*values, b"camera 1"]

    async def test_bytes_come_back_as_they_were(self, log: Log, consumer: Consumer) -> None:
        records = [NewRecord(b"", b""), NewRecord(bytes(range(256)), bytes(reversed(range(256)))), NewRecord(b"", b"x")]
        await log.append(OBSERVATIONS, records)
        found = by_key(await take(consumer, 3))
        assert found == {b"": [b"", b"x"], records[1].key: [records[1].value]}

    async def test_a_record_above_the_limit_is_refused_and_nothing_of_it_stored(self, log: Log) -> None:
        with pytest.raises(Invalid, match="1048576 at most") as refusal:
            await log.append(OBSERVATIONS, [NewRecord(b"k", b"fine"), NewRecord(b"k", bytes(MAX_RECORD_BYTES + 1))])
        assert refusal.value.field == "value"
        assert await read_all(log) == []

    async def test_an_unknown_topic_is_named(self, log: Log) -> None:
        with pytest.raises(Invalid, match="observaitons"):
            await log.append("observaitons", numbered("gauge", [1]))

    async def test_a_burst_beyond_what_may_wait_slows_the_callers_and_loses_nothing(
        self, open_another: Callable[..., Awaitable[Log]]
    ) -> None:
        log = await open_another(waiting_bytes=10_000, commit_bytes=4_000)
        value = bytes(1_000)
        waiting = [
            asyncio.create_task(log.append(OBSERVATIONS, [NewRecord(b"gauge", b"%d:" % n + value)])) for n in range(100)
        ]
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert pending, "a hundred records of 1 kB cannot all be in one commit of 4 kB"
        assert len(done) <= 10
        await asyncio.gather(*waiting)
        found = by_key(await read_all(log))
        assert [int(value.split(b":")[0]) for value in found[b"gauge"]] == list(range(100))

    async def test_partitions_are_shared_and_move_with_members(
        self, log: Log, open_another: Callable[..., Awaitable[Log]], database: CityDatabase
    ) -> None:
        effects: dict[bytes, list[tuple[str, bytes]]] = defaultdict(list)
        keys = [key_in(partition) for partition in range(PARTITIONS)]
        sent = 0

        async def send_until(check: Callable[[], bool], seconds: float = 60.0) -> None:
            nonlocal sent
            deadline = time.monotonic() + seconds
            while not check():
                await log.append(OBSERVATIONS, [record for key in keys for record in numbered(key, [sent])])
                sent += 1
                assert time.monotonic() < deadline, "the members did not share the partitions in time"
                await asyncio.sleep(0.01)

        first = Worker(log, database, "first", effects)
        await send_until(lambda: first.partitions == set(range(PARTITIONS)))
        second = Worker(await open_another(), database, "second", effects)
        await send_until(lambda: len(second.partitions) == 2)
        await first.stop()
        await send_until(lambda: second.partitions == set(range(PARTITIONS)))
        await eventually(lambda: _complete(effects, keys, sent))
        await second.stop()
        for key in keys:
            values = [value for _, value in effects[key.encode()]]
            assert values == [f"{key} {number}".encode() for number in range(sent)], "once each, in order"

    async def test_a_member_that_leaves_hands_over_at_once(
        self, log: Log, open_another: Callable[..., Awaitable[Log]], positions: PostgresPositions
    ) -> None:
        leaving = await log.consumer(OBSERVATIONS, GROUP, positions)
        await log.append(OBSERVATIONS, numbered("gauge", range(3)))
        await take(leaving, 3)
        await leaving.close()
        staying = await (await open_another()).consumer(OBSERVATIONS, GROUP, positions)
        assert len(await take(staying, 3, seconds=5)) == 3
        await staying.close()

    async def test_another_process_reads_what_one_appended(
        self, log: Log, open_another: Callable[..., Awaitable[Log]]
    ) -> None:
        await log.append(OBSERVATIONS, numbered("gauge", range(3)))
        assert len(await read_all(await open_another())) == 3


async def _complete(effects: dict[bytes, list[tuple[str, bytes]]], keys: Sequence[str], sent: int) -> bool:
    return all(len(effects[key.encode()]) >= sent for key in keys)
