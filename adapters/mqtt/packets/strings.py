"""Whether every string in a version 5 packet is well-formed UTF-8 (MQTT 5.0, 1.5.4), before a library reads it.

`mqtt5` 0.8 does not report ill-formed UTF-8 as an error: its native code panics, with a trace on standard
error, which a stranger could cause at will. So packets are walked here first. Only the shapes that hold strings
are known here; anything else wrong with a packet is left to the library to find.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.mqtt.packets.errors import ProtocolError

_STRINGS = frozenset({0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F})
_BINARY = frozenset({0x09, 0x16})
_PAIR = 0x26
_SUBSCRIPTION_ID = 0x0B
_FIXED = {0x01: 1, 0x02: 4, 0x11: 4, 0x13: 2, 0x17: 1, 0x18: 4, 0x19: 1, 0x21: 2, 0x22: 2, 0x23: 2}
_FIXED |= {0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}


class _Walker:
    """A place in a packet. Running over the end raises IndexError."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value

    def variable(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise IndexError

    def field(self) -> memoryview:
        length = self.byte() << 8 | self.byte()
        self.at += length
        if self.at > len(self.data):
            raise IndexError
        return self.data[self.at - length : self.at]

    def string(self) -> None:
        str(self.field(), "utf-8")

    def properties(self) -> None:
        length = self.variable()
        end = self.at + length
        while self.at < end:
            identifier = self.byte()
            if identifier in _STRINGS:
                self.string()
            elif identifier == _PAIR:
                self.string()
                self.string()
            elif identifier in _BINARY:
                self.field()
            elif identifier == _SUBSCRIPTION_ID:
                self.variable()
            else:
                self.at += _FIXED[identifier]


def _connect(walk: _Walker, _: int) -> None:
    walk.string()
    walk.byte()
    flags = walk.byte()
    walk.at += 2
    walk.properties()
    walk.string()
    if flags & 0x04:
        walk.properties()
        walk.string()
        walk.field()
    if flags & 0x80:
        walk.string()


def _publish(walk: _Walker, flags: int) -> None:
    walk.string()
    if flags & 0x06:
        walk.at += 2
    walk.properties()


def _acknowledgement(walk: _Walker, _: int) -> None:
    walk.at += 3
    walk.properties()


def _connack(walk: _Walker, _: int) -> None:
    walk.at += 2
    walk.properties()


def _subscribe(walk: _Walker, _: int) -> None:
    walk.at += 2
    walk.properties()
    while walk.at < len(walk.data):
        walk.string()
        walk.byte()


def _identified(walk: _Walker, _: int) -> None:
    walk.at += 2
    walk.properties()


def _unsubscribe(walk: _Walker, _: int) -> None:
    walk.at += 2
    walk.properties()
    while walk.at < len(walk.data):
        walk.string()


def _reasoned(walk: _Walker, _: int) -> None:
    walk.byte()
    walk.properties()


_WALKS: dict[int, Callable[[_Walker, int], None]] = {1: _connect, 2: _connack, 3: _publish}
_WALKS |= dict.fromkeys((4, 5, 6, 7), _acknowledgement)
_WALKS |= {8: _subscribe, 9: _identified, 10: _unsubscribe, 11: _identified, 14: _reasoned, 15: _reasoned}


def check_strings(first: int, body: memoryview) -> None:
    """Look at every string of the packet whose first byte is `first` and whose variable header starts `body`.

    Raises `ProtocolError` (malformed packet) for the first that is not UTF-8. A packet that is cut short or
    unknown passes: the library refuses it with a reason of its own.
    """
    walk = _WALKS.get(first >> 4)
    if walk is None:
        return
    try:
        walk(_Walker(body), first & 0x0F)
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a string is not UTF-8: {error.reason}") from None
    except (IndexError, KeyError):
        return
