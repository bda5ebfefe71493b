"""Time-outs, last wills and other ends of a connection."""

from __future__ import annotations

import asyncio

import mqtt5
import pytest

from adapters.mqtt.packets.codec import V5, V311, Codec
from adapters.mqtt.patience import until
from tests.integration.mqtt.conftest import StartEndpoint
from tests.integration.mqtt.kit import PATIENCE, Device, Door, TestIntake

both = pytest.mark.parametrize("codec", [V311, V5], ids=["3.1.1", "5.0"])


def will(delay: int = 0, topic: str = "river/g1/status") -> mqtt5.Will:
    return mqtt5.Will(topic, payload=b"gone", qos=mqtt5.QoS.AT_LEAST_ONCE, will_delay_interval=delay)


@both
async def test_a_broken_connection_has_its_last_will_said(port: int, codec: Codec, intake: TestIntake) -> None:
    device = Device(codec)
    await device.connect(port, will=will())
    device.drop()
    await intake.until(1)
    message = intake.messages[0]
    assert (message.sender, message.topic, message.payload) == ("g1", "river/g1/status", b"gone")


@both
async def test_a_goodbye_takes_the_will_back(port: int, codec: Codec, intake: TestIntake) -> None:
    device = Device(codec)
    await device.connect(port, will=will())
    await device.leave()
    await asyncio.sleep(0.2)
    assert intake.messages == []


async def test_a_goodbye_may_leave_the_will(port: int, intake: TestIntake) -> None:
    device = Device()
    await device.connect(port, will=will())
    await device.send(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE))
    await intake.until(1)
    device.drop()


async def test_a_will_waits_and_is_not_said_when_the_device_is_back(port: int, intake: TestIntake) -> None:
    keep = {"clean_start": False, "session_expiry_interval": 60}
    device = Device()
    await device.connect(port, will=will(delay=2), **keep)
    device.drop()
    await asyncio.sleep(0.1)
    again = Device()
    await again.connect(port, **keep)
    await asyncio.sleep(2)
    assert intake.messages == []
    again.drop()
    third = Device()
    await third.connect(port, will=will(delay=1), **keep)
    third.drop()
    await intake.until(1)


@both
async def test_a_will_on_a_foreign_topic_is_refused(port: int, codec: Codec) -> None:
    device = Device(codec)
    assert (await device.connect(port, will=will(topic="river/g2/status"))).reason_code.value == 0x87
    await device.expect_closed()


async def test_a_will_waits_for_room_and_is_tried_again(start_endpoint: StartEndpoint, intake: TestIntake) -> None:
    endpoint = await start_endpoint()
    assert endpoint.port
    intake.hold, intake.capacity = True, 1
    device, other = Device(), Device(name="g2")
    await other.connect(endpoint.port)
    await other.publish(b"fills it", 1)
    await intake.until(1)
    await device.connect(endpoint.port, will=will())
    device.drop()
    await asyncio.sleep(0.2)
    assert len(intake.messages) == 1
    intake.release()
    await intake.until(2)
    intake.release(error=OSError("full"))
    await intake.until(3)
    intake.let_go()
    assert intake.payloads[1:] == [b"gone", b"gone"]
    assert endpoint.counters.wills == 1
    other.drop()


async def test_a_socket_that_says_nothing_is_closed(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(connect_timeout=0.2)
    assert endpoint.port
    device = Device()
    await device.open(endpoint.port)
    async with asyncio.timeout(PATIENCE):
        await device.expect_closed()
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)


@both
async def test_a_door_that_does_not_answer_is_not_waited_for(
    start_endpoint: StartEndpoint, codec: Codec, door: Door
) -> None:
    endpoint = await start_endpoint(connect_timeout=0.3)
    assert endpoint.port
    door.pause = 2 * PATIENCE
    device = Device(codec)
    await device.open(endpoint.port)
    await device.send(mqtt5.ConnectPacket("g1", username="g1", password=b"secret"))
    async with asyncio.timeout(PATIENCE):
        await device.expect_closed()


async def test_silence_beyond_the_keep_alive_ends_the_connection(
    start_endpoint: StartEndpoint, intake: TestIntake
) -> None:
    endpoint = await start_endpoint()
    assert endpoint.port
    device = Device()
    await device.connect(endpoint.port, keep_alive=2, will=will())
    await asyncio.sleep(0.5)
    await device.send(mqtt5.PingReqPacket())
    await device.expect(mqtt5.PingRespPacket)
    said = await device.expect_closed()
    assert said[0].reason_code.value == 0x8D
    assert endpoint.counters.timed_out == 1
    await intake.until(1)


async def test_a_device_held_back_is_not_taken_for_silent(port: int, intake: TestIntake) -> None:
    intake.hold, intake.capacity = True, 1
    device = Device()
    await device.connect(port, keep_alive=1)
    await device.publish(b"1", 1)
    await device.publish(b"2", 2)
    await asyncio.sleep(2.5)
    intake.let_go()
    assert (await device.expect(mqtt5.PubAckPacket)).packet_id == 1
    assert (await device.expect(mqtt5.PubAckPacket)).packet_id == 2
    device.drop()


async def test_connections_are_bounded(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(max_connections=2)
    assert endpoint.port
    first, second, third = Device(), Device(name="g2"), Device()
    await first.connect(endpoint.port)
    await second.connect(endpoint.port)
    await third.open(endpoint.port)
    await third.expect_closed()
    first.drop()
    assert await until(lambda: endpoint.counters.connections == 1, within=PATIENCE)
    await third.connect(endpoint.port)
    second.drop()
    third.drop()


async def test_a_device_that_reads_nothing_is_let_go(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(write_timeout=0.5, write_buffer_bytes=4096)
    assert endpoint.port
    device = Device()
    await device.connect(endpoint.port)
    ping = V5.encode(mqtt5.PingReqPacket()) * 50_000

    async def flood() -> None:
        while True:
            await device.write(ping)

    flooding = asyncio.create_task(flood())
    assert await until(lambda: endpoint.counters.timed_out == 1, within=30)
    with pytest.raises(ConnectionError):
        await flooding
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    device.drop()


async def test_sessions_of_one_device_are_bounded(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(sessions_per_device=2)
    assert endpoint.port
    keep = {"clean_start": False, "session_expiry_interval": 60}
    a, b, c = Device(), Device(), Device()
    await a.connect(endpoint.port, client_id="a", **keep)
    await b.connect(endpoint.port, client_id="b", **keep)
    assert (await c.connect(endpoint.port, client_id="c", **keep)).reason_code.value == 0x97
    await a.leave()
    assert await until(lambda: endpoint.counters.connections == 1, within=PATIENCE)
    assert (await c.connect(endpoint.port, client_id="c", **keep)).reason_code.value == 0
    b.drop()
    c.drop()
    assert await until(lambda: endpoint.counters.connections == 0, within=PATIENCE)
    assert (await Device().connect(endpoint.port, client_id="b", **keep)).session_present
    assert not (await Device().connect(endpoint.port, client_id="a", **keep)).session_present
