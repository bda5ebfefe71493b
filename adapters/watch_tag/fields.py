"""Reading single members of a detector's message. A complaint names the field and never repeats what it held:
in this family any value may be the id of a child's tag.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.times import EXPECTED, parse_time
from schemas.detection import Sighting
from schemas.observation import Reason, Rejection

Outcome = Sighting | Rejection
_WEAKEST, _STRONGEST = -127.0, 20.0


class Wrong(Exception):
    """A member that cannot be used; `rejection` says which and why."""

    def __init__(self, reason: Reason, field: str, detail: str, device: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason=reason, field=field, detail=detail, device=device)


def read_message(payload: bytes, device: str | None) -> Any:
    """The JSON value, or a `Rejection` that shows nothing of the payload."""
    try:
        return msgspec.json.decode(payload)
    except UnicodeDecodeError:
        return Rejection(reason=Reason.NOT_UTF8, detail="the payload is not UTF-8; send JSON in UTF-8", device=device)
    except (msgspec.DecodeError, RecursionError):
        detail = "the payload is not JSON; it is kept sealed (見守りタグの原文は封をして保存します)"
        return Rejection(reason=Reason.NOT_JSON, detail=detail, device=device)


def number(row: Mapping[str, Any], field: str, low: float, high: float, device: str) -> float | None:
    """The number in `field`, None where it is missing or null. Raises `Wrong`."""
    raw = row.get(field)
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Wrong(Reason.WRONG_SHAPE, field, f"{field} is no number; send one from {low:g} to {high:g}", device)
    if isinstance(raw, float) and not math.isfinite(raw):
        raise Wrong(Reason.NOT_A_NUMBER, field, f"{field} is not finite", device)
    if not low <= raw <= high:
        raise Wrong(Reason.OUT_OF_RANGE, field, f"{field} must be from {low:g} to {high:g}", device)
    return float(raw)


def signal(row: Mapping[str, Any], field: str, device: str) -> int:
    """The strength in dBm. Raises `Wrong`, also where it is missing."""
    value = number(row, field, _WEAKEST, _STRONGEST, device)
    if value is None:
        detail = f"{field} is missing; send the strength in dBm, such as -67"
        raise Wrong(Reason.WRONG_SHAPE, field, detail, device)
    return round(value)


def power(row: Mapping[str, Any], field: str, device: str) -> int | None:
    """What the tag is heard with at one metre, in dBm. Raises `Wrong`."""
    value = number(row, field, _WEAKEST, _STRONGEST, device)
    return None if value is None else round(value)


def time(row: Mapping[str, Any], field: str, device: str) -> datetime | None:
    """The time in `field`, None where it is missing or null. Raises `Wrong`."""
    raw = row.get(field)
    if raw is None:
        return None
    try:
        return parse_time(raw)
    except ValueError as error:
        raise Wrong(Reason.BAD_TIME, field, f"{field}: {EXPECTED}", device) from error


def place(row: Mapping[str, Any], device: str) -> tuple[float, float] | None:
    """A moving detector's own position (`lon`, `lat`), None where it gives none. Raises `Wrong`."""
    longitude = number(row, "lon", -180.0, 180.0, device)
    latitude = number(row, "lat", -90.0, 90.0, device)
    if longitude is None and latitude is None:
        return None
    if longitude is None or latitude is None:
        missing = "lon" if longitude is None else "lat"
        raise Wrong(Reason.WRONG_SHAPE, missing, "lon and lat come together", device)
    if longitude == latitude == 0.0:
        detail = "0, 0 is what a receiver says that has found no satellites; send neither then"
        raise Wrong(Reason.SENSOR_FAULT, "lon", detail, device)
    return longitude, latitude
