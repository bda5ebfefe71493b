"""The version that a connection speaks, as a pair of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mqtt5

from adapters.mqtt.packets import v5, v311


class Codec(NamedTuple):
    """How a version's packets become values and back. `decode` raises `ProtocolError` and nothing else."""

    level: int
    decode: Callable[[memoryview], mqtt5.Packet]
    encode: Callable[[mqtt5.Packet], bytes]


V311 = Codec(v311.LEVEL, v311.decode, v311.encode)
V5 = Codec(v5.LEVEL, v5.decode, v5.encode)
CODECS = {codec.level: codec for codec in (V311, V5)}
