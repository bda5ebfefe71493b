"""The client of an existing broker keeps the promises of a way in, with a real mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import mqtt5
import pytest

from adapters.mqtt.client import BrokerClient
from adapters.mqtt.packets.codec import V5, V311
from adapters.mqtt.patience import until
from adapters.mqtt.settings import BrokerClientSettings
from tests.integration.mqtt.broker import Mosquitto, Tap
from tests.integration.mqtt.contract import WayInContract
from tests.integration.mqtt.kit import PATIENCE, TENANT, Device, TestIntake

pytestmark = pytest.mark.mosquitto
TOPIC = "river/g1/level"


class ThroughABroker:
    """A publisher, mosquitto, a tap on the wire, and our client."""

    plenty = 600

    def __init__(self, protocol: str, broker: Mosquitto, **settings: Any) -> None:
        self.intake = TestIntake()
        self.broker = broker
        self.tap = Tap(V5 if protocol == "5" else V311, broker.port)
        self.client: BrokerClient
        self._protocol = protocol
        self._more = settings
        self._publisher = Device(V5, name="publisher")
        self._published = 0

    async def start(self) -> None:
        await self.broker.start()
        await self.tap.start()
        settings = BrokerClientSettings(
            host="127.0.0.1",
            port=self.tap.port,
            protocol=self._protocol,
            client_id="cityos-ingest",
            tenant=TENANT,
            device="g1",
            subscriptions=("river/#",),
            backoff_min=0.05,
            **self._more,
        )
        self.client = BrokerClient(self.intake, settings)
        await self.client.start()
        await self.online()
        await self._publisher.connect(self.broker.port)

    async def online(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.client.connected.wait()

    async def stop(self) -> None:
        await self.client.stop()
        await self.tap.stop()
        self.broker.kill()

    async def publish(self, *payloads: bytes) -> None:
        for at in range(0, len(payloads), 20):
            batch = payloads[at : at + 20]
            for number, payload in enumerate(batch):
                await self._publisher.publish(payload, number + 1, topic=TOPIC)
            for _ in batch:
                await self._publisher.expect(mqtt5.PubAckPacket)
            self._published += len(batch)

    def acknowledged(self) -> int:
        return self.tap.acknowledged

    async def cut(self) -> None:
        self.tap.cut()
        assert await until(lambda: not self.client.connected.is_set(), within=PATIENCE)
        await self.online()

    def unsent(self) -> int:
        return self._published - self.tap.delivered


@pytest.fixture(params=["3.1.1", "5"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ThroughABroker]:
    way = ThroughABroker(request.param, Mosquitto(tmp_path), **getattr(request.cls, "settings", {}))
    await way.start()
    yield way
    way.intake.let_go()
    await way.stop()


class TestClientIsAWayIn(WayInContract):
    """All of the contract, with a window small enough to be filled."""

    settings: ClassVar = {"receive_maximum": 100}


async def test_a_killed_broker_with_our_settings_keeps_what_it_acknowledged(way: ThroughABroker) -> None:
    """All but that of its last two seconds (deploy/mosquitto.conf)."""
    way.intake.hold = True
    sent = [b"%d" % number for number in range(200)]
    await way.publish(*sent)
    assert await way.broker.saved()
    way.broker.kill()
    assert await until(lambda: not way.client.connected.is_set(), within=PATIENCE)
    way.intake.let_go()
    await way.broker.start()
    await way.online()
    assert await until(lambda: set(sent) <= set(way.intake.payloads), within=PATIENCE)


async def test_what_came_while_we_were_away_is_kept_for_us(way: ThroughABroker) -> None:
    await way.client.stop()
    await way.publish(b"1", b"2")
    await way.client.start()
    await way.intake.until(2)
    assert way.intake.payloads == [b"1", b"2"]


async def test_quality_0_is_taken_and_counted(way: ThroughABroker) -> None:
    for number in range(50):
        await way._publisher.publish(b"%d" % number, topic=TOPIC)
    await way.intake.until(50)
    assert way.client.counters.received_qos0 == 50
    assert way.acknowledged() == 0


async def test_a_trace_comes_along(way: ThroughABroker) -> None:
    await way._publisher.publish(b"1", topic=TOPIC, user_properties=[("traceparent", "00-a-b-01")])
    await way.intake.until(1)
    assert way.intake.messages[0].trace == ("00-a-b-01" if way._protocol == "5" else None)


async def test_a_broker_that_is_away_is_tried_again(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    settings = BrokerClientSettings(
        host="127.0.0.1",
        port=broker.port,
        client_id="c",
        tenant=TENANT,
        device="g1",
        subscriptions=("#",),
        backoff_min=0.05,
        backoff_max=0.2,
    )
    client = BrokerClient(TestIntake(), settings)
    await client.start()
    await asyncio.sleep(0.3)
    assert not client.connected.is_set()
    await broker.start()
    async with asyncio.timeout(PATIENCE):
        await client.connected.wait()
    await client.stop()
    broker.kill()
