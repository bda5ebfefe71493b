"""The keeper: months, retention, quota, books; safe beside writers and other keepers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.mqtt.patience import until
from broker.errors import Conflict, Forbidden, Unavailable
from broker.store.accounting import RECEIVED, STORED, Ledger, Rejected, keep_rejected
from broker.store.books import audit, audit_history, audit_log, reaches
from broker.store.history import History, Row, Series
from broker.store.instances import newest, remove
from broker.store.maintenance import Keeper
from broker.store.partitions import existing_months, make_months, months_ahead, months_in_default
from broker.store.settings import KeeperSettings
from tests.conftest import CityDatabase

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LEVEL = Series("urn:ngsi-ld:WaterObserved:180009:1", "waterLevel", "", "MTR")
FLOOD = datetime(2023, 7, 13, 0, 0, tzinfo=UTC)


def readings(start: datetime, count: int, received: datetime | None = None) -> list[Row]:
    return [
        Row(LEVEL, at, float(n), None, received or at)
        for n in range(count)
        for at in [start + timedelta(minutes=10 * n)]
    ]


async def keep(database: CityDatabase, rows: Sequence[Row], tenant: str = "fukui") -> list[int | None]:
    async with database.system.transaction() as tx:
        number = await tx.fetchval("select id from tenant where name = $1", tenant)
        return await History().append(tx, number, rows)


async def ask(database: CityDatabase, query: str, *args: Any) -> Any:
    async with database.system.transaction() as tx:
        return await tx.fetchval(query, *args)


def keeper(database: CityDatabase, now: datetime = NOW, **settings: Any) -> Keeper:
    return Keeper(database.system, KeeperSettings(**settings), lambda: now)


def test_months_ahead_pass_the_new_year() -> None:
    assert months_ahead(NOW, 2) == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]


async def test_months_are_made_ahead_and_for_what_has_gathered(database: CityDatabase) -> None:
    await keep(database, readings(FLOOD, 300))
    await keep(database, readings(datetime(1999, 1, 1, tzinfo=UTC), 3, NOW))
    await keeper(database, month_rows=100).round()
    async with database.system.transaction() as tx:
        months = await existing_months(tx)
        assert months == [date(2023, 7, 1), date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
        assert await months_in_default(tx) == {date(1999, 1, 1): 3}
        assert await tx.fetchval("select count(*) from history") == 303


async def test_a_value_that_moved_is_still_a_duplicate(database: CityDatabase) -> None:
    rows = readings(FLOOD, 5)
    await keep(database, rows)
    async with database.system.transaction() as tx:
        assert await make_months(tx, [date(2023, 7, 1)]) == 5
    assert await keep(database, rows) == [None] * 5
    assert await keep(database, [rows[2]._replace(number=99.0)]) == [1]


@pytest.mark.parametrize("relation", ["history_2023_07", "history_rest"])
async def test_nobody_reads_a_partition_past_the_policies(database: CityDatabase, relation: str) -> None:
    async with database.system.transaction() as tx:
        await make_months(tx, [date(2023, 7, 1)])
    await keep(database, readings(FLOOD, 5))
    for role, tenant in ((database.app, "neighbour"), (database.system, None)):
        with pytest.raises(Forbidden):
            async with role.transaction(tenant) as tx:
                await tx.fetch(f"select * from {relation}")
    async with database.app.transaction("neighbour") as tx:
        assert await tx.fetchval("select count(*) from history") == 0
    async with database.app.transaction("fukui") as tx:
        assert await tx.fetchval("select count(*) from history") == 5


async def test_a_request_cannot_make_or_drop_partitions(database: CityDatabase) -> None:
    for call in ("history_make_month('2023-07-01')", "history_drop_month('2023-07-01', now())"):
        with pytest.raises(Forbidden):
            async with database.app.transaction("fukui") as tx:
                await tx.fetch(f"select {call}")


async def test_a_month_is_made_while_writers_write(database: CityDatabase) -> None:
    await keep(database, readings(FLOOD, 2000))
    stop = asyncio.Event()
    done: list[int] = []

    async def write_one(second: int) -> None:
        row = Row(LEVEL, FLOOD + timedelta(days=20, seconds=second), 1.0, None, FLOOD)
        with suppress(Conflict):
            await keep(database, [row])
            done.append(second)

    async def write() -> None:
        while not stop.is_set():
            await write_one(len(done))

    async def write_more() -> None:
        before = len(done)
        assert await until(lambda: len(done) > before, within=30)

    writing = asyncio.create_task(write())
    await write_more()
    async with database.system.transaction() as tx:
        assert await make_months(tx, [date(2023, 8, 1), date(2023, 7, 1)]) > 2000
    await write_more()
    stop.set()
    await writing
    assert await ask(database, "select count(*) from history") == 2000 + len(done)


async def test_making_a_month_gives_way_to_a_long_transaction(database: CityDatabase) -> None:
    async with database.system.transaction() as holder:
        await holder.execute("insert into series (tenant_id, entity_id, attribute) select id, 'x', 'y' from tenant")
        await holder.execute(
            "insert into history (series_id, at, tenant_id, received_at) select id, $1, tenant_id, $1 from series",
            FLOOD,
        )
        with pytest.raises(Unavailable):
            async with database.system.transaction() as tx:
                await make_months(tx, [date(2023, 7, 1)])
        await keeper(database).round()


async def test_history_past_every_retention_is_dropped_by_the_month(database: CityDatabase) -> None:
    old, archive = datetime(2019, 3, 1, tzinfo=UTC), datetime(2019, 4, 1, tzinfo=UTC)
    async with database.system.transaction() as tx:
        await make_months(tx, [old.date(), archive.date()])
    await keep(database, readings(old, 10))
    await keep(database, readings(archive, 10, received=NOW))
    await keeper(database).sweep()
    async with database.system.transaction() as tx:
        assert await existing_months(tx) == [archive.date()]
        assert await tx.fetchval("select count(*) from history") == 10


async def test_a_tenant_with_a_shorter_retention_loses_only_its_own(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into retention (tenant_id, kind, keep) select id, 'history', interval '7 days' from tenant"
            " where name = 'neighbour'"
        )
    for tenant in ("fukui", "neighbour"):
        await keep(database, readings(NOW - timedelta(days=8), 144 * 7), tenant)
    await keeper(database, slice_rows=50).sweep()
    async with database.system.transaction() as tx:
        rows = await tx.fetch("select t.name, count(*) from history join tenant t on t.id = tenant_id group by 1")
        assert dict(rows) == {"fukui": 144 * 7, "neighbour": 144 * 6}
        assert await tx.fetchval("select count(*) from history_dirty") == 2


async def test_rejected_messages_go_by_age_and_by_bytes(database: CityDatabase) -> None:
    def row(n: int, at: datetime, tenant: str = "fukui") -> Rejected:
        return Rejected(tenant, "g", "g", f"t/{n}", "not-json", None, "", bytes(1000), at)

    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into retention select id, 'rejected', interval '90 days', 5100 from tenant where name = 'fukui'"
        )
        aged = [row(0, NOW - timedelta(days=91)), row(0, NOW - timedelta(days=91), "neighbour")]
        await keep_rejected(
            tx, [*aged, *(row(n, NOW - timedelta(minutes=9 - n)) for n in range(1, 9)), row(9, NOW, "neighbour")]
        )
    await keeper(database).round()
    await keeper(database).sweep()
    async with database.system.transaction() as tx:
        topics = [r["topic"] for r in await tx.fetch("select topic from rejected order by topic")]
    assert topics == ["t/4", "t/5", "t/6", "t/7", "t/8", "t/9"]


async def test_seen_messages_are_forgotten(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into message_seen select id, 'd', age::text, $1::timestamptz - make_interval(days => age)"
            " from tenant, unnest(array[1, 29, 31, 400]) age where name = 'fukui'",
            NOW,
        )
    await keeper(database, slice_rows=1).sweep()
    assert await ask(database, "select string_agg(message_key, ',' order by message_key) from message_seen") == "1,29"


async def test_the_books_balance_or_say_where_not(database: CityDatabase) -> None:
    ledger = Ledger()
    for outcome, count in ((RECEIVED, 5), (STORED, 3), ("rejected:not-json", 2)):
        ledger.add("fukui", "good", NOW, outcome, count)
    ledger.add("fukui", "bad", NOW, RECEIVED, 2)
    ledger.add("neighbour", "worse", NOW, STORED, 1)
    async with database.system.transaction() as tx:
        await ledger.save(tx)
        before = [str(line) for line in await audit(tx, NOW.date())]
    await keeper(database).round()
    async with database.system.transaction() as tx:
        after = [str(line) for line in await audit(tx, NOW.date())]
        assert await audit(tx, NOW.date() + timedelta(days=1)) == []
    expected = ["fukui/bad 2026-11-21: 2 expected, 0 found", "neighbour/worse 2026-11-21: 0 expected, 1 found"]
    assert before == after == [f"outcomes: {line}" for line in expected]


async def test_rows_that_vanished_from_history_are_noticed(database: CityDatabase) -> None:
    await keep(database, readings(NOW, 3, received=NOW))
    ledger = Ledger()
    ledger.add("fukui", "g", NOW, STORED, 3)
    async with database.system.transaction() as tx:
        await ledger.save(tx)
        assert await audit_history(tx, NOW.date()) == []
        await tx.execute("delete from history where number = 1")
        (line,) = await audit_history(tx, NOW.date())
    assert (line.tenant, line.expected, line.found) == ("fukui", 3, 2)


async def test_rows_that_move_to_a_month_of_their_own_have_not_vanished(database: CityDatabase) -> None:
    await keep(database, readings(FLOOD, 3, received=NOW))
    ledger = Ledger()
    ledger.add("fukui", "g", NOW, STORED, 3)
    async with database.system.transaction() as tx:
        await ledger.save(tx)

    async def move() -> int:
        async with database.system.transaction() as tx:
            return await make_months(tx, [FLOOD.date()])

    async def count() -> list[Any]:
        async with database.system.transaction() as tx:
            return await audit_history(tx, NOW.date())

    async def waiting(sessions: int) -> None:
        query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        async with asyncio.timeout(1.5):  # less than the move waits
            while await ask(database, query) < sessions:  # noqa: ASYNC110 - a wait in the server tells nobody
                await asyncio.sleep(0.01)

    async with database.system.transaction() as reader:
        await reader.fetch("select from history")
        moving = asyncio.create_task(move())
        await waiting(1)
        counting = asyncio.create_task(count())
        await waiting(2)
    assert await moving == 3
    assert await counting == []


async def test_rows_that_a_person_took_out_are_accounted_for(database: CityDatabase) -> None:
    await keep(database, readings(NOW, 3, received=NOW))
    ledger = Ledger()
    ledger.add("fukui", "g", NOW, STORED, 3)
    async with database.system.transaction() as tx:
        await ledger.save(tx)
        kept = await newest(tx, LEVEL.entity_id, LEVEL.attribute, "")
        assert kept is not None
        await remove(tx, kept)
        assert await tx.fetchval("select count(*) from history") == 2
        assert await audit_history(tx, NOW.date()) == []


class ShortLog:
    """A log whose partitions end where they are told to: what a log restored too far back looks like."""

    def __init__(self, **ends: int) -> None:
        self._ends = ends

    async def ends(self, topic: str) -> dict[int, int]:
        return {0: self._ends.get(topic, 0)}


async def test_a_consumer_beyond_the_end_of_the_log_is_noticed(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute("insert into position values ('writer', 'observations', 0, 10), ('alerting', 'changes', 0, 4)")
        (line,) = audit_log(await reaches(tx, ShortLog(observations=9, changes=4)))  # type: ignore[arg-type]
    assert str(line) == "log: writer at observations/0: 10 expected, 9 found"


async def test_several_keepers_do_each_thing_once(database: CityDatabase) -> None:
    await keep(database, readings(FLOOD, 300))
    ledger = Ledger()
    ledger.add("fukui", "g", NOW, RECEIVED, 7)
    async with database.system.transaction() as tx:
        await ledger.save(tx)
    stop = asyncio.Event()
    keepers = [keeper(database, round_seconds=0.05, month_rows=100) for _ in range(3)]
    running = [asyncio.create_task(one.run(stop)) for one in keepers]
    done = (
        "select (select coalesce(sum(total), 0) from history_day) = 300"
        " and exists (select from account where outcome = 'received')"
    )
    async with asyncio.timeout(60):
        while not await ask(database, done):  # noqa: ASYNC110 - the keepers tell nobody
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # several rounds more, in which none may do it again
    stop.set()
    await asyncio.gather(*running)
    assert await ask(database, "select count from account where outcome = 'received'") == 7
    assert await ask(database, "select sum(total) from history_hour") == 300
    assert await ask(database, "select sum(total) from history_day") == 300
