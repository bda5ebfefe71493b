"""The bytes of a river gauge's LoRaWAN uplink, one layout per FPort: data, not code. Big-endian, without padding.

===== ======== ============================================================================== =================
FPort name     bytes                                                                          LoRaWAN size
===== ======== ============================================================================== =================
1     reading  level int16 mm, battery uint16 mV                                              4
2     buffered one or more of: time uint32 seconds since 1970, level int16 mm, battery uint16 8 each
3     wide     level int32 mm, battery uint16 mV (levels beyond 32 m, such as a dam's)        6
10    status   battery uint16 mV                                                              2
===== ======== ============================================================================== =================

The lowest value of a level (-32768, or -2147483648 on FPort 3) says that the sensor is out of order; a battery of
65535 that it is not measured. Levels count from the gauge's zero.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple


class Layout(NamedTuple):
    """One FPort's bytes: the record, its fields in order, the level that means a fault, and whether it may repeat."""

    name: str
    record: struct.Struct
    fields: tuple[str, ...]
    fault: int | None = None
    repeats: bool = False


LAYOUTS: Mapping[int, Layout] = {
    1: Layout("reading", struct.Struct(">hH"), ("level", "battery"), fault=-(2**15)),
    2: Layout("buffered", struct.Struct(">IhH"), ("t", "level", "battery"), fault=-(2**15), repeats=True),
    3: Layout("wide", struct.Struct(">iH"), ("level", "battery"), fault=-(2**31)),
    10: Layout("status", struct.Struct(">H"), ("battery",)),
}

BATTERY_UNKNOWN = 2**16 - 1


def unpack(layout: Layout, data: bytes) -> list[dict[str, float | None]]:
    """The rows in `data` in the shape of `rows.read_row`. Raises ValueError where the length does not fit."""
    size = layout.record.size
    if not data or len(data) % size or (len(data) != size and not layout.repeats):
        expected = f"a multiple of {size}" if layout.repeats else str(size)
        raise ValueError(f"{len(data)} bytes, expected {expected} ({layout.name}: {', '.join(layout.fields)})")
    return [_row(layout, values) for values in layout.record.iter_unpack(data)]


def _row(layout: Layout, values: tuple[int, ...]) -> dict[str, float | None]:
    raw = dict(zip(layout.fields, values, strict=True))
    row: dict[str, float | None] = {}
    if "t" in raw:
        row["t"] = raw["t"]
    if "level" in raw:
        row["level"] = None if raw["level"] == layout.fault else raw["level"] / 1000
    if raw["battery"] != BATTERY_UNKNOWN:
        row["battery"] = raw["battery"] / 1000
    return row
