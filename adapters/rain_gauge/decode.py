"""Plain JSON over MQTT from a rain gauge, on `city/rain/{device}/up`. Pure: no clock, no I/O.

    {"t": "2023-07-13T07:20:00+09:00", "tenMinutes": 12.5, "hour": 43.0, "total": 181.5}

Millimetres that fell in the ten minutes (10分雨量) and the hour (時間雨量) that end at `t`, and since the rain began
(累加雨量). At least one of them is there. `adapters.measured` says how rows are read. The upper ends are half as much
again as Japan's records (50 mm in ten minutes, 187 mm in an hour): beyond is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.measured import Quantity, read_message
from adapters.topics import device_of
from schemas.observation import Observation, Rejection

TOPIC_FILTER = "city/rain/+/up"
QUANTITIES = (
    Quantity("tenMinutes", "precipitation10min", "MMT", 0, 75),
    Quantity("hour", "precipitation", "MMT", 0, 280),
    Quantity("total", "precipitationTotal", "MMT", 0, 5000),
)


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What fell, one outcome per value, at least one outcome. Never raises."""
    device = device_of(topic, TOPIC_FILTER)
    return [device] if isinstance(device, Rejection) else read_message(payload, device, QUANTITIES)
