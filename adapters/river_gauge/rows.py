"""One row of a gauge: a time and what was measured then, as observations or as rejections, one per measurement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from adapters.payload import FAULT_MARKS, shown
from adapters.times import EXPECTED, parse_time
from schemas.observation import Observation, Reason, Rejection

MAX_ROWS = 500
"""Rows in one message. Ten-minute rows of three and a half days; more must be sent as several messages."""


class Measurement(NamedTuple):
    """One field of a row: its name there, the NGSI-LD property, the UN/CEFACT unit, and what it is in words."""

    field: str
    property: str
    unit: str
    words: str


LEVEL = Measurement("level", "waterLevel", "MTR", "the level")
BATTERY = Measurement("battery", "batteryVoltage", "VLT", "the battery's voltage")
MEASUREMENTS = (LEVEL, BATTERY)

HIGHEST_VOLTAGE = 60.0
"""Volts. No gauge's battery has more; what is higher is a percentage or millivolts, as many makers' codecs give."""

NEARLY_LEVELS = frozenset({"waterlevel", "waterdepth", "liquidlevel", "depth", "distance"})
"""What makers' own codecs call it, in lower case without `_`: each with a unit or a zero that is not ours to guess."""

UNITS = {"m": 1, "cm": 100, "mm": 1000}
"""How many of each unit make a metre. Dividing by it rounds correctly, so 272 cm is exactly 2.72."""


def read_rows(
    rows: list[Any], device: str, *, at: datetime | None = None, key: str | None = None
) -> Iterator[Observation | Rejection]:
    """Every measurement of every row, in order. See `read_row`."""
    if not rows or len(rows) > MAX_ROWS:
        detail = f"a list of {len(rows)} rows; send 1 to {MAX_ROWS} rows in one message"
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=device)
        return
    for number, row in enumerate(rows):
        row_key = None if key is None else f"{key}:{number}"
        yield from read_row(row, device, at=at, key=row_key, path=f"[{number}]." if len(rows) > 1 else "")


def read_row(
    row: Any, device: str, *, at: datetime | None = None, key: str | None = None, path: str = ""
) -> Iterator[Observation | Rejection]:
    """One outcome for each measurement in `row`, or one rejection where it holds none or names its level as we do not.

    `at` is the time of a row that carries none of its own (a network's time of reception), `key` the network's
    mark of this transmission and row, `path` where the row stands in its message.
    """
    if not isinstance(row, Mapping):
        detail = f'got {shown(row)}; a row is an object such as {{"t": "2023-07-13T07:20:00+09:00", "level": 2.72}}'
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field=path.rstrip(".") or None, device=device)
        return
    present = [measurement for measurement in MEASUREMENTS if measurement.field in row]
    missing = _what_is_missing(row, present)
    if missing is not None:
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=missing, field=f"{path}level", device=device)
    if not present:
        return
    try:
        observed_at = _time_of(row, at)
    except ValueError as error:
        fault = Rejection(reason=Reason.BAD_TIME, detail=str(error), field=f"{path}t", device=device)
        yield from (fault for _ in present)
        return
    for measurement in present:
        try:
            value = _value_of(row, measurement)
        except _Refused as refused:
            where = path + refused.field
            yield Rejection(reason=refused.reason, detail=refused.detail, field=where, device=device)
        else:
            yield Observation(
                device=device,
                property=measurement.property,
                value=value,
                observed_at=observed_at,
                unit=measurement.unit,
                message_key=key,
            )


def _what_is_missing(row: Mapping[str, Any], present: Sequence[Measurement]) -> str | None:
    """Why `row` does not hold what it should, or None. A battery's voltage alone is in order."""
    if LEVEL not in present:
        for name in row:
            if name.replace("_", "").lower() in NEARLY_LEVELS:
                return f"{shown(name)} is not read: send `level`, the water above the gauge's zero, in m or with `unit`"
    return None if present else f"no measurement: expected `level` (metres) or `battery` (volts), got {_names(row)}"


def _names(row: Mapping[str, Any]) -> str:
    if not row:
        return "an empty object"
    return "only " + ", ".join(shown(name) for name in list(row)[:5])


def _time_of(row: Mapping[str, Any], fallback: datetime | None) -> datetime:
    if "t" not in row:
        if fallback is None:
            raise ValueError(f"the time is missing; {EXPECTED}")
        return fallback
    try:
        return parse_time(row["t"])
    except ValueError as error:
        raise ValueError(f"{shown(row['t'])} {error}") from error


class _Refused(Exception):
    def __init__(self, reason: Reason, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


def _value_of(row: Mapping[str, Any], measurement: Measurement) -> float:
    number = _number(row[measurement.field], measurement)
    if measurement is BATTERY and not 0 <= number <= HIGHEST_VOLTAGE:
        detail = (
            f"{number:g} V is no battery's voltage; send volts (0 to {HIGHEST_VOLTAGE:g}), not percent or millivolts"
        )
        raise _Refused(Reason.OUT_OF_RANGE, measurement.field, detail)
    if measurement is not LEVEL or "unit" not in row:
        return number
    unit = row["unit"]
    if not isinstance(unit, str) or unit not in UNITS:
        detail = f"{shown(unit)} is no unit of length here; send m, cm or mm, or leave it out for metres"
        raise _Refused(Reason.WRONG_SHAPE, "unit", detail)
    return number / UNITS[unit]


def _number(raw: Any, measurement: Measurement) -> float:
    """`raw` as a finite float. Text is refused even where it spells a number: quotes hide decimal commas and blanks."""
    if raw is None or (isinstance(raw, str) and raw.strip() in FAULT_MARKS):
        detail = (
            f"the sensor reports that it is out of order ({shown(raw)} in place of a value); have the gauge checked"
        )
        raise _Refused(Reason.SENSOR_FAULT, measurement.field, detail)
    if isinstance(raw, str) and raw.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise _not_a_number(raw, measurement)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        detail = f"{shown(raw)} is {_kind(raw)}; send {measurement.words} as a number such as 2.72, without quotes"
        raise _Refused(Reason.WRONG_SHAPE, measurement.field, detail)
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _not_a_number(raw, measurement)
    return number


def _not_a_number(raw: Any, measurement: Measurement) -> _Refused:
    detail = f"{shown(raw)} is not a finite number; send {measurement.words} such as 2.72, or null for a sensor fault"
    return _Refused(Reason.NOT_A_NUMBER, measurement.field, detail)


def _kind(raw: Any) -> str:
    if isinstance(raw, bool):
        return "true or false"
    return "text" if isinstance(raw, str) else "no number"
