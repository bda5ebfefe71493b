"""Notices over MQTT, through a real mosquitto: delivered means acknowledged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.errors import Unavailable
from cityos.roles.notifier import open_publisher
from services.notify.settings import NotifySettings
from tests.conftest import CityDatabase
from tests.integration.mqtt.broker import Mosquitto, find, free_port
from tests.integration.notify.test_notifier import FAST, Outbox, notice

pytestmark = pytest.mark.mosquitto


def to(port: int, **more: Any) -> dict[str, Any]:
    return {**FAST, "mqtt_host": "127.0.0.1", "mqtt_port": port, "timeout_s": 2.0, **more}


@asynccontextmanager
async def publishing(settings: dict[str, Any]) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        yield await open_publisher(NotifySettings(**settings), stack)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    await broker.start()
    yield broker
    broker.kill()


async def listen(port: int, *arguments: str) -> str:
    """What a subscriber with a session of its own hears."""
    session = ("-p", str(port), "-i", "signs", "-c", "-q", "1", "-t", "city/notices/signs/#")
    listener = await asyncio.create_subprocess_exec(
        find("mosquitto_sub"), *session, *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(listener.communicate(), 25)
    return said.decode()


async def test_a_notice_is_published_where_its_subscriber_listens(database: CityDatabase, mosquitto: Mosquitto) -> None:
    outbox = Outbox(database)
    await outbox.add("mqtt", "signs")
    await listen(mosquitto.port, "-E")  # subscribes and leaves: the broker keeps what comes
    await outbox.put(notice(1), notice(2))
    async with publishing(to(mosquitto.port)) as publish, outbox.notifier(publish):
        await outbox.until("done", 2)
    said = await listen(mosquitto.port, "-C", "2", "-W", "20", "-v")
    topics, bodies = zip(*(line.split(" ", 1) for line in said.splitlines()), strict=True)
    assert set(topics) == {"city/notices/signs/flood/alerts/124"}
    assert [json.loads(body)["id"] for body in bodies] == ["n-1", "n-2"]


async def test_a_broker_that_is_away_holds_the_notice_up_and_loses_nothing(
    database: CityDatabase, mosquitto: Mosquitto
) -> None:
    outbox = Outbox(database)
    await outbox.add("mqtt", "signs")
    settings = to(mosquitto.port)
    async with publishing(settings) as publish, outbox.notifier(publish, attempts=1000, timeout_s=2.0):
        await outbox.put(notice(1))
        await outbox.until("done", 1)
        mosquitto.kill()
        await outbox.put(notice(2))
        for _ in range(200):
            if any(attempts for _, state, attempts in await outbox.states() if state == "waiting"):
                break
            await asyncio.sleep(0.05)
        assert [(name, state) for name, state, _ in await outbox.states()] == [("n-1", "done"), ("n-2", "waiting")]
        await mosquitto.start()
        await outbox.until("done", 2)


async def test_without_a_broker_it_is_said_at_once(unused_port: int) -> None:
    async with publishing(to(unused_port)) as publish:
        with pytest.raises(Unavailable, match=f"nothing listens on 127.0.0.1:{unused_port}"):
            await publish("city/notices/signs/x", b"{}")


async def test_a_broker_that_never_acknowledges_is_given_up_in_time() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes([0x20, 3, 0, 0, 0]))  # CONNACK of MQTT 5, and never a word more
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with publishing(to(port, timeout_s=0.5)) as publish:
        with pytest.raises(Unavailable, match="no acknowledgement within"):
            await publish("city/notices/signs/x", b"{}")
    server.close()
    await server.wait_closed()


@pytest.fixture
def unused_port() -> int:
    return free_port()
