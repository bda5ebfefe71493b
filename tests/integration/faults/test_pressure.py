"""What presses on a city without killing a part of it: a subscriber that hangs, a device that does not stop talking, a
database that is away, a disk that is full. The others are served meanwhile, devices wait, and it recovers by itself."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.mqtt.patience import until
from broker.delivery.queue import subscribe
from broker.store.accounting import summary
from broker.store.devices import Device, register
from broker.store.postgres import PostgresDatabase
from tests.city import WholeCity, wait_until
from tests.integration.faults.floods import PROFILE, Flood, finished, notices_of, undelivered
from tests.integration.faults.hearing import Listener, listening
from tests.integration.faults.kit import (
    KILLS,
    SECRET,
    START,
    entity,
    eventually,
    reached,
    reading,
    register_gauges,
    sender,
    settled,
    store_of,
    stream,
)
from tests.integration.notify.receivers import HttpReceiver
from tests.standstill import standing_still

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

CHATTY_PER_SECOND = 187_000 / 300
CHATTY_SECONDS = 30.0 if KILLS <= 2 else 300.0
QUIET_SECONDS = 10.0
AWAY_SECONDS = 60.0
"""Beyond the time-outs of an append (20 s) and of a batch (30 s)."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    city = WholeCity(
        tmp_path_factory.mktemp("pressure") / "city",
        CITYOS_ALERTING_CLOCK="data",
        CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS="true",
        CITYOS_NOTIFY_TIMEOUT_S="5",
        CITYOS_GATEWAY_STREAM_BUFFER="100000",
    )
    city.start()
    yield city
    city.stop()


@pytest.fixture
async def store(city: WholeCity) -> AsyncIterator[PostgresDatabase]:
    async with store_of(city) as database:
        yield database


async def test_a_subscriber_that_hangs_delays_nobody(city: WholeCity, store: PostgresDatabase) -> None:
    flood = Flood("hung", 10, 2)
    await register_gauges(store, flood.prefix, flood.gauges, PROFILE)
    async with HttpReceiver() as dead, HttpReceiver() as refusing, HttpReceiver() as well:
        dead.delay, refusing.status = 3600.0, 503
        async with store.transaction() as tx:
            numbers = [
                await subscribe(tx, "fukui", channel="webhook", target=each.url, secret=b"s" * 32)
                for each in (dead, refusing, well)
            ]
        await flood.run(city)
        assert await finished(store, flood)
        queued = await notices_of(store, numbers[2])
        assert len(queued) >= flood.gauges * flood.cycles * 2
        await well.wait_for(len(queued))
        assert [headers["webhook-id"] for headers, _ in well.got] == queued
        assert len({headers["webhook-id"] for headers, _ in dead.got}) == 1, "it never answered the first"
        assert len({headers["webhook-id"] for headers, _ in refusing.got}) == 1, "it has not taken the first"
        assert await eventually(lambda: undelivered(store, numbers[2]), 0) == 0
        for number in numbers[:2]:
            assert await undelivered(store, number) == len(queued), "what they did not take waits for them"
        async with store.transaction() as tx:
            await tx.execute("update subscriber set status = 'gone'")


async def test_a_device_that_does_not_stop_talking_slows_nobody(city: WholeCity, store: PostgresDatabase) -> None:
    """187,000 messages in five minutes, as a device in the field once sent: the others do not notice."""
    await register_gauges(store, "calm", 20)
    async with store.transaction() as tx:
        await register(tx, "fukui", Device("fukui", "chatty", "river_gauge"), {}, SECRET)
    await asyncio.sleep(1)
    sent = 0
    async with listening(city, "WaterObserved") as listener:
        for attempt in range(3):  # other tests run beside this one, and what slows all down is not the chatty one
            before = await latencies(city, listener, 2 * attempt, QUIET_SECONDS)
            chatting = asyncio.create_task(chatter(city, CHATTY_SECONDS, sent))
            during = await latencies(city, listener, 2 * attempt + 1, CHATTY_SECONDS - 2)
            sent += await chatting
            if not_slowed(before, during):
                break
        else:
            pytest.fail("the others were slowed down each time")
    await books_of_the_chatty(store, sent, attempt + 1)


def not_slowed(before: list[float], during: list[float]) -> bool:
    """Whether latencies beside the chatty one are like those without it."""
    quiet, loud = (statistics.quantiles(values, n=20) for values in (before, during))
    figures = [f"{1000 * values[index]:.0f}" for values in (quiet, loud) for index in (9, 18)]
    print("\nPUBLISH to event stream, ms: alone p50 {} p95 {}; beside the chatty one p50 {} p95 {}".format(*figures))
    return loud[9] < 3 * quiet[9] + 0.1 and loud[18] < 3 * quiet[18] + 0.25


async def chatter(city: WholeCity, seconds: float, first: int) -> int:
    """Publish as the chatty device at its rate, from its `first` reading on; returns how many, all acknowledged."""
    sent, began = 0, time.monotonic()
    async with sender(city, "chatty", max_inflight=1000) as publisher:
        while (elapsed := time.monotonic() - began) < seconds:
            while sent < elapsed * CHATTY_PER_SECOND:
                at = START + timedelta(milliseconds=first + sent)
                await publisher.publish("city/river/chatty/up", reading(at, 1.0))
                sent += 1
            await asyncio.sleep(0.01)
        await publisher.drain()
    assert sent > 0.9 * seconds * CHATTY_PER_SECOND, "the test itself was too slow to be chatty"
    return sent


async def latencies(city: WholeCity, listener: Listener, phase: int, seconds: float) -> list[float]:
    """How long readings of the calm gauges, twenty a second, took from PUBLISH to the event stream."""
    published: dict[float, float] = {}
    began, heard = time.monotonic(), len(listener.values)
    async with sender(city, "calm-network") as publisher:
        number = 0
        while time.monotonic() - began < seconds:
            level = phase + number / 1000
            published[level] = time.monotonic()
            at = START + timedelta(days=phase, seconds=number)
            await publisher.publish(f"city/river/calm-{number % 20}/up", reading(at, level))
            number += 1
            await asyncio.sleep(0.05)
        await publisher.drain()

    def arrived() -> dict[float, float]:
        told = list(zip(listener.values, listener.times, strict=True))[heard:]
        return {level: at for (name, level), at in told if name.startswith(entity("calm-"))}

    assert await until(lambda: arrived().keys() == published.keys(), within=60), "not every reading came"
    came = arrived()
    return [came[level] - published[level] for level in published]


async def books_of_the_chatty(store: PostgresDatabase, sent: int, times: int) -> None:
    """What was over its rate is counted, and nothing else is missing, of what it sent in so many rounds."""

    async def received() -> int:
        return sum(line["received"] for line in await _chatty_lines(store))

    assert await eventually(received, sent) == sent
    lines = await _chatty_lines(store)
    limited = sum(line["rejected"].get("rate-limited", 0) for line in lines)
    assert all(line["balanced"] for line in lines)
    allowed = 3_000 + 20 * times * (CHATTY_SECONDS + QUIET_SECONDS + 30)
    assert sent - allowed <= limited < sent


async def _chatty_lines(store: PostgresDatabase) -> list[dict[str, Any]]:
    async with store.transaction() as tx:
        return await summary(tx, tenant="fukui", device="chatty", since=datetime(2020, 1, 1, tzinfo=UTC).date())


async def test_a_database_that_is_away_for_a_minute_holds_devices_back(
    city: WholeCity, store: PostgresDatabase
) -> None:
    """PostgreSQL stops answering without closing a connection, which is worse than being gone."""
    await register_gauges(store, "away", 50)
    progress: list[int] = []
    pids = {part: city.pid(part) for part in ("endpoint", "writer", "alerting", "notifier", "gateway", "postgres")}
    sending = asyncio.create_task(stream(city, "away", range(20_000), 50, progress))
    await reached(progress, 2_000, sending)
    with standing_still(city.pid("postgres")):
        await asyncio.sleep(2)
        held = len(progress)
        async with httpx.AsyncClient(timeout=10) as resident:
            assert (await resident.get(f"{city.url}/ngsi-ld/v1/types")).status_code == 503
        await asyncio.sleep(AWAY_SECONDS)
        assert len(progress) == held, "something was acknowledged that nobody holds"
        assert not sending.done()
        assert [ready(city, part) for part in ("endpoint", "writer", "alerting", "notifier")] == [503] * 4
    await sending
    assert await settled(store, "away", 20_000, 30) == (20_000, True)
    assert {part: city.pid(part) for part in pids} == pids, "a part died of it"
    wait_until(lambda: [ready(city, part) for part in ("endpoint", "writer")] == [200] * 2, 30, "not ready again")


def ready(city: WholeCity, role: str) -> int:
    """What the role's own page answers to whoever asks if it is ready."""
    port = (city.folder / "metrics" / f"{role}-{city.pid(role)}.port").read_text()
    return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).status_code
