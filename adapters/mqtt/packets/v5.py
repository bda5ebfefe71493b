"""MQTT 5.0 packets: the library `mqtt5`, guarded so that no bytes raise anything but `ProtocolError`."""

from __future__ import annotations

import mqtt5

from adapters.mqtt.packets.errors import ProtocolError
from adapters.mqtt.packets.strings import check_strings

LEVEL = 5


def decode(frame: memoryview) -> mqtt5.Packet:
    """The packet in `frame`, which is exactly one with its fixed header. Raises `ProtocolError`."""
    first = frame[0]
    body = _body(frame)
    if not _plainly_ascii(first, body):
        check_strings(first, body)
    try:
        packet, used = mqtt5.read(frame)
    except (ValueError, IndexError) as error:
        raise ProtocolError(f"malformed packet: {error}") from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise ProtocolError("malformed packet: the parser gave up on it") from None
    if used != len(frame):
        raise ProtocolError("malformed packet: bytes are left over")
    return packet


def encode(packet: mqtt5.Packet) -> bytes:
    """The packet's bytes. Raises `ValueError` for values that version 5 cannot say."""
    return packet.write()


def _body(frame: memoryview) -> memoryview:
    at = 1
    while frame[at] >= 0x80:
        at += 1
    return frame[at + 1 :]


def _plainly_ascii(first: int, body: memoryview) -> bool:
    """The common PUBLISH at a glance: a topic and no properties, all ASCII, so that nothing needs a walk."""
    if first >> 4 != 3 or len(body) < 3:
        return False
    end = 2 + (body[0] << 8 | body[1])
    properties = end + 2 if first & 0x06 else end
    return properties < len(body) and not body[properties] and bytes(body[2:end]).isascii()
