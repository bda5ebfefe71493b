"""Plain JSON over MQTT from a dam, on `city/dam/{device}/up`. Pure: no clock, no I/O.

    {"t": "2023-07-13T07:20:00+09:00", "level": 302.41, "inflow": 210.4, "outflow": 180.0, "storage": 31200000}

`level` (貯水位) is metres above sea level, `inflow` (流入量) and `outflow` (放流量) cubic metres a second, `storage`
(貯水量) cubic metres, `rate` (貯水率) per cent of what it may hold. At least one of them is there.
`adapters.measured` says how rows are read. An inflow may be below 0: it is reckoned from level and outflow.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.measured import Quantity, read_message
from adapters.topics import device_of
from schemas.observation import Observation, Rejection

TOPIC_FILTER = "city/dam/+/up"
QUANTITIES = (
    Quantity("level", "reservoirLevel", "MTR", -50, 3776),
    Quantity("inflow", "inflow", "MQS", -5_000, 30_000),
    Quantity("outflow", "outflow", "MQS", 0, 30_000),
    Quantity("storage", "storageVolume", "MTQ", 0, 1e9),
    Quantity("rate", "storageRate", "P1", 0, 200),
)


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the dam holds and lets go, one outcome per value, at least one outcome. Never raises."""
    device = device_of(topic, TOPIC_FILTER)
    return [device] if isinstance(device, Rejection) else read_message(payload, device, QUANTITIES)
