"""Way b under failure: the bridge or the mosquitto before it dies mid-stream, with the settings that we ship.

What we acknowledged to mosquitto is stored once, whoever dies. What mosquitto acknowledged to a device is its own
promise, and deploy/mosquitto.conf says how far it goes: a killed mosquitto may lose what it acknowledged in the last
two seconds before it died and we had not heard; the test prints what it lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.mqtt.publisher import Publisher, PublisherSettings
from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity
from tests.integration.faults.kit import (
    KILLS,
    NO_BURST_LIMIT,
    killed,
    reached,
    register_gauges,
    row,
    settled,
    store_of,
)
from tests.integration.mqtt.broker import Mosquitto

pytestmark = [pytest.mark.faults, pytest.mark.mosquitto, pytest.mark.timeout(600)]

PER_KILL = 2_000
DEVICES = 50
IN_FLIGHT = 20
"""Readings that our devices send before the first of them is acknowledged."""
UNSAVED = 3.0
"""Seconds that a mosquitto with our settings may forget: it writes its file every two, and writing takes a while."""


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    asyncio.run(broker.start())
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def city(mosquitto: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    folder: Path = tmp_path_factory.mktemp("bridged") / "city"
    city = WholeCity(
        folder,
        CITYOS_BRIDGE_HOST="127.0.0.1",
        CITYOS_BRIDGE_PORT=str(mosquitto.port),
        CITYOS_BRIDGE_CLIENT_ID="city-os",
        CITYOS_BRIDGE_TENANT="fukui",
        CITYOS_BRIDGE_DEVICE="bridge-network",
        CITYOS_BRIDGE_SUBSCRIPTIONS="city/river/+/up",
        CITYOS_BRIDGE_BACKOFF_MAX="2",
        **NO_BURST_LIMIT,
    )
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


async def publish(mosquitto: Mosquitto, prefix: str, numbers: range, progress: list[float]) -> None:
    """As devices of somebody else's broker do; return when mosquitto has acknowledged everything. `progress` gets the
    moment of each acknowledgement."""
    settings = PublisherSettings(host="127.0.0.1", port=mosquitto.port, max_inflight=IN_FLIGHT, stall_timeout_s=120)
    async with Publisher(settings) as publisher:
        for number in numbers:
            answer = await publisher.publish(f"city/river/{prefix}-{number % DEVICES}/up", row(number, DEVICES))
            answer.add_done_callback(lambda _future: progress.append(time.monotonic()))
        await publisher.drain()


@pytest.mark.parametrize("part", ["bridge", "mosquitto", "postgres"])
async def test_what_the_bridge_acknowledged_is_stored_once(
    city: WholeCity, store: PostgresDatabase, mosquitto: Mosquitto, part: str
) -> None:
    count, prefix = PER_KILL * KILLS, f"bridge-{part}"
    await register_gauges(store, "bridge", 0)
    await register_gauges(store, prefix, DEVICES)
    await _flows(store, mosquitto, prefix)
    progress: list[float] = []
    forgettable = 0
    for number in range(KILLS):
        # A stream for each kill: mosquitto takes one to its end while the bridge is still on its way back.
        first = DEVICES + PER_KILL * number
        sending = asyncio.create_task(publish(mosquitto, prefix, range(first, first + PER_KILL), progress))
        await reached(progress, PER_KILL * number + PER_KILL // 4, sending)
        if part == "mosquitto":
            forgettable += IN_FLIGHT + sum(at > time.monotonic() - UNSAVED for at in progress)
            mosquitto.kill()
            await mosquitto.start()
        else:
            await killed(city, part)
        await sending
    assert len(progress) == count
    stored, balanced = await settled(store, prefix, count + DEVICES, 30)
    lost = count + DEVICES - stored
    print(f"\nmosquitto acknowledged {count} readings over {KILLS} kills of {part}; {lost} of them were not stored")
    assert balanced
    assert lost <= forgettable
    await asyncio.sleep(1)
    assert await settled(store, prefix, stored) == (stored, True), "more than once"


async def _flows(store: PostgresDatabase, mosquitto: Mosquitto, prefix: str) -> None:
    """The bridge has its session: what is published before the first subscription is nobody's."""
    await publish(mosquitto, prefix, range(DEVICES), [])
    stored, _ = await settled(store, prefix, DEVICES, 30)
    if stored < DEVICES:
        await publish(mosquitto, prefix, range(DEVICES), [])
        assert await settled(store, prefix, DEVICES, 30) == (DEVICES, True)
