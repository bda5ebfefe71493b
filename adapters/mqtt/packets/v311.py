"""MQTT 3.1.1 packets (OASIS standard, 29 October 2014), as the values of `mqtt5`.

Version 3.1.1 knows no properties and few reason codes; what a value says beyond it is left out when encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mqtt5

from adapters.mqtt.packets.errors import ProtocolError

LEVEL = 4
_QOS = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE, mqtt5.QoS.EXACTLY_ONCE)
_FOREVER = 0xFFFFFFFF
_FAILURE = 0x80

# Version 5's reason codes (their numbers: the library's enumerations are no Python enums) as return codes (3.2.2.3).
_RETURN_CODES = {0x00: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x89: 3, 0x97: 3, 0x86: 4, 0x87: 5}
_REASONS = {0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
_UNAVAILABLE = 3


class _Reader:
    """A place in a packet's body. Running over the end raises IndexError."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value

    def word(self) -> int:
        return self.byte() << 8 | self.byte()

    def field(self) -> bytes:
        length = self.word()
        self.at += length
        if self.at > len(self.data):
            raise IndexError
        return bytes(self.data[self.at - length : self.at])

    def string(self) -> str:
        text = str(self.field(), "utf-8")
        if "\0" in text:
            raise ProtocolError("a string contains U+0000")
        return text

    def identifier(self) -> int:
        value = self.word()
        if not value:
            raise ProtocolError("a packet identifier must not be 0")
        return value

    def more(self) -> bool:
        return self.at < len(self.data)


def decode(frame: memoryview) -> mqtt5.Packet:
    """The packet in `frame`, which is exactly one with its fixed header. Raises `ProtocolError`."""
    first = frame[0]
    at = 1
    while frame[at] >= 0x80:
        at += 1
    reader = _Reader(frame[at + 1 :])
    entry = _DECODERS.get(first >> 4)
    if entry is None:
        raise ProtocolError(f"packet type {first >> 4} is not one of version 3.1.1")
    flags, read = entry
    if flags is not None and first & 0x0F != flags:
        raise ProtocolError(f"the flags of packet type {first >> 4} must be {flags}")
    try:
        packet = read(reader, first & 0x0F)
    except IndexError:
        raise ProtocolError("malformed packet: it ends too early") from None
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a string is not UTF-8: {error.reason}") from None
    except ValueError as error:
        raise ProtocolError(f"malformed packet: {error}") from None
    if reader.more():
        raise ProtocolError("malformed packet: bytes are left over")
    return packet


def encode(packet: mqtt5.Packet) -> bytes:
    """The packet's bytes. Raises `ValueError` for AUTH, which 3.1.1 does not have."""
    write = _ENCODERS.get(type(packet))
    if write is None:
        raise ValueError(f"version 3.1.1 has no {type(packet).__name__}")
    first, body = write(packet)
    return bytes([first]) + _variable(len(body)) + body


def _qos(value: int) -> mqtt5.QoS:
    if value > 2:
        raise ProtocolError("a quality of service is 0, 1 or 2")
    return _QOS[value]


def _read_connect(reader: _Reader, _: int) -> mqtt5.ConnectPacket:
    if reader.string() != "MQTT" or reader.byte() != LEVEL:
        raise ProtocolError("a CONNECT of version 3.1.1 names MQTT and level 4")
    flags = reader.byte()
    keep_alive = reader.word()
    client_id = reader.string()
    if flags & 0x01 or (flags & 0x40 and not flags & 0x80) or (not flags & 0x04 and flags & 0x38):
        raise ProtocolError("the flags of a CONNECT contradict each other")
    will = None
    if flags & 0x04:
        topic, payload = reader.string(), reader.field()
        will = mqtt5.Will(topic, payload=payload, qos=_qos(flags >> 3 & 3), retain=bool(flags & 0x20))
    username = reader.string() if flags & 0x80 else None
    password = reader.field() if flags & 0x40 else None
    clean = bool(flags & 0x02)
    return mqtt5.ConnectPacket(
        client_id,
        username=username,
        password=password,
        clean_start=clean,
        will=will,
        keep_alive=keep_alive,
        session_expiry_interval=0 if clean else _FOREVER,
    )


def _read_connack(reader: _Reader, _: int) -> mqtt5.ConnAckPacket:
    present, code = reader.byte(), reader.byte()
    if present > 1 or code not in _REASONS:
        raise ProtocolError("a CONNACK holds 0 or 1 and a return code from 0 to 5")
    return mqtt5.ConnAckPacket(session_present=bool(present), reason_code=mqtt5.ConnAckReasonCode(_REASONS[code]))


def _read_publish(reader: _Reader, flags: int) -> mqtt5.PublishPacket:
    qos = _qos(flags >> 1 & 3)
    topic = reader.string()
    packet_id = reader.identifier() if flags & 0x06 else None
    payload = bytes(reader.data[reader.at :])
    reader.at = len(reader.data)
    duplicate, retain = bool(flags & 8), bool(flags & 1)
    return mqtt5.PublishPacket(
        topic, payload, qos=qos, retain=retain, packet_id=packet_id, duplicate=duplicate and qos.value > 0
    )


def _identified(kind: Callable[[int], mqtt5.Packet]) -> Callable[[_Reader, int], mqtt5.Packet]:
    return lambda reader, _: kind(reader.identifier())


def _empty(kind: Callable[[], mqtt5.Packet]) -> Callable[[_Reader, int], mqtt5.Packet]:
    return lambda _, __: kind()


def _read_subscribe(reader: _Reader, _: int) -> mqtt5.SubscribePacket:
    packet_id = reader.identifier()
    filters = []
    while reader.more():
        pattern = reader.string()
        filters.append(mqtt5.TopicFilter(pattern, max_qos=_qos(reader.byte())))
    if not filters:
        raise ProtocolError("a SUBSCRIBE names at least one filter")
    return mqtt5.SubscribePacket(packet_id, filters)


def _read_suback(reader: _Reader, _: int) -> mqtt5.SubAckPacket:
    packet_id = reader.identifier()
    codes = []
    while reader.more():
        code = reader.byte()
        if code not in (0, 1, 2, _FAILURE):
            raise ProtocolError("a SUBACK holds 0, 1, 2 or 128 for each filter")
        codes.append(mqtt5.SubAckReasonCode(code))
    if not codes:
        raise ProtocolError("a SUBACK holds at least one return code")
    return mqtt5.SubAckPacket(packet_id, codes)


def _read_unsubscribe(reader: _Reader, _: int) -> mqtt5.UnsubscribePacket:
    packet_id = reader.identifier()
    patterns = []
    while reader.more():
        patterns.append(reader.string())
    if not patterns:
        raise ProtocolError("an UNSUBSCRIBE names at least one filter")
    return mqtt5.UnsubscribePacket(packet_id, patterns)


def _read_unsuback(reader: _Reader, _: int) -> mqtt5.UnsubAckPacket:
    return mqtt5.UnsubAckPacket(reader.identifier(), [mqtt5.UnsubAckReasonCode.SUCCESS])


_DECODERS: dict[int, tuple[int | None, Callable[[_Reader, int], mqtt5.Packet]]] = {
    1: (0, _read_connect),
    2: (0, _read_connack),
    3: (None, _read_publish),
    4: (0, _identified(mqtt5.PubAckPacket)),
    5: (0, _identified(mqtt5.PubRecPacket)),
    6: (2, _identified(mqtt5.PubRelPacket)),
    7: (0, _identified(mqtt5.PubCompPacket)),
    8: (2, _read_subscribe),
    9: (0, _read_suback),
    10: (2, _read_unsubscribe),
    11: (0, _read_unsuback),
    12: (0, _empty(mqtt5.PingReqPacket)),
    13: (0, _empty(mqtt5.PingRespPacket)),
    14: (0, _empty(mqtt5.DisconnectPacket)),
}


def _variable(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _word(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _field(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError("a string or field takes at most 65535 bytes")
    return _word(len(value)) + value


def _string(text: str) -> bytes:
    return _field(text.encode())


def _write_connect(packet: mqtt5.ConnectPacket) -> tuple[int, bytes]:
    flags = 0x02 if packet.clean_start else 0
    payload = _string(packet.client_id)
    if packet.will:
        flags |= 0x04 | packet.will.qos.value << 3 | (0x20 if packet.will.retain else 0)
        payload += _string(packet.will.topic) + _field(packet.will.payload or b"")
    if packet.username is not None:
        flags |= 0x80
        payload += _string(packet.username)
        if packet.password is not None:
            flags |= 0x40
            payload += _field(packet.password)
    return 0x10, _string("MQTT") + bytes([LEVEL, flags]) + _word(packet.keep_alive) + payload


def _write_connack(packet: mqtt5.ConnAckPacket) -> tuple[int, bytes]:
    code = _RETURN_CODES.get(packet.reason_code.value, _UNAVAILABLE)
    return 0x20, bytes([packet.session_present and code == 0, code])


def _write_publish(packet: mqtt5.PublishPacket) -> tuple[int, bytes]:
    first = 0x30 | packet.duplicate << 3 | packet.qos.value << 1 | packet.retain
    identifier = _word(packet.packet_id) if packet.packet_id else b""
    return first, _string(packet.topic) + identifier + packet.payload


def _write_subscribe(packet: mqtt5.SubscribePacket) -> tuple[int, bytes]:
    filters = (_string(each.pattern) + bytes([each.max_qos.value]) for each in packet.topic_filters)
    return 0x82, _word(packet.packet_id) + b"".join(filters)


def _write_suback(packet: mqtt5.SubAckPacket) -> tuple[int, bytes]:
    return 0x90, _word(packet.packet_id) + bytes(min(code.value, _FAILURE) for code in packet.reason_codes)


def _write_unsubscribe(packet: mqtt5.UnsubscribePacket) -> tuple[int, bytes]:
    return 0xA2, _word(packet.packet_id) + b"".join(map(_string, packet.patterns))


def _plain(first: int) -> Callable[[Any], tuple[int, bytes]]:
    return lambda packet: (first, _word(packet.packet_id))


def _bare(first: int) -> Callable[[Any], tuple[int, bytes]]:
    return lambda _: (first, b"")


_ENCODERS: dict[type, Callable[[Any], tuple[int, bytes]]] = {
    mqtt5.ConnectPacket: _write_connect,
    mqtt5.ConnAckPacket: _write_connack,
    mqtt5.PublishPacket: _write_publish,
    mqtt5.PubAckPacket: _plain(0x40),
    mqtt5.PubRecPacket: _plain(0x50),
    mqtt5.PubRelPacket: _plain(0x62),
    mqtt5.PubCompPacket: _plain(0x70),
    mqtt5.SubscribePacket: _write_subscribe,
    mqtt5.SubAckPacket: _write_suback,
    mqtt5.UnsubscribePacket: _write_unsubscribe,
    mqtt5.UnsubAckPacket: _plain(0xB0),
    mqtt5.PingReqPacket: _bare(0xC0),
    mqtt5.PingRespPacket: _bare(0xD0),
    mqtt5.DisconnectPacket: _bare(0xE0),
}
