"""A stream of bytes cut into packets: fixed header, remaining length, body (MQTT 5.0, 2.1; the same in 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.mqtt.packets.errors import UNSUPPORTED_VERSION, Oversize, ProtocolError, UnsupportedVersion

_CONNECT = 1
_PUBLISH = 3


class Framer:
    """Collects what arrives and yields whole packets. Holds at most one packet of `limit` bytes beyond a read."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._consumed = 0
        self._wanted = 2

    def feed(self, data: bytes) -> None:
        """Add bytes as they came."""
        if self._consumed:
            # A new buffer: frames handed out may still look into the old one, which forbids to shrink it.
            self._buffer = self._buffer[self._consumed :]
            self._consumed = 0
        self._buffer += data

    def __len__(self) -> int:
        return len(self._buffer) - self._consumed

    def frames(self) -> Iterator[memoryview]:
        """Whole packets, each with its fixed header, a view of the buffer.

        Whoever stops early loses nothing: the packets yielded so far are consumed, the rest stays.
        Raises `Oversize` and `ProtocolError` where the stream cannot be cut further.
        """
        size = len(self._buffer)
        if size - self._consumed < self._wanted:
            return
        with memoryview(self._buffer) as view:
            while True:
                start = self._consumed
                end = self._end(view, start, size)
                if end > size:
                    self._wanted = end - start
                    return
                self._consumed = end
                yield view[start:end]

    def _end(self, view: memoryview, start: int, size: int) -> int:
        """Where the packet at `start` ends; beyond `size` when not all of it (or of its length) is here."""
        self._wanted = 2
        if size - start < 2:
            return start + 2
        first = view[start + 1]
        if first < 0x80:
            length, used = first, 1
        else:
            length, used = _variable(view, start + 1, size)
            if not used:
                return size + 1
        end = start + 1 + used + length
        if end - start > self.limit:
            raise Oversize(end - start, self.limit, _topic(view, start, start + 1 + used, size))
        return end


def _variable(view: memoryview, at: int, size: int) -> tuple[int, int]:
    """A variable byte integer and the bytes it took; 0 bytes when it goes on beyond `size` (1.5.5)."""
    value = 0
    for used in range(4):
        if at + used >= size:
            return 0, 0
        byte = view[at + used]
        value |= (byte & 0x7F) << 7 * used
        if byte < 0x80:
            return value, used + 1
    raise ProtocolError("the remaining length takes more than four bytes")


def _topic(view: memoryview, start: int, body: int, size: int) -> str | None:
    if view[start] >> 4 != _PUBLISH or size < body + 2:
        return None
    end = body + 2 + (view[body] << 8 | view[body + 1])
    return str(view[body + 2 : end], "utf-8", "replace") if end <= size else None


def protocol_level(frame: memoryview) -> int:
    """The protocol level that a CONNECT asks for (3.1.2.2): 4 is version 3.1.1, 5 is 5.0.

    Raises `ProtocolError` when it is no CONNECT, `UnsupportedVersion` for any other level.
    """
    if frame[0] != _CONNECT << 4:
        raise ProtocolError("the first packet must be CONNECT", code=0x82)
    _, used = _variable(frame, 1, len(frame))
    body = bytes(frame[1 + used : 1 + used + 10])
    if body.startswith(b"\x00\x06MQIsdp") and len(body) > 8:
        raise UnsupportedVersion(body[8])
    if not body.startswith(b"\x00\x04MQTT") or len(body) < 7:
        raise ProtocolError("a CONNECT must name the protocol MQTT", code=UNSUPPORTED_VERSION)
    if body[6] not in (4, 5):
        raise UnsupportedVersion(body[6])
    return body[6]
