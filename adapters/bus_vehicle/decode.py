"""Plain JSON over MQTT from a bus, on `city/bus/{device}/up`. Pure: no clock, no I/O.

A message is one place or a list of up to `MAX_ROWS` (what the bus kept in a tunnel)::

    {"t": "2026-11-24T09:12:30+09:00", "lon": 136.2216, "lat": 36.0612, "speed": 31.5, "bearing": 270}

`t` is read by `adapters.times.parse_time`. `lon` and `lat` are degrees (JGD2011 or WGS 84), both or neither fault;
`speed` is km/h, `bearing` degrees from north, clockwise; both may be left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.payload import read_json, shown
from adapters.times import EXPECTED, parse_time
from schemas.observation import Observation, Reason, Rejection

TOPIC_FILTER = "city/bus/+/up"
MAX_ROWS = 500

_TOPIC = re.compile(r"city/bus/([A-Za-z0-9][A-Za-z0-9._-]{0,99})/up")
_EXTRAS = (("speed", "speed", "KMH", 0.0, 200.0), ("bearing", "heading", "DD", 0.0, 360.0))


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    """Where the bus was, one outcome per value, at least one outcome. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = f"{shown(topic)} is no topic of a bus; publish to city/bus/DEVICE/up"
        return [Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)]
    device = match[1]
    message = read_json(payload, device)
    if isinstance(message, Rejection):
        return [message]
    rows = message if isinstance(message, list) else [message]
    if not rows or len(rows) > MAX_ROWS:
        detail = f"a list of {len(rows)} places; send 1 to {MAX_ROWS} in one message"
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=device)]
    return [outcome for row in rows for outcome in _row(row, device)]


def _row(row: Any, device: str) -> Iterator[Observation | Rejection]:
    if not isinstance(row, Mapping):
        detail = f'got {shown(row)}; a place is an object such as {{"t": "…", "lon": 136.22, "lat": 36.06}}'
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=device)
        return
    try:
        at = parse_time(row.get("t"))
    except ValueError as error:
        detail = f"{shown(row['t'])} {error}" if "t" in row else f"the time is missing; {EXPECTED}"
        yield Rejection(reason=Reason.BAD_TIME, detail=detail, field="t", device=device)
        return
    yield _place(row, device, at)
    for field, property_, unit, low, high in _EXTRAS:
        if field in row:
            value = _number(row[field], field, low, high, device)
            if isinstance(value, Rejection):
                yield value
            else:
                yield Observation(device=device, property=property_, value=value, observed_at=at, unit=unit)


def _place(row: Mapping[str, Any], device: str, at: datetime) -> Observation | Rejection:
    longitude = _number(row.get("lon"), "lon", -180.0, 180.0, device)
    latitude = _number(row.get("lat"), "lat", -90.0, 90.0, device)
    if isinstance(longitude, Rejection):
        return longitude
    if isinstance(latitude, Rejection):
        return latitude
    if longitude == latitude == 0.0:
        detail = "0, 0 is what a receiver says that has found no satellites; send nothing then"
        return Rejection(reason=Reason.SENSOR_FAULT, detail=detail, field="lon", device=device)
    return Observation(device=device, property="location", value=(longitude, latitude), observed_at=at)


def _number(raw: Any, field: str, low: float, high: float, device: str) -> float | Rejection:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        detail = f"{shown(raw)} is no number; send {field} as a number from {low:g} to {high:g}, without quotes"
        return Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field=field, device=device)
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        detail = f"{field} is not finite; send a number from {low:g} to {high:g}"
        return Rejection(reason=Reason.NOT_A_NUMBER, detail=detail, field=field, device=device)
    if not low <= value <= high:
        detail = f"{field} is {value:g}; {low:g} to {high:g} is possible (longitude and latitude exchanged?)"
        return Rejection(reason=Reason.OUT_OF_RANGE, detail=detail, field=field, device=device)
    return value
