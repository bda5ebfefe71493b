"""The outbox and its relay, in front of a log of another database (any `Log` will do; Kafka in `test_kafka`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from broker.errors import Forbidden, Invalid, Unavailable
from broker.log.outbox import OutboxOutlet, relay
from broker.log.postgres import PostgresLog
from broker.log.settings import OutboxSettings
from broker.ports import CHANGES, MAX_RECORD_BYTES, OBSERVATIONS, Log, NewRecord
from tests.conftest import CityDatabase
from tests.integration.log.contract import TOPICS, by_key, eventually, numbered, read_all

OUTLET = OutboxOutlet(TOPICS)


@pytest.fixture
async def log(database: CityDatabase) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(database.system, partitions=TOPICS)
    yield log
    await log.close()


@asynccontextmanager
async def relaying(database: CityDatabase, log: Log, **settings: int) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(relay(database.system, log, stop, OutboxSettings(**settings)))
    yield
    stop.set()
    await asyncio.wait_for(task, 60)


async def waiting(database: CityDatabase) -> int:
    async with database.system.transaction() as tx:
        return int(await tx.fetchval("select count(*) from outbox"))


async def emptied(database: CityDatabase) -> None:
    async def empty() -> bool:
        return await waiting(database) == 0

    await eventually(empty)


class Faltering:
    """The log, failing when told to: before storing, or after."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.before = self.after = 0

    async def append(self, topic: str, records: Sequence[NewRecord]) -> None:
        if self.before:
            self.before -= 1
            raise Unavailable("the log is away")
        await self._log.append(topic, records)
        if self.after:
            self.after -= 1
            raise Unavailable("the answer was lost")

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


async def test_a_request_s_records_reach_the_log_in_order(database: CityDatabase, log: PostgresLog) -> None:
    async with relaying(database, log, batch_records=7):
        for number in range(30):
            async with database.app.transaction("fukui") as tx:
                await OUTLET.put(tx, CHANGES, [*numbered("a", [number]), *numbered("b", [number])])
        await emptied(database)
    found = by_key(await read_all(log, CHANGES))
    assert found == {key.encode(): [f"{key} {n}".encode() for n in range(30)] for key in ("a", "b")}


async def test_a_commit_wakes_the_relay(database: CityDatabase, log: PostgresLog) -> None:
    async with relaying(database, log, look_again_seconds=60):
        for number in range(2):  # the first may be found by the look that a relay begins with
            async with database.app.transaction("fukui") as tx:
                await OUTLET.put(tx, CHANGES, numbered("a", [number]))
            await emptied(database)


async def test_what_is_rolled_back_never_appears(database: CityDatabase, log: PostgresLog) -> None:
    async def put_and_fail() -> None:
        async with database.app.transaction("fukui") as tx:
            await OUTLET.put(tx, CHANGES, numbered("a", [1]))
            raise KeyError

    async with relaying(database, log):
        with pytest.raises(KeyError):
            await put_and_fail()
        async with database.app.transaction("fukui") as tx:
            await OUTLET.put(tx, CHANGES, numbered("a", [2]))
        await emptied(database)
    assert by_key(await read_all(log, CHANGES)) == {b"a": [b"a 2"]}


async def test_a_late_commit_is_neither_skipped_nor_overtaken_by_its_key(
    database: CityDatabase, log: PostgresLog
) -> None:
    async with relaying(database, log):
        async with database.app.transaction("fukui") as late:
            await OUTLET.put(late, CHANGES, numbered("a", [1]))

            async def put(key: str, number: int) -> None:
                async with database.app.transaction("neighbour") as tx:
                    await OUTLET.put(tx, CHANGES, numbered(key, [number]))

            same_key = asyncio.create_task(put("a", 2))
            await put("b", 3)  # a higher id than the one still open

            async def relayed() -> bool:
                return b"b" in by_key(await read_all(log, CHANGES))

            await eventually(relayed)
            assert not same_key.done()
        await same_key
        await emptied(database)
    assert by_key(await read_all(log, CHANGES)) == {b"b": [b"b 3"], b"a": [b"a 1", b"a 2"]}


async def test_a_log_that_is_away_loses_nothing_and_reorders_nothing(database: CityDatabase, log: PostgresLog) -> None:
    faltering = Faltering(log)
    faltering.before, faltering.after = 2, 1
    async with relaying(database, faltering, batch_records=5):  # type: ignore[arg-type]
        for number in range(20):
            async with database.app.transaction("fukui") as tx:
                await OUTLET.put(tx, CHANGES, numbered("a", [number]))
        await emptied(database)
    values = [int(value.split()[1]) for value in by_key(await read_all(log, CHANGES))[b"a"]]
    assert list(dict.fromkeys(values)) == list(range(20)), "first copies in order"
    assert 20 < len(values) <= 25, "the batch whose answer was lost came twice"


async def test_two_relays_move_each_record_once(database: CityDatabase, log: PostgresLog) -> None:
    async with relaying(database, log, batch_records=3), relaying(database, log, batch_records=3):
        for number in range(40):
            async with database.app.transaction("fukui") as tx:
                await OUTLET.put(tx, CHANGES, numbered("a", [number]))
        await emptied(database)
    assert by_key(await read_all(log, CHANGES)) == {b"a": [f"a {n}".encode() for n in range(40)]}


async def test_a_request_sees_nothing_of_the_outbox(database: CityDatabase) -> None:
    async with database.app.transaction("neighbour") as tx:
        await OUTLET.put(tx, CHANGES, numbered("a", [1]))
    for statement in ("select * from outbox", "delete from outbox", "update outbox set topic = ''"):
        with pytest.raises(Forbidden):
            async with database.app.transaction("fukui") as tx:
                await tx.execute(statement)
    assert await waiting(database) == 1


async def test_put_refuses_what_the_log_would(database: CityDatabase) -> None:
    for topic, records in (
        (OBSERVATIONS, [NewRecord(b"k", bytes(MAX_RECORD_BYTES + 1))]),
        ("observaitons", numbered("k", [1])),
    ):
        with pytest.raises(Invalid):
            async with database.app.transaction("fukui") as tx:
                await OUTLET.put(tx, topic, records)
    assert await waiting(database) == 0
