"""Notices of the database: every channel of a process on one connection, which comes back when it is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from broker.store.postgres import PostgresDatabase
from tests.conftest import CityDatabase


async def heard(event: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        await event.wait()
    event.clear()


async def listeners(database: PostgresDatabase) -> list[int]:
    async with database.transaction() as tx:
        rows = await tx.fetch(
            "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
        )
    return [row["pid"] for row in rows]


async def tell(database: PostgresDatabase, channel: str) -> None:
    async with database.transaction() as tx:
        await tx.execute("select pg_notify($1, '')", channel)


async def test_all_channels_share_a_connection_and_each_hears_its_own(database: CityDatabase) -> None:
    async with AsyncExitStack() as stack:
        one, same, other = [
            await stack.enter_async_context(database.system.notices(channel)) for channel in ("one", "one", "other")
        ]
        for event in (one, same, other):
            await heard(event)
        assert len(await listeners(database.system)) == 1
        await tell(database.system, "one")
        await heard(one)
        await heard(same)
        assert not other.is_set()


async def test_who_comes_later_hears_too_and_who_leaves_takes_nothing_away(database: CityDatabase) -> None:
    async with database.system.notices("one") as one:
        await heard(one)
        async with database.system.notices("other") as other:
            await heard(other)
            assert not one.is_set()
        await tell(database.system, "one")
        await heard(one)
    async with database.system.notices("one") as again:
        await heard(again)
        await tell(database.system, "one")
        await heard(again)


async def test_a_lost_connection_comes_back_and_everybody_looks_again(database: CityDatabase) -> None:
    async with database.system.notices("one") as one, database.system.notices("other") as other:
        await heard(one)
        await heard(other)
        async with database.system.transaction() as tx:
            for pid in await listeners(database.system):
                await tx.execute("select pg_terminate_backend($1)", pid)
        await heard(one)
        await heard(other)
        await tell(database.system, "other")
        await heard(other)
