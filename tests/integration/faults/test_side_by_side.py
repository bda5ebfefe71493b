"""Several processes of one role share the work while members join and die: every effect still happens once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from adapters.mqtt.patience import until
from broker.store.accounting import summary
from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity, free_port
from tests.integration.faults.floods import LEVELS, PROFILE, Flood, effects_of, finished
from tests.integration.faults.kit import (
    KILLS,
    NO_BURST_LIMIT,
    Role,
    eventually,
    killed,
    reached,
    register_gauges,
    settled,
    store_of,
    stream,
    until_set,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PER_KILL = 5_000
DEVICES = 50
CYCLES = 8


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    city = WholeCity(tmp_path_factory.mktemp("side-by-side") / "city", CITYOS_ALERTING_CLOCK="data", **NO_BURST_LIMIT)
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


async def members(store: PostgresDatabase, group: str) -> int:
    """How many members share the group's partitions."""
    async with store.transaction() as tx:
        return int(await tx.fetchval("select count(distinct member) from log_lease where consumer = $1", group))


async def test_writers_join_and_die(city: WholeCity, store: PostgresDatabase) -> None:
    await register_gauges(store, "shared", DEVICES)
    progress: list[int] = []
    enough = asyncio.Event()
    sending = asyncio.create_task(stream(city, "shared", until_set(enough), DEVICES, progress, pause=0.002))
    for number in range(KILLS):
        another = Role(city, "writer")
        assert await eventually(lambda: members(store, "writer"), 2) == 2
        await reached(progress, len(progress) + 200, sending)
        if number % 2:
            another.stop()
            await killed(city, "writer")
        else:
            await killed(city, "writer")
            await reached(progress, len(progress) + 200, sending)
            another.kill()
    enough.set()
    await sending
    count = len(progress)
    assert await settled(store, "shared", count, 30) == (count, True)
    await asyncio.sleep(1)
    assert await settled(store, "shared", count) == (count, True), "more than once"


async def test_endpoints_share_the_devices(city: WholeCity, store: PostgresDatabase) -> None:
    """The same readings through two endpoints at once, as devices do that cannot tell whether they were heard."""
    count = PER_KILL * KILLS
    await register_gauges(store, "doors", DEVICES)
    port = free_port()
    beside = {"CITYOS_MQTT_PORT": str(port), "CITYOS_TELEMETRY_METRICS_PORT": "0"}
    another = Role(city, "endpoint", **beside)
    await listens(port)
    there: list[int] = []
    here: list[int] = []
    sending = asyncio.gather(
        stream(city, "doors", range(count), DEVICES, here),
        stream(city, "doors", range(count), DEVICES, there, port=port),
    )
    for number in range(KILLS):
        await reached(there, PER_KILL * number + PER_KILL // 2, sending)
        another.kill()
        another = Role(city, "endpoint", **beside)
        await listens(port)
    await sending
    another.stop()
    assert (len(here), len(there)) == (count, count)
    assert await settled(store, "doors", count, 30) == (count, True)
    async with store.transaction() as tx:
        lines = await summary(tx, tenant="fukui", device=None, since=datetime(2020, 1, 1, tzinfo=UTC).date())
    ours = [line for line in lines if line["device"].startswith("doors-")]
    assert sum(line["stored"] for line in ours) == count
    assert sum(line["duplicate"] for line in ours) >= count, "each came through both, and some again after a kill"


async def listens(port: int) -> None:
    """Wait until somebody takes connections there."""

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    assert await until(answers, within=60)


async def test_alertings_join_and_die(city: WholeCity, store: PostgresDatabase) -> None:
    calm, flood = Flood("calm", 1, CYCLES * KILLS), Flood("shared-flood", 20, CYCLES * KILLS)
    for each in (calm, flood):
        await register_gauges(store, each.prefix, each.gauges, PROFILE)
    await calm.run(city)
    assert await finished(store, calm)
    every = CYCLES * len(LEVELS)
    others: list[Role] = []

    async def disturb(number: int) -> None:
        if number % every == every // 4:
            others.append(Role(city, "alerting"))
            assert await eventually(lambda: members(store, "alerting"), 2) == 2
        elif number % every == every // 2:
            others.pop().kill()
        elif number % every == every * 3 // 4:
            await killed(city, "alerting")

    await flood.run(city, disturb)
    assert await finished(store, flood)
    await asyncio.sleep(1)
    expected, made = await effects_of(store, calm), await effects_of(store, flood)
    assert made.decisions == {str(gauge): expected.decisions["0"] for gauge in range(flood.gauges)}
    assert set(made.messages.values()) == set(expected.messages.values())
