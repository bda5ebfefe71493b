"""Plain JSON over MQTT from a river gauge, on `city/river/{device}/up`. Pure: no clock, no I/O.

A message is one row or a list of up to `rows.MAX_ROWS` rows (what a gauge kept while it had no line)::

    {"t": "2023-07-13T07:20:00+09:00", "level": 2.72, "unit": "m", "battery": 3.61, "seq": 12}

`t` is read by `times.parse_time`. `level` is metres above the gauge's own zero, negative below it, or centimetres or
millimetres where `unit` says so. `battery` is volts. At least one of the two is there. Other fields, `seq` among
them, are kept with the original bytes and not read: a counter that restarts with the gauge must not make new
readings look like copies of old ones; a copy is known by its device, time and value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.payload import read_json, shown
from adapters.river_gauge.rows import read_row, read_rows
from schemas.observation import Observation, Reason, Rejection

TOPIC_FILTER = "city/river/+/up"

_TOPIC = re.compile(r"city/river/([^/]*)/up")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """What the gauge measured, one outcome per measurement, at least one outcome. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} is no topic of a river gauge; publish to city/river/DEVICE/up"
        return [Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)]
    device = match[1]
    if _DEVICE.fullmatch(device) is None:
        detail = f"{shown(device)} cannot be a device's name: 1 to 100 of A-Z a-z 0-9 . _ : - are allowed"
        return [Rejection(reason=Reason.UNKNOWN_DEVICE, detail=detail, field="topic")]
    message = read_json(payload, device)
    if isinstance(message, Rejection):
        return [message]
    rows = read_rows(message, device) if isinstance(message, list) else read_row(message, device)
    return list(rows)
