"""The log on Apache Kafka: the contract, and what only this driver promises."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from broker.consume import Consumption, Subscription
from broker.errors import Invalid, Unavailable
from broker.log.kafka import KafkaLog
from broker.log.settings import GatheringSettings, KafkaSettings
from broker.ports import OBSERVATIONS, Log, Record, Transaction
from broker.store.positions import PostgresPositions, advance
from tests.conftest import CityDatabase
from tests.integration.log.contract import (
    GROUP,
    TOPICS,
    LogContract,
    Worker,
    eventually,
    key_in,
    numbered,
    read_all,
    take,
)
from tests.integration.log.endurance import endure
from tests.kafka import KafkaBroker, installed

pytest_plugins = ["tests.plugins.kafka"]
pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: KafkaBroker) -> KafkaSettings:
    """Topics of this test's own on the shared broker."""
    return KafkaSettings(bootstrap=kafka.bootstrap, topic_prefix=f"{uuid.uuid4().hex[:8]}.", session_seconds=6)


@pytest.fixture
async def log(settings: KafkaSettings) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(partitions=TOPICS, settings=settings)
    yield log
    await log.close()


@pytest.fixture
async def open_another(settings: KafkaSettings) -> AsyncIterator[Callable[..., Awaitable[Log]]]:
    opened: list[KafkaLog] = []

    async def another(**gathering: int) -> Log:
        changed = settings.model_copy(update={"gathering": GatheringSettings(**gathering)})
        opened.append(KafkaLog(partitions=TOPICS, settings=changed))
        return opened[-1]

    yield another
    for log in opened:
        await log.close()


class TestKafkaLog(LogContract):
    """The contract."""


class TestCluster:
    """What the cluster has and we expect may differ."""

    async def test_another_number_of_partitions_is_refused(self, log: KafkaLog, settings: KafkaSettings) -> None:
        await log.append(OBSERVATIONS, numbered("gauge", [1]))
        other = KafkaLog(partitions={OBSERVATIONS: 8}, settings=settings)
        with pytest.raises(Invalid, match="has 4 partitions and is configured with 8"):
            await other.append(OBSERVATIONS, numbered("gauge", [2]))
        await other.close()

    async def test_too_few_brokers_for_the_copies_is_said(self, settings: KafkaSettings) -> None:
        greedy = KafkaLog(partitions=TOPICS, settings=settings.model_copy(update={"replication_factor": 3}))
        with pytest.raises(Unavailable, match=r"cannot be made.*replication"):
            await greedy.append(OBSERVATIONS, numbered("gauge", [1]))
        await greedy.close()

    async def test_no_broker_is_unavailable_in_time(self, settings: KafkaSettings) -> None:
        nowhere = settings.model_copy(update={"bootstrap": "127.0.0.1:1", "request_seconds": 1.0})
        log = KafkaLog(partitions=TOPICS, settings=nowhere)
        for attempt in (log.append(OBSERVATIONS, numbered("gauge", [1])), log.ends(OBSERVATIONS)):
            with pytest.raises(Unavailable, match="Kafka does not answer"):
                await asyncio.wait_for(attempt, 60)
        await log.close()

    async def test_a_position_beyond_the_end_is_an_error_that_says_so(
        self, log: KafkaLog, database: CityDatabase
    ) -> None:
        async with database.system.transaction() as tx:
            await advance(tx, GROUP, OBSERVATIONS, {2: (0, 4000)})
        consumer = await log.consumer(OBSERVATIONS, GROUP, PostgresPositions(database.system))
        with pytest.raises(Unavailable, match="stands at 4000 in observations/2, which ends at 0"):
            await take(consumer, 1)
        # As docs/operations/backup.md says of moving from another log.
        async with database.system.transaction() as tx:
            await tx.execute("delete from position")
        await log.append(OBSERVATIONS, numbered(key_in(2), [1]))
        assert len(await take(consumer, 1)) == 1
        await consumer.close()

    async def test_replay_from_a_time_before_the_epoch_is_the_beginning(self, log: KafkaLog) -> None:
        await log.append(OBSERVATIONS, numbered(key_in(0), [1]))
        first = (await log.read(OBSERVATIONS, 0, 0, limit=1))[0]
        offsets = await log.offsets_at(OBSERVATIONS, first.appended_at - timedelta(days=40_000))
        assert offsets == dict.fromkeys(range(4), 0)


@pytest.fixture
def mortal(tmp_path: Path, kafka: KafkaBroker) -> KafkaBroker:
    """A broker of the test's own, to kill. (The shared one says whether Kafka is to be had at all.)"""
    return KafkaBroker(tmp_path / "kafka", installed())


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed(mortal: KafkaBroker) -> None:
    await asyncio.to_thread(mortal.start)
    log = KafkaLog(partitions=TOPICS, settings=KafkaSettings(bootstrap=mortal.bootstrap))
    try:
        senders = await endure(log, lambda: asyncio.to_thread(mortal.restart))
        assert min(senders.acknowledged.values()) >= 60
    finally:
        await log.close()
        mortal.stop()


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_what_outlasts_the_time_limit_is_refused_and_can_be_sent_again(mortal: KafkaBroker) -> None:
    await asyncio.to_thread(mortal.start)
    log = KafkaLog(partitions=TOPICS, settings=KafkaSettings(bootstrap=mortal.bootstrap, append_seconds=2))

    async def kill_and_restart() -> None:
        await asyncio.to_thread(mortal.kill)
        await asyncio.sleep(4)
        await asyncio.to_thread(mortal.start)

    try:
        senders = await endure(log, kill_and_restart)
        assert senders.refused > 0, "the broker was never missed"
    finally:
        await log.close()
        mortal.stop()


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_effects_happen_once_although_the_broker_is_killed(mortal: KafkaBroker, database: CityDatabase) -> None:
    await asyncio.to_thread(mortal.start)
    settings = KafkaSettings(bootstrap=mortal.bootstrap, session_seconds=6)
    logs = [KafkaLog(partitions=TOPICS, settings=settings) for _ in range(3)]
    effects: dict[bytes, list[tuple[str, bytes]]] = {key_in(partition).encode(): [] for partition in range(4)}
    workers = [Worker(log, database, f"worker {number}", effects) for number, log in enumerate(logs[:2])]
    try:
        for number in range(120):
            await logs[2].append(OBSERVATIONS, [r for key in effects for r in numbered(key.decode(), [number])])
            if number in (40, 80):
                await asyncio.to_thread(mortal.restart)

        async def handled() -> bool:
            return all(len(values) >= 120 for values in effects.values())

        await eventually(handled, 90)
        for worker in workers:
            await worker.stop()
        stored = [(record.key, record.value) for record in await read_all(logs[2])]
        for key, values in effects.items():
            assert [value for _, value in values] == [value for own, value in stored if own == key]
            assert list(dict.fromkeys(value for _, value in values)) == [b"%s %d" % (key, n) for n in range(120)]
    finally:
        for log in logs:
            await log.close()
        mortal.stop()


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_consumption_goes_on_after_an_outage_longer_than_its_patience(
    mortal: KafkaBroker, database: CityDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(mortal.start)
    log = KafkaLog(
        partitions=TOPICS, settings=KafkaSettings(bootstrap=mortal.bootstrap, session_seconds=6, request_seconds=1)
    )
    heard: list[bytes] = []

    async def handle(_: Transaction, records: Sequence[Record]) -> None:
        heard.extend(record.value for record in records)

    async def gave_up() -> bool:
        return "waiting" in caplog.text

    stop = asyncio.Event()
    consuming = asyncio.create_task(
        Consumption(log, database.system, Subscription(OBSERVATIONS, GROUP, wait=0.2), handle).run(stop)
    )
    try:
        await log.append(OBSERVATIONS, numbered("gauge", [1]))
        await eventually(lambda: _has(heard, 1))
        caplog.clear()
        await asyncio.to_thread(mortal.kill)
        await eventually(gave_up)
        await asyncio.to_thread(mortal.start)
        await log.append(OBSERVATIONS, numbered("gauge", [2]))
        await eventually(lambda: _has(heard, 2))
        stop.set()
        await asyncio.wait_for(consuming, 30)
        assert heard == [b"gauge 1", b"gauge 2"]
    finally:
        consuming.cancel()
        await log.close()
        mortal.stop()


async def _has(heard: list[bytes], count: int) -> bool:
    return len(heard) >= count
