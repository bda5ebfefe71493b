"""The endpoint, packet by packet: what each version is answered."""

from __future__ import annotations

import asyncio

import mqtt5
import pytest

from adapters.mqtt.packets.codec import V5, V311, Codec
from adapters.mqtt.patience import until
from tests.integration.mqtt.conftest import StartEndpoint
from tests.integration.mqtt.kit import PATIENCE, Closed, Device, Door, TestIntake

both = pytest.mark.parametrize("codec", [V311, V5], ids=["3.1.1", "5.0"])
QOS2 = {"qos": 2}


@both
async def test_only_believed_devices_come_in(port: int, codec: Codec, door: Door, intake: TestIntake) -> None:
    stranger = Device(codec, password="wrong")
    assert (await stranger.connect(port)).reason_code.value == 0x87
    assert await stranger.expect_closed() == []
    device = Device(codec)
    assert (await device.connect(port, client_id="c1")).reason_code.value == 0
    assert (door.seen[-1].client_id, door.seen[-1].username, door.seen[-1].password) == ("c1", "g1", b"secret")
    device.drop()


@both
async def test_a_foreign_topic_is_recorded_and_refused(port: int, codec: Codec, intake: TestIntake) -> None:
    device = Device(codec)
    await device.connect(port)
    await device.publish(b"forged", 5, topic="river/g2/level")
    answer = await device.expect(mqtt5.PubAckPacket)
    assert answer.reason_code.value == (0x87 if codec is V5 else 0)
    assert [(m.sender, m.topic) for m in intake.messages] == [("g1", "river/g2/level")]
    await device.publish(b"forged", 6, topic="river/g2/level", **QOS2)
    assert (await device.expect(mqtt5.PubRecPacket)).reason_code.value == (0x87 if codec is V5 else 0)
    await device.publish(b"own", 7)
    assert (await device.expect(mqtt5.PubAckPacket)).reason_code.value == 0
    device.drop()


@both
async def test_a_device_subscribes_to_its_own_commands_only(port: int, codec: Codec) -> None:
    device = Device(codec)
    await device.connect(port)
    granted = await device.subscribe("commands/g1/#", "commands/g2/#", "#", "river/g1/level", "$share/x/commands/g1/#")
    refused = [0x87, 0x87, 0x87, 0x9E] if codec is V5 else [0x80] * 4
    assert granted == [1, *refused]
    device.drop()


@both
async def test_nothing_passes_between_devices(port: int, codec: Codec, intake: TestIntake) -> None:
    listener, speaker = Device(codec), Device(codec, name="g2")
    await listener.connect(port)
    await listener.subscribe("commands/g1/#")
    await speaker.connect(port)
    await speaker.publish(b"open the gate", 1, topic="commands/g1/gate", retain=True)
    await speaker.expect(mqtt5.PubAckPacket)
    await listener.expect_nothing()
    listener.drop()
    speaker.drop()


@both
async def test_exactly_once_by_packet_id(port: int, codec: Codec, intake: TestIntake) -> None:
    device = Device(codec)
    keep = {"clean_start": False, "session_expiry_interval": 60}
    await device.connect(port, **keep)
    intake.hold = True
    await device.publish(b"once", 9, **QOS2)
    await intake.until(1)
    await device.expect_nothing()
    intake.release()
    assert (await device.expect(mqtt5.PubRecPacket)).packet_id == 9
    device.drop()
    again = Device(codec)
    assert (await again.connect(port, **keep)).session_present
    await again.publish(b"once", 9, duplicate=True, **QOS2)
    assert (await again.expect(mqtt5.PubRecPacket)).packet_id == 9
    await again.send(mqtt5.PubRelPacket(9))
    assert (await again.expect(mqtt5.PubCompPacket)).reason_code.value == 0
    await again.send(mqtt5.PubRelPacket(9))
    assert (await again.expect(mqtt5.PubCompPacket)).reason_code.value == (0x92 if codec is V5 else 0)
    assert intake.payloads == [b"once"]
    await again.publish(b"another", 9, **QOS2)
    await intake.until(2)
    intake.let_go()
    again.drop()


@both
async def test_exactly_once_when_the_copy_overtakes_the_outcome(port: int, codec: Codec, intake: TestIntake) -> None:
    keep = {"clean_start": False, "session_expiry_interval": 60}
    device, again = Device(codec), Device(codec)
    intake.hold = True
    await device.connect(port, **keep)
    await device.publish(b"once", 3, **QOS2)
    await intake.until(1)
    device.drop()
    await again.connect(port, **keep)
    await again.publish(b"once", 3, duplicate=True, **QOS2)
    await again.expect_nothing()
    intake.release()
    assert (await again.expect(mqtt5.PubRecPacket)).packet_id == 3
    assert intake.payloads == [b"once"]
    again.drop()


async def test_exactly_once_offers_again_what_could_not_be_stored(port: int, intake: TestIntake) -> None:
    keep = {"clean_start": False, "session_expiry_interval": 60}
    device, again = Device(), Device()
    intake.hold = True
    await device.connect(port, **keep)
    await device.publish(b"once", 3, **QOS2)
    await intake.until(1)
    intake.release(error=OSError("full"))
    said = await device.expect_closed()
    assert [type(packet) for packet in said] == [mqtt5.DisconnectPacket]
    intake.let_go()
    await again.connect(port, **keep)
    await again.publish(b"once", 3, duplicate=True, **QOS2)
    assert (await again.expect(mqtt5.PubRecPacket)).packet_id == 3
    assert intake.payloads == [b"once", b"once"]
    again.drop()


@both
async def test_a_second_connection_takes_the_session_over(port: int, codec: Codec) -> None:
    first, second, other = Device(codec), Device(codec), Device(codec, name="g2")
    await first.connect(port, client_id="c")
    await second.connect(port, client_id="c")
    said = await first.expect_closed()
    assert [packet.reason_code.value for packet in said] == ([0x8E] if codec is V5 else [])
    await other.connect(port, client_id="c")
    await second.publish(b"still here", 1)
    await second.expect(mqtt5.PubAckPacket)
    second.drop()
    other.drop()


@both
async def test_sessions_end_with_the_connection_unless_asked_to_stay(port: int, codec: Codec) -> None:
    device = Device(codec)
    assert not (await device.connect(port, clean_start=True)).session_present
    await device.leave()
    again = Device(codec)
    assert not (await again.connect(port, clean_start=False, session_expiry_interval=60)).session_present
    await again.leave()
    third = Device(codec)
    assert (await third.connect(port, clean_start=False, session_expiry_interval=60)).session_present
    await third.leave()
    fourth = Device(codec)
    assert not (await fourth.connect(port, clean_start=True)).session_present
    fourth.drop()


async def test_version_5_is_told_the_terms(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(receive_maximum=7, max_packet_bytes=5000, max_keep_alive=30, max_session_expiry=90)
    assert endpoint.port
    device = Device()
    connack = await device.connect(endpoint.port, client_id="", keep_alive=600, session_expiry_interval=9999)
    assert connack.receive_max == 7
    assert connack.max_packet_size == 5000
    assert connack.server_keep_alive == 30
    assert connack.session_expiry_interval == 90
    assert connack.topic_alias_max == 32
    assert connack.assigned_client_id.startswith("city-")
    assert connack.shared_subscription_available is False
    device.drop()


async def test_user_properties_carry_the_trace_and_aliases_the_topic(port: int, intake: TestIntake) -> None:
    device = Device()
    await device.connect(port)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await device.publish(b"1", 1, topic_alias=3, user_properties=[("a", "水"), ("traceparent", trace)])
    await device.publish(b"2", 2, topic="", topic_alias=3)
    await intake.until(2)
    assert [m.trace for m in intake.messages] == [trace, None]
    assert [m.topic for m in intake.messages] == ["river/g1/level"] * 2
    await device.expect(mqtt5.PubAckPacket)
    await device.expect(mqtt5.PubAckPacket)
    await device.publish(b"3", 3, topic="", topic_alias=4)
    said = await device.expect_closed()
    assert said[0].reason_code.value == 0x82
    other = Device()
    await other.connect(port)
    await other.publish(b"3", 3, topic_alias=33)
    assert (await other.expect_closed())[0].reason_code.value == 0x94


@both
async def test_a_packet_too_large_is_counted_and_ends_the_connection(
    start_endpoint: StartEndpoint, codec: Codec, intake: TestIntake
) -> None:
    told: list[tuple[str, str | None, int]] = []
    endpoint = await start_endpoint(oversize=lambda who, topic, size: told.append((who.device, topic, size)))
    assert endpoint.port
    device = Device(codec)
    await device.connect(endpoint.port)
    await device.write(codec.encode(mqtt5.PublishPacket("river/g1/level", b"x" * 2_000_000))[:50_000])
    said = await device.expect_closed()
    assert [packet.reason_code.value for packet in said] == ([0x95] if codec is V5 else [])
    assert told[0][:2] == ("g1", "river/g1/level")
    assert told[0][2] > 2_000_000
    assert intake.messages == []
    assert endpoint.counters.oversize == 1


@both
async def test_a_stranger_may_not_send_much(port: int, codec: Codec) -> None:
    device = Device(codec)
    await device.open(port)
    connect = mqtt5.ConnectPacket("x", username="u", password=b"p" * 60_000, will=mqtt5.Will("w", payload=b"w" * 9000))
    await device.write(codec.encode(connect)[:100])
    await device.expect_closed()


@pytest.mark.parametrize(
    "wire",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xc0\x00", b"\x10\xff\xff\xff\xff", b"\x16\x03\x01\x02\x00\x01", b"\x00" * 50],
)
async def test_other_protocols_are_turned_away(port: int, wire: bytes) -> None:
    device = Device(V311)
    await device.open(port)
    await device.write(wire)
    await device.expect_closed()


async def test_an_old_version_is_told_so(port: int) -> None:
    device = Device(V311)
    await device.open(port)
    await device.write(b"\x10\x12\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x04test")
    said = await device.expect_closed()
    assert said[0].reason_code.value == 0x84


@both
async def test_broken_utf8_ends_only_its_own_connection(port: int, codec: Codec) -> None:
    bad, good = Device(codec), Device(codec)
    await bad.connect(port, client_id="bad")
    await good.connect(port, client_id="good")
    await bad.write(b"\x30\x04\x00\x01\xff\x00")
    said = await bad.expect_closed()
    assert [packet.reason_code.value for packet in said] == ([0x81] if codec is V5 else [])
    await good.publish(b"fine", 1)
    await good.expect(mqtt5.PubAckPacket)
    good.drop()


@both
async def test_pings_are_answered_and_goodbyes_end(port: int, codec: Codec) -> None:
    device = Device(codec)
    await device.connect(port)
    await device.send(mqtt5.PingReqPacket())
    await device.expect(mqtt5.PingRespPacket)
    await device.send(mqtt5.DisconnectPacket())
    assert await device.expect_closed() == []


@both
async def test_a_second_connect_is_an_error(port: int, codec: Codec) -> None:
    device = Device(codec)
    await device.connect(port)
    await device.send(mqtt5.ConnectPacket("again", username="g1", password=b"secret"))
    said = await device.expect_closed()
    assert [packet.reason_code.value for packet in said] == ([0x82] if codec is V5 else [])


async def test_extended_authentication_is_not_offered(port: int) -> None:
    device = Device()
    connack = await device.connect(port, authentication_method="SCRAM-SHA-1")
    assert connack.reason_code.value == 0x8C
    await device.expect_closed()


async def test_3_1_1_needs_a_name_for_a_session_that_stays(port: int) -> None:
    device = Device(V311)
    assert (await device.connect(port, client_id="", clean_start=False)).reason_code.value == 0x85
    await device.expect_closed()


@both
async def test_acknowledgements_of_a_batch_leave_together(port: int, codec: Codec, intake: TestIntake) -> None:
    device = Device(codec)
    await device.connect(port)
    intake.hold = True
    await device.send(
        *(
            mqtt5.PublishPacket("river/g1/level", b"%d" % n, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=n)
            for n in range(1, 301)
        )
    )
    await intake.until(300)
    intake.release()
    assert [(await device.expect(mqtt5.PubAckPacket)).packet_id for _ in range(300)] == list(range(1, 301))
    device.drop()


async def test_a_fault_in_what_waited_for_room_ends_its_connection_alone(
    start_endpoint: StartEndpoint, intake: TestIntake
) -> None:
    endpoint = await start_endpoint()
    assert endpoint.port
    bad, good = Device(), Device(name="g2")
    for device in (bad, good):
        await device.connect(endpoint.port)
    intake.hold, intake.capacity, intake.poison = True, 1, b"poison"
    await good.publish(b"fills it", 1)
    await intake.until(1)
    await bad.publish(intake.poison, 1)
    assert await until(lambda: endpoint.counters.stalls == 1, within=PATIENCE)
    await good.publish(b"waits behind it", 1)
    assert await until(lambda: endpoint.counters.stalls == 2, within=PATIENCE)
    intake.let_go()
    for _ in range(2):
        await good.expect(mqtt5.PubAckPacket)
    await bad.expect_closed()
    good.drop()


@both
async def test_at_quality_0_tcp_itself_holds_the_device_back(
    start_endpoint: StartEndpoint, codec: Codec, intake: TestIntake
) -> None:
    endpoint = await start_endpoint()
    assert endpoint.port
    device = Device(codec)
    await device.connect(endpoint.port)
    intake.hold, intake.capacity = True, 10
    sent = [b"%d" % number + b"." * 20_000 for number in range(1500)]

    async def flood() -> None:
        for payload in sent:
            await device.publish(payload)

    flooding = asyncio.create_task(flood())
    assert await until(lambda: endpoint.counters.stalls > 0, within=PATIENCE)
    await asyncio.sleep(0.5)
    assert not flooding.done()
    assert len(intake.messages) == 10
    other = Device(codec, name="g2")
    await other.connect(endpoint.port)
    await other.publish(b"meanwhile", 1)
    intake.let_go()
    await other.expect(mqtt5.PubAckPacket)
    await flooding
    await intake.until(len(sent) + 1)
    assert [m.payload for m in intake.messages if m.sender == "g1"] == sent
    assert endpoint.counters.received_qos0 == len(sent)
    assert endpoint.counters.lost_qos0 == 0
    device.drop()
    other.drop()


async def test_unreleased_messages_are_bounded(start_endpoint: StartEndpoint) -> None:
    endpoint = await start_endpoint(receive_maximum=3)
    assert endpoint.port
    device = Device()
    await device.connect(endpoint.port)
    for number in range(1, 5):
        await device.publish(b"x", number, **QOS2)
    said = await device.expect_closed()
    assert [type(packet) for packet in said[:3]] == [mqtt5.PubRecPacket] * 3
    assert said[-1].reason_code.value == 0x93


async def test_stopping_lets_acknowledgements_leave(start_endpoint: StartEndpoint, intake: TestIntake) -> None:
    endpoint = await start_endpoint()
    assert endpoint.port
    device = Device()
    await device.connect(endpoint.port)
    intake.hold = True
    await device.publish(b"last", 1)
    await intake.until(1)
    stopping = asyncio.create_task(endpoint.stop())
    await asyncio.sleep(0.1)
    intake.release()
    assert (await device.expect(mqtt5.PubAckPacket)).packet_id == 1
    assert (await device.expect(mqtt5.DisconnectPacket)).reason_code.value == 0x8B
    with pytest.raises(Closed):
        await device.packet()
    await stopping
