"""The log inside PostgreSQL: the contract, and what only this driver promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.errors import Forbidden, Invalid, Unavailable
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.log.settings import GatheringSettings, PostgresLogSettings
from broker.ports import CHANGES, MAX_RECORD_BYTES, OBSERVATIONS, Database, Log, NewRecord
from broker.store.migrate import migrate
from broker.store.positions import PostgresPositions, advance
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from tests.conftest import TEST_BINARIES, CityDatabase
from tests.integration.log.contract import (
    GROUP,
    PARTITIONS,
    TOPICS,
    LogContract,
    key_in,
    numbered,
    read_all,
    shortest_wait,
    take,
)
from tests.integration.log.endurance import endure


def quick(**gathering: int) -> PostgresLogSettings:
    return PostgresLogSettings(lease_seconds=1.5, gathering=GatheringSettings(**gathering))


@pytest.fixture
async def log(database: CityDatabase) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(database.system, partitions=TOPICS, settings=quick())
    yield log
    await log.close()


@pytest.fixture
async def open_another(database: CityDatabase) -> AsyncIterator[Callable[..., Awaitable[Log]]]:
    opened: list[tuple[PostgresLog, object]] = []

    async def another(**gathering: int) -> Log:
        own = await open_database(database.system_url, system=True, size=4)
        opened.append((PostgresLog(own, partitions=TOPICS, settings=quick(**gathering)), own))
        return opened[-1][0]

    yield another
    for log, own in opened:
        await log.close()
        await own.close()


class TestPostgresLog(LogContract):
    """The contract."""


class TestOffsets:
    """Records become visible in the order of their offsets, whoever commits first."""

    async def test_no_reader_passes_a_record_that_commits_late(self, log: PostgresLog, database: CityDatabase) -> None:
        outlet = PostgresOutlet(TOPICS)
        positions = PostgresPositions(database.system)
        await log.append(OBSERVATIONS, numbered(key_in(3), [0]))  # makes the topic
        consumer = await log.consumer(OBSERVATIONS, GROUP, positions)
        async with database.system.transaction() as late:
            await outlet.put(late, OBSERVATIONS, numbered(key_in(1), range(2)))
            overtaking = asyncio.create_task(log.append(OBSERVATIONS, numbered(key_in(1, "other"), range(2, 4))))
            beside = PostgresLog(database.system, partitions=TOPICS)
            await take(consumer, 1)
            await asyncio.wait_for(beside.append(OBSERVATIONS, numbered(key_in(2), [9])), 30)
            assert [record.value for record in await take(consumer, 1)] == [f"{key_in(2)} 9".encode()]
            assert await consumer.poll(max_records=10, wait=0.5) == []
            assert not overtaking.done()
        await overtaking
        records = await take(consumer, 4)
        assert [(record.offset, record.value.split()[-1]) for record in records] == [
            (0, b"0"), (1, b"1"), (2, b"2"), (3, b"3")
        ]  # fmt: skip
        await consumer.close()
        await beside.close()

    async def test_a_transaction_rolled_back_leaves_no_gap(self, log: PostgresLog, database: CityDatabase) -> None:
        outlet = PostgresOutlet(TOPICS)
        await log.append(OBSERVATIONS, numbered(key_in(1), [0]))

        async def put_and_fail() -> None:
            async with database.system.transaction() as tx:
                await outlet.put(tx, OBSERVATIONS, numbered(key_in(1), range(100, 110)))
                raise KeyError

        with pytest.raises(KeyError):
            await put_and_fail()
        await log.append(OBSERVATIONS, numbered(key_in(1), [1]))
        assert [(record.offset, record.value[-1:]) for record in await read_all(log)] == [(0, b"0"), (1, b"1")]

    async def test_many_processes_append_without_gap_or_deadlock(
        self, log: PostgresLog, open_another: Callable[..., Awaitable[Log]]
    ) -> None:
        logs = [log, await open_another(), await open_another()]
        keys = [f"gauge-{number}" for number in range(50)]
        await asyncio.gather(
            *(
                logs[number % 3].append(OBSERVATIONS, [NewRecord(key.encode(), b"%d" % number) for key in keys])
                for number in range(90)
            )
        )
        records = await read_all(log)
        for partition in range(PARTITIONS):
            own = [record for record in records if record.partition == partition]
            assert [record.offset for record in own] == list(range(len(own)))
            assert [record.appended_at for record in own] == sorted(record.appended_at for record in own)
        assert len(records) == 50 * 90


class TestOutlet:
    """A change is on the log if and only if its transaction commits, also for a request's role."""

    async def test_the_application_appends_and_cannot_read(self, log: PostgresLog, database: CityDatabase) -> None:
        async with database.app.transaction("fukui") as tx:
            await PostgresOutlet(TOPICS).put(tx, CHANGES, numbered("entity", range(3)))
        assert len(await read_all(log, CHANGES)) == 3
        for table in ("log_batch", "log_partition", "log_member"):
            with pytest.raises(Forbidden):
                async with database.app.transaction("fukui") as tx:
                    await tx.fetch(f"select * from {table}")

    async def test_nobody_but_the_function_writes_the_log(self, database: CityDatabase) -> None:
        for city, tenant in ((database.app, "fukui"), (database.system, None)):
            with pytest.raises(Forbidden):
                async with city.transaction(tenant) as tx:
                    await tx.execute("update log_partition set next = 0")

    async def test_put_refuses_what_append_refuses(self, database: CityDatabase) -> None:
        with pytest.raises(Invalid, match="at most"):
            async with database.app.transaction("fukui") as tx:
                await PostgresOutlet(TOPICS).put(tx, CHANGES, [NewRecord(b"k", bytes(MAX_RECORD_BYTES + 1))])

    async def test_a_put_wakes_a_consumer(self, log: PostgresLog, database: CityDatabase) -> None:
        consumer = await log.consumer(CHANGES, GROUP, PostgresPositions(database.system))

        async def put() -> None:
            async with database.app.transaction("fukui") as tx:
                await PostgresOutlet(TOPICS).put(tx, CHANGES, numbered("entity", [1]))

        assert await shortest_wait(consumer, put) < 0.6, "it looks again after a second by itself"
        await consumer.close()


class TestMembers:
    """Leases: what happens to a member that falls silent."""

    async def test_a_dead_member_is_replaced_after_its_lease(
        self, log: PostgresLog, open_another: Callable[..., Awaitable[Log]], database: CityDatabase
    ) -> None:
        positions = PostgresPositions(database.system)
        dying_database = await open_database(database.system_url, system=True, size=2)
        dying = PostgresLog(dying_database, partitions=TOPICS, settings=quick())
        dead = await dying.consumer(OBSERVATIONS, GROUP, positions)
        await log.append(OBSERVATIONS, numbered("gauge", range(3)))
        await take(dead, 3)
        await dying_database.close()  # its heart stops: no connection, no renewal
        heir = await log.consumer(OBSERVATIONS, GROUP, positions)
        assert await heir.poll(max_records=10, wait=0.3) == [], "the lease has not run out yet"
        assert len(await take(heir, 3, seconds=60)) == 3
        await heir.close()
        await dead.close()
        await dying.close()

    async def test_a_slow_handler_keeps_its_partitions(
        self, log: PostgresLog, open_another: Callable[..., Awaitable[Log]], database: CityDatabase
    ) -> None:
        positions = PostgresPositions(database.system)
        slow = await log.consumer(OBSERVATIONS, GROUP, positions)
        other = await (await open_another()).consumer(OBSERVATIONS, GROUP, positions)
        await slow.poll(max_records=10, wait=0)  # lets go of half
        await other.poll(max_records=10, wait=0)
        await log.append(OBSERVATIONS, [r for p in range(PARTITIONS) for r in numbered(key_in(p), [1])])
        in_hand = await take(slow, 2)
        for _ in range(25):  # three seconds and more, twice the lease
            others = await other.poll(max_records=10, wait=0.13)
            assert {record.partition for record in others}.isdisjoint(record.partition for record in in_hand)
        assert await slow.poll(max_records=10, wait=0) == []
        await slow.close()
        await other.close()

    async def test_a_stuck_handler_loses_them(self, database: CityDatabase, log: PostgresLog) -> None:
        positions = PostgresPositions(database.system)
        settings = PostgresLogSettings(lease_seconds=0.6, processing_seconds=0.5)
        impatient = PostgresLog(database.system, partitions=TOPICS, settings=settings)
        stuck = await impatient.consumer(OBSERVATIONS, GROUP, positions)
        await log.append(OBSERVATIONS, numbered("gauge", range(3)))
        await take(stuck, 3)
        other = await log.consumer(OBSERVATIONS, GROUP, positions)
        assert len(await take(other, 3, seconds=60)) == 3
        await stuck.close()
        await other.close()
        await impatient.close()

    async def test_more_members_than_partitions_leave_some_idle(self, log: PostgresLog, database: CityDatabase) -> None:
        positions = PostgresPositions(database.system)
        members = [await log.consumer(OBSERVATIONS, GROUP, positions) for _ in range(PARTITIONS + 2)]
        for _ in range(3):
            for member in members:
                await member.poll(max_records=1, wait=0)
        await log.append(OBSERVATIONS, [r for p in range(PARTITIONS) for r in numbered(key_in(p), [1])])
        counts = [len(await member.poll(max_records=10, wait=0.2)) for member in members]
        assert sorted(counts) == [0, 0, 1, 1, 1, 1]
        for member in members:
            await member.close()


class TestKeeping:
    """Retention and the fixed number of partitions."""

    async def test_trim_deletes_the_old_and_keeps_the_offsets(self, log: PostgresLog, database: CityDatabase) -> None:
        for number in range(500):
            await log.append(OBSERVATIONS, numbered(key_in(0), [number]))
        cut = datetime.now(UTC)
        await log.append(OBSERVATIONS, numbered(key_in(0), [500]))
        assert await log.trim(OBSERVATIONS, cut) == 500
        assert await log.trim(OBSERVATIONS, cut) == 0
        assert [record.offset for record in await log.read(OBSERVATIONS, 0, 0, limit=10)] == [500]
        consumer = await log.consumer(OBSERVATIONS, GROUP, PostgresPositions(database.system))
        assert [record.offset for record in await take(consumer, 1)] == [500]
        assert await log.trim(OBSERVATIONS, datetime.now(UTC) + timedelta(hours=1)) == 1
        await log.append(OBSERVATIONS, numbered(key_in(0), [501]))
        assert [record.offset for record in await take(consumer, 1)] == [501]
        await consumer.close()

    async def test_another_number_of_partitions_is_refused(self, log: PostgresLog, database: CityDatabase) -> None:
        await log.append(OBSERVATIONS, numbered("gauge", [1]))
        other = PostgresLog(database.system, partitions={OBSERVATIONS: 8})
        with pytest.raises(Invalid, match="made with 4 partitions and is configured with 8"):
            await other.append(OBSERVATIONS, numbered("gauge", [2]))
        await other.close()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, to kill, with PostgreSQL's own durability settings."""
    server = EmbeddedPostgres(tmp_path / "postgres", binaries=TEST_BINARIES)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def mortal_database(mortal: EmbeddedPostgres) -> AsyncIterator[Database]:
    owner = await open_database(mortal.url(), system=True, size=1)
    await migrate(owner, MIGRATED_PACKAGES, {role: mortal.password(role) for role in ("cityos_app", "cityos_system")})
    await owner.close()
    database = await open_database(mortal.url("cityos_system"), system=True)
    yield database
    await database.close()


@pytest.mark.faults
class TestKilledServer:
    """`kill -9` of PostgreSQL."""

    async def test_nothing_acknowledged_is_lost(self, mortal: EmbeddedPostgres, mortal_database: Database) -> None:
        log = PostgresLog(mortal_database, partitions=TOPICS, settings=quick())

        async def kill_and_restart() -> None:
            await asyncio.to_thread(mortal.kill)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(mortal.start)

        senders = await endure(log, kill_and_restart)
        assert senders.refused > 0, "the server was never missed"
        await log.close()

    async def test_a_consumer_goes_on_afterwards(self, mortal: EmbeddedPostgres, mortal_database: Database) -> None:
        log = PostgresLog(mortal_database, partitions=TOPICS, settings=quick())
        consumer = await log.consumer(OBSERVATIONS, GROUP, PostgresPositions(mortal_database))
        await log.append(OBSERVATIONS, numbered(key_in(1), range(3)))
        await take(consumer, 3)
        async with mortal_database.transaction() as tx:
            await advance(tx, GROUP, OBSERVATIONS, {1: (0, 3)})
        await asyncio.to_thread(mortal.kill)
        with pytest.raises(Unavailable):
            await consumer.poll(max_records=10, wait=5)
        await asyncio.to_thread(mortal.start)
        await log.append(OBSERVATIONS, numbered(key_in(1), [3]))
        assert [record.offset for record in await take(consumer, 1)] == [3]
        await consumer.close()
        await log.close()
