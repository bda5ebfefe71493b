"""Detectors that speak plainly: what they heard, on `city/tag/{detector}/up`. Pure: no clock, no I/O.

    {"sent": "2026-11-24T08:02:05+09:00",
     "sightings": [{"t": "2026-11-24T08:02:01+09:00", "adv": "0201061aff4c000215…c5", "rssi": -67}]}

`adv` is the advertisement's bytes in hexadecimal or base64. `sent`, the detector's clock when it sends, lets a wrong
clock be put right. A moving detector (a vehicle, a helper's phone) adds `lon`, `lat` (degrees, JGD2011 or WGS 84) and
`accuracy` (metres) to each sighting. `battery` (per cent) where the tag tells it. Without `t` it was just now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.watch_tag import fields
from adapters.watch_tag.fields import Outcome, Wrong
from adapters.watch_tag.frames import parse_advertisement, read_bytes
from schemas.detection import Sighting
from schemas.observation import Reason, Rejection

TOPIC_FILTER = "city/tag/+/up"
MAX_SIGHTINGS = 1000

_TOPIC = re.compile(r"city/tag/([A-Za-z0-9][A-Za-z0-9._-]{0,99})/up")


def decode(topic: str, payload: bytes) -> Sequence[Outcome]:
    """Which tags the detector heard, one outcome per sighting, at least one. Never raises."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        detail = "a detector publishes to city/tag/DETECTOR/up"
        return [Rejection(reason=Reason.UNKNOWN_TOPIC, detail=detail)]
    device = match[1]
    message = fields.read_message(payload, device)
    if isinstance(message, Rejection):
        return [message]
    try:
        rows, sent = _rows(message, device)
    except Wrong as wrong:
        return [wrong.rejection]
    return [_outcome(row, device, sent) for row in rows]


def _rows(message: Any, device: str) -> tuple[list[Any], datetime | None]:
    if not isinstance(message, Mapping) or not isinstance(message.get("sightings"), list):
        detail = 'send an object such as {"sent": "…", "sightings": [{"t": "…", "adv": "…", "rssi": -67}]}'
        raise Wrong(Reason.WRONG_SHAPE, "sightings", detail, device)
    rows = message["sightings"]
    if not 1 <= len(rows) <= MAX_SIGHTINGS:
        detail = f"{len(rows)} sightings; send 1 to {MAX_SIGHTINGS} in one message"
        raise Wrong(Reason.WRONG_SHAPE, "sightings", detail, device)
    return rows, fields.time(message, "sent", device)


def _outcome(row: Any, device: str, sent: datetime | None) -> Outcome:
    try:
        return _sighting(row, device, sent)
    except Wrong as wrong:
        return wrong.rejection


def _sighting(row: Any, device: str, sent: datetime | None) -> Outcome:
    if not isinstance(row, Mapping):
        raise Wrong(Reason.WRONG_SHAPE, "sightings", "a sighting is an object with t, adv and rssi", device)
    raw = row.get("adv")
    data = read_bytes(raw) if isinstance(raw, str) else None
    if data is None:
        detail = "adv must be the advertisement's bytes in hexadecimal or base64"
        raise Wrong(Reason.WRONG_SHAPE, "adv", detail, device)
    beacon = parse_advertisement(data)
    if beacon is None:
        raise Wrong(Reason.NOT_A_TAG, "adv", "neither iBeacon, AltBeacon nor Eddystone-UID or -EID", device)
    return Sighting(
        device=device,
        tag=beacon.tag,
        rssi=fields.signal(row, "rssi", device),
        power=beacon.power,
        observed_at=fields.time(row, "t", device),
        sent_at=sent,
        place=fields.place(row, device),
        accuracy=fields.number(row, "accuracy", 0.0, 100_000.0, device),
        battery=fields.number(row, "battery", 0.0, 100.0, device),
    )
