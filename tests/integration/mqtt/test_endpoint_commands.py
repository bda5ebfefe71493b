"""Commands to devices: kept for those who are away, acknowledged, bounded."""

from __future__ import annotations

import asyncio

import mqtt5
import pytest

from adapters.mqtt.downlink import DeliveryState
from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.packets.codec import V5, V311, Codec
from adapters.mqtt.patience import until
from tests.integration.mqtt.conftest import StartEndpoint
from tests.integration.mqtt.kit import PATIENCE, TENANT, Device

both = pytest.mark.parametrize("codec", [V311, V5], ids=["3.1.1", "5.0"])
KEEP = {"clean_start": False, "session_expiry_interval": 60}
GATE = "commands/g1/gate"


async def listener(port: int, codec: Codec, qos: int = 1, **options: object) -> Device:
    device = Device(codec)
    await device.connect(port, **{**KEEP, **options})
    await device.subscribe("commands/g1/#", qos=qos)
    return device


@pytest.fixture
async def endpoint(start_endpoint: StartEndpoint) -> Endpoint:
    return await start_endpoint(downlink_queue=5, downlink_inflight=2)


def port_of(endpoint: Endpoint) -> int:
    assert endpoint.port
    return endpoint.port


@both
async def test_a_command_reaches_its_device_and_the_acknowledgement_is_seen(endpoint: Endpoint, codec: Codec) -> None:
    device = await listener(port_of(endpoint), codec)
    seen: list[DeliveryState] = []
    assert await endpoint.deliver(TENANT, "g1", GATE, b"open", 1, on_change=seen.append) == DeliveryState.SENT
    command = await device.expect(mqtt5.PublishPacket)
    assert (command.topic, command.payload, command.qos.value) == (GATE, b"open", 1)
    await device.send(mqtt5.PubAckPacket(command.packet_id))
    assert await until(lambda: seen == [DeliveryState.SENT, DeliveryState.ACKNOWLEDGED], within=PATIENCE)
    device.drop()


@both
async def test_one_can_wait_for_the_acknowledgement(endpoint: Endpoint, codec: Codec) -> None:
    device = await listener(port_of(endpoint), codec, qos=2)
    delivering = asyncio.create_task(endpoint.deliver(TENANT, "g1", GATE, b"open", 2, wait=PATIENCE))
    command = await device.expect(mqtt5.PublishPacket)
    assert command.qos.value == 2
    await device.send(mqtt5.PubRecPacket(command.packet_id))
    assert (await device.expect(mqtt5.PubRelPacket)).packet_id == command.packet_id
    assert not delivering.done()
    await device.send(mqtt5.PubCompPacket(command.packet_id))
    assert await delivering == DeliveryState.ACKNOWLEDGED
    assert await endpoint.deliver(TENANT, "g1", GATE, b"again", 1, wait=0.1) == DeliveryState.SENT
    device.drop()


async def test_nobody_hears_what_nobody_asked_for(endpoint: Endpoint) -> None:
    device = await listener(port_of(endpoint), V5)
    assert await endpoint.deliver(TENANT, "g2", "commands/g2/gate", b"x", 1) == DeliveryState.NOBODY
    assert await endpoint.deliver("neighbour", "g1", GATE, b"x", 1) == DeliveryState.NOBODY
    assert await endpoint.deliver(TENANT, "g1", "other/topic", b"x", 1) == DeliveryState.NOBODY
    await device.send(mqtt5.UnsubscribePacket(3, ["commands/g1/#", "never"]))
    assert [c.value for c in (await device.expect(mqtt5.UnsubAckPacket)).reason_codes] == [0, 17]
    assert await endpoint.deliver(TENANT, "g1", GATE, b"x", 1) == DeliveryState.NOBODY
    device.drop()


@both
async def test_commands_wait_for_a_device_that_is_away(endpoint: Endpoint, codec: Codec) -> None:
    device = await listener(port_of(endpoint), codec)
    device.drop()
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    states = [await endpoint.deliver(TENANT, "g1", GATE, b"%d" % n, 1) for n in range(7)]
    assert states == [DeliveryState.QUEUED] * 5 + [DeliveryState.REFUSED] * 2
    assert await endpoint.deliver(TENANT, "g1", GATE, b"x", 0) == DeliveryState.NOBODY
    again = Device(codec)
    assert (await again.connect(port_of(endpoint), **KEEP)).session_present
    heard = []
    for _ in range(5):
        command = await again.expect(mqtt5.PublishPacket)
        heard.append(command.payload)
        await again.send(mqtt5.PubAckPacket(command.packet_id))
    assert heard == [b"0", b"1", b"2", b"3", b"4"]
    again.drop()


@both
async def test_an_unacknowledged_command_comes_again_marked_as_a_copy(endpoint: Endpoint, codec: Codec) -> None:
    device = await listener(port_of(endpoint), codec)
    await endpoint.deliver(TENANT, "g1", GATE, b"open", 1)
    first = await device.expect(mqtt5.PublishPacket)
    device.drop()
    again = Device(codec)
    await again.connect(port_of(endpoint), **KEEP)
    second = await again.expect(mqtt5.PublishPacket)
    assert (second.payload, second.packet_id, second.duplicate) == (b"open", first.packet_id, True)
    again.drop()


async def test_the_device_window_is_kept(endpoint: Endpoint) -> None:
    device = await listener(port_of(endpoint), V5, receive_max=1)
    for number in range(3):
        await endpoint.deliver(TENANT, "g1", GATE, b"%d" % number, 1)
    first = await device.expect(mqtt5.PublishPacket)
    await device.expect_nothing()
    await device.send(mqtt5.PubAckPacket(first.packet_id))
    assert (await device.expect(mqtt5.PublishPacket)).payload == b"1"
    device.drop()


async def test_a_command_too_large_for_the_device_is_refused(endpoint: Endpoint) -> None:
    device = await listener(port_of(endpoint), V5, max_packet_size=100)
    assert await endpoint.deliver(TENANT, "g1", GATE, b"x" * 200, 1) == DeliveryState.REFUSED
    assert await endpoint.deliver(TENANT, "g1", GATE, b"x" * 50, 1) == DeliveryState.SENT
    device.drop()


async def test_a_command_that_waits_too_long_is_not_sent(endpoint: Endpoint) -> None:
    device = await listener(port_of(endpoint), V5)
    device.drop()
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    seen: list[DeliveryState] = []
    await endpoint.deliver(TENANT, "g1", GATE, b"old", 1, expires_in=0.1, on_change=seen.append)
    await endpoint.deliver(TENANT, "g1", GATE, b"new", 1, expires_in=60)
    await asyncio.sleep(0.2)
    again = Device()
    await again.connect(port_of(endpoint), **KEEP)
    command = await again.expect(mqtt5.PublishPacket)
    assert command.payload == b"new"
    assert 50 < command.message_expiry_interval <= 60
    assert seen == [DeliveryState.EXPIRED]
    again.drop()


async def test_a_session_that_ends_gives_its_commands_up(endpoint: Endpoint) -> None:
    device = await listener(port_of(endpoint), V5)
    device.drop()
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    seen: list[DeliveryState] = []
    await endpoint.deliver(TENANT, "g1", GATE, b"open", 1, on_change=seen.append)
    again = Device()
    await again.connect(port_of(endpoint), clean_start=True)
    assert seen == [DeliveryState.EXPIRED]
    again.drop()


async def test_subscription_identifiers_come_along(endpoint: Endpoint) -> None:
    device = Device()
    await device.connect(port_of(endpoint))
    await device.send(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("commands/g1/+")], subscription_id=42))
    await device.expect(mqtt5.SubAckPacket)
    await endpoint.deliver(TENANT, "g1", GATE, b"open", 1)
    assert (await device.expect(mqtt5.PublishPacket)).subscription_ids == [42]
    device.drop()
