"""Plain JSON over MQTT from a power meter, on `city/power/{device}/up`. Pure: no clock, no I/O.

    {"t": "2026-11-21T09:00:00+09:00", "power": 41.2, "energy": 183204.5}

`power` is what the connection draws in kilowatts, below 0 where it feeds in; `energy` the register of energy drawn, in
kilowatt hours. At least one of them is there. They become attributes of ACMeasurement of the Smart Data Models
(`totalActivePower`, `totalActiveEnergyImport`). `adapters.measured` says how rows are read.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.measured import Quantity, read_message
from adapters.topics import device_of
from schemas.observation import Observation, Rejection

TOPIC_FILTER = "city/power/+/up"
QUANTITIES = (
    Quantity("power", "totalActivePower", "KWT", -100_000, 100_000),
    Quantity("energy", "totalActiveEnergyImport", "KWH", 0, 1e12),
)


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What a connection draws, one outcome per value, at least one outcome. Never raises."""
    device = device_of(topic, TOPIC_FILTER)
    return [device] if isinstance(device, Rejection) else read_message(payload, device, QUANTITIES)
