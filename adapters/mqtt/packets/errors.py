"""Why bytes are not a packet we take. Each carries the reason code that version 5 answers."""

from __future__ import annotations

from broker.errors import CityError

MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
UNSUPPORTED_VERSION = 0x84
TOO_LARGE = 0x95


class ProtocolError(CityError):
    """The peer broke the protocol: the connection cannot go on. `code` is a version 5 reason code (2.4)."""

    def __init__(self, message: str, *, code: int = MALFORMED) -> None:
        super().__init__(message)
        self.code = code


class Oversize(ProtocolError):
    """The next packet is larger than announced: `size` bytes, and `topic` where a PUBLISH's can be seen."""

    def __init__(self, size: int, limit: int, topic: str | None) -> None:
        super().__init__(f"a packet of {size} bytes; at most {limit} are taken", code=TOO_LARGE)
        self.size = size
        self.topic = topic


class UnsupportedVersion(ProtocolError):
    """A CONNECT of a version that is neither 3.1.1 nor 5.0."""

    def __init__(self, level: int) -> None:
        super().__init__(
            f"protocol level {level}; 4 (MQTT 3.1.1) and 5 (MQTT 5.0) are served", code=UNSUPPORTED_VERSION
        )
        self.level = level
