"""Packets: what is written is read back, any bytes are packets or a protocol error, and never anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mqtt5
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.mqtt.packets.codec import CODECS, V5, V311, Codec
from adapters.mqtt.packets.errors import Oversize, ProtocolError, UnsupportedVersion
from adapters.mqtt.packets.framing import Framer, protocol_level

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=20)
identifiers = st.integers(1, 0xFFFF)
qualities = st.sampled_from([mqtt5.QoS(number) for number in range(3)])
pairs = st.lists(st.tuples(text, text), max_size=3)


@st.composite
def publishes(draw: st.DrawFn, version: int) -> mqtt5.PublishPacket:
    qos = draw(qualities)
    return mqtt5.PublishPacket(
        draw(text),
        draw(st.binary(max_size=300)),
        qos=qos,
        retain=draw(st.booleans()),
        packet_id=draw(identifiers) if qos.value else None,
        duplicate=draw(st.booleans()) if qos.value else False,
        user_properties=draw(pairs) if version == 5 else None,
    )


@st.composite
def connects(draw: st.DrawFn, version: int) -> mqtt5.ConnectPacket:
    username = draw(st.none() | text)
    clean = draw(st.booleans())
    will = mqtt5.Will(draw(text), payload=draw(st.binary(max_size=20)), qos=draw(qualities), retain=draw(st.booleans()))
    return mqtt5.ConnectPacket(
        draw(text),
        username=username,
        password=draw(st.none() | st.binary(max_size=20)) if username else None,
        clean_start=clean,
        will=draw(st.none() | st.just(will)),
        keep_alive=draw(st.integers(0, 0xFFFF)),
        session_expiry_interval=draw(st.integers(0, 2**32 - 1)) if version == 5 else 0 if clean else 2**32 - 1,
    )


def packets(version: int) -> st.SearchStrategy[mqtt5.Packet]:
    filters = st.lists(st.builds(mqtt5.TopicFilter, text, max_qos=qualities), min_size=1, max_size=4)
    granted = st.lists(
        st.sampled_from([mqtt5.SubAckReasonCode(code) for code in (0, 1, 2, 0x80)]), min_size=1, max_size=4
    )
    codes = [mqtt5.ConnAckReasonCode(code) for code in (0, 0x84, 0x85, 0x86, 0x87, 0x88)]
    return st.one_of(
        connects(version),
        publishes(version),
        st.builds(mqtt5.ConnAckPacket, reason_code=st.sampled_from(codes)),
        *(st.builds(kind, identifiers) for kind in ACKNOWLEDGEMENTS),
        st.builds(mqtt5.SubscribePacket, identifiers, filters),
        st.builds(mqtt5.SubAckPacket, identifiers, granted),
        st.builds(mqtt5.UnsubscribePacket, identifiers, st.lists(text, min_size=1, max_size=4)),
        st.builds(mqtt5.UnsubAckPacket, identifiers, st.just([mqtt5.UnsubAckReasonCode.SUCCESS])),
        st.sampled_from([mqtt5.PingReqPacket(), mqtt5.PingRespPacket(), mqtt5.DisconnectPacket()]),
    )


ACKNOWLEDGEMENTS = (mqtt5.PubAckPacket, mqtt5.PubRecPacket, mqtt5.PubRelPacket, mqtt5.PubCompPacket)
streams = st.sampled_from([4, 5]).flatmap(lambda v: st.tuples(st.just(CODECS[v]), st.lists(packets(v), max_size=6)))


def repr_of(packet: Any) -> str:
    """What a packet says (some of the library's packets compare by identity)."""
    return repr(packet)


@given(streams, st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_what_is_written_is_read_back_however_it_is_cut(stream: tuple[Codec, list[Any]], cuts: list[int]) -> None:
    codec, sent = stream
    wire = b"".join(map(codec.encode, sent))
    framer, read, at, turn = Framer(1 << 20), [], 0, 0
    while at < len(wire):
        step = cuts[turn % len(cuts)]
        framer.feed(wire[at : at + step])
        read += [codec.decode(frame) for frame in framer.frames()]
        at, turn = at + step, turn + 1
    assert [repr_of(packet) for packet in read] == [repr_of(packet) for packet in sent]
    assert len(framer) == 0


def consume(codec: Codec, wire: bytes) -> None:
    framer = Framer(4096)
    framer.feed(wire)
    try:
        for frame in framer.frames():
            codec.decode(frame)
    except ProtocolError as error:
        assert error.code >= 0x80  # noqa: PT017 - that nothing else is raised is the point


@given(st.sampled_from([V311, V5]), st.binary(max_size=200))
@example(V5, bytes.fromhex("30040001ff00"))
@example(V5, bytes.fromhex("300a0001780426000161ff"))
@example(V5, bytes.fromhex("e00500031f0001ff"))
@settings(max_examples=400)
def test_any_bytes_are_packets_or_a_protocol_error(codec: Codec, wire: bytes) -> None:
    consume(codec, wire)


@given(streams, st.data())
@settings(max_examples=400)
def test_damaged_packets_are_packets_or_a_protocol_error(stream: tuple[Codec, list[Any]], data: st.DataObject) -> None:
    codec, sent = stream
    wire = bytearray(b"".join(map(codec.encode, sent)))
    for _ in range(data.draw(st.integers(0, 5))):
        if wire:
            wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    consume(codec, bytes(wire))


@given(st.integers(1, 14), st.integers(0, 15), st.binary(max_size=60), st.sampled_from([V311, V5]))
@settings(max_examples=600)
def test_any_body_under_a_true_header_is_a_packet_or_a_protocol_error(
    kind: int, flags: int, body: bytes, codec: Codec
) -> None:
    consume(codec, bytes([kind << 4 | flags, len(body)]) + body)


def test_a_packet_beyond_the_limit_is_named_by_size_and_topic() -> None:
    framer = Framer(1024)
    framer.feed(V311.encode(mqtt5.PublishPacket("river/g1", b"x" * 2_000_000))[:100])
    with pytest.raises(Oversize) as caught:
        list(framer.frames())
    assert caught.value.topic == "river/g1"
    assert caught.value.size > 2_000_000
    assert caught.value.code == 0x95


def test_a_length_without_end_is_refused() -> None:
    framer = Framer(1024)
    framer.feed(b"\x30\xff\xff\xff\xff\x01")
    with pytest.raises(ProtocolError, match="four bytes"):
        list(framer.frames())


def test_stopping_early_keeps_the_rest() -> None:
    framer = Framer(1024)
    framer.feed(b"\xc0\x00" * 5)
    assert len([frame for frame, _ in zip(framer.frames(), range(2), strict=False)]) == 2
    remaining = len(framer) // 2
    framer.feed(b"\xc0\x00")
    assert len(list(framer.frames())) == remaining + 1


def test_a_frame_that_somebody_keeps_does_not_stop_the_stream() -> None:
    framer = Framer(1024)
    framer.feed(b"\xc0\x00\xd0")
    kept = list(framer.frames())
    framer.feed(b"\x00")
    assert [bytes(frame) for frame in [*kept, *framer.frames()]] == [b"\xc0\x00", b"\xd0\x00"]


@pytest.mark.parametrize(("codec", "level"), [(V311, 4), (V5, 5)])
def test_the_version_is_read_from_the_connect(codec: Codec, level: int) -> None:
    assert protocol_level(memoryview(codec.encode(mqtt5.ConnectPacket("g1")))) == level


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"\xc0\x00", ProtocolError),
        (b"\x10\x09\x00\x06MQIsdp\x03", UnsupportedVersion),
        (b"\x10\x07\x00\x04MQTT\x06", UnsupportedVersion),
        (b"\x10\x00", ProtocolError),
        (b"\x10\x05GET /", ProtocolError),
    ],
)
def test_another_protocol_is_refused(frame: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        protocol_level(memoryview(frame))


BAD: list[tuple[Callable[[], bytes], str]] = [
    (lambda: b"\x36\x05\x00\x01x\x00\x01", "quality of service"),
    (lambda: b"\x32\x05\x00\x01x\x00\x00", "identifier must not be 0"),
    (lambda: b"\x82\x02\x00\x01", "at least one filter"),
    (lambda: b"\x30\x04\x00\x01\xff.", "not UTF-8"),
    (lambda: b"\x30\x03\x00\x01\x00", "U\\+0000"),
    (lambda: b"\x60\x02\x00\x01", "flags"),
    (lambda: b"\xf0\x00", "type 15"),
    (lambda: b"\x40\x03\x00\x01\x00", "left over"),
    (lambda: b"\x40\x01\x00", "too early"),
]


@pytest.mark.parametrize(("frame", "reason"), BAD)
def test_version_3_says_what_is_wrong(frame: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        V311.decode(memoryview(frame()))
