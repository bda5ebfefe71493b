"""`kill -9` of any part while tens of thousands of readings stream in: what was acknowledged is stored, once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity
from tests.integration.faults.kit import (
    KILLS,
    NO_BURST_LIMIT,
    killed,
    reached,
    register_gauges,
    settled,
    store_of,
    stream,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PER_KILL = 10_000
DEVICES = 100


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    folder: Path = tmp_path_factory.mktemp("faults") / "city"
    city = WholeCity(folder, **NO_BURST_LIMIT)
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


@pytest.mark.parametrize("part", ["endpoint", "writer", "postgres"])
async def test_what_was_acknowledged_is_stored_once(city: WholeCity, store: PostgresDatabase, part: str) -> None:
    count = PER_KILL * KILLS
    await register_gauges(store, part, DEVICES)
    progress: list[int] = []
    for number in range(KILLS):
        # A stream for each kill: one that does not need the part may be over before the part is back.
        mine = range(PER_KILL * number, PER_KILL * (number + 1))
        sending = asyncio.create_task(stream(city, part, mine, DEVICES, progress))
        await reached(progress, PER_KILL * number + PER_KILL // 4, sending)
        await killed(city, part)
        await sending
    assert len(progress) == count
    assert await settled(store, part, count) == (count, True)
    await asyncio.sleep(1)
    assert await settled(store, part, count) == (count, True), "more than once"


async def test_the_killed_parts_came_back(city: WholeCity) -> None:
    for part in ("endpoint", "writer", "postgres", "gateway"):
        os.kill(city.pid(part), 0)
