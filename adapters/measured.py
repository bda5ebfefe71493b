"""Rows of plain numbers from a device, by a table of what each field is. Pure: for adapters that need no more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from adapters.payload import FAULT_MARKS, read_json, shown
from adapters.times import EXPECTED, parse_time
from schemas.observation import Observation, Reason, Rejection

MAX_ROWS = 500
"""Rows in one message; what was kept longer is sent as several messages."""


class Quantity(NamedTuple):
    """One field: its name in the message, the NGSI-LD property, the UN/CEFACT unit, and what can be true."""

    field: str
    property: str
    unit: str
    low: float
    high: float


def read_message(payload: bytes, device: str, quantities: Sequence[Quantity]) -> list[Observation | Rejection]:
    """One outcome for each quantity of each row, at least one outcome. Never raises.

    A message is a row, ``{"t": …, FIELD: number, …}``, or a list of up to `MAX_ROWS`. `t` is read by
    `adapters.times.parse_time`; null or a fault mark (``*``) in place of a number says that the sensor is out of order.
    """
    message = read_json(payload, device)
    if isinstance(message, Rejection):
        return [message]
    rows = message if isinstance(message, list) else [message]
    if not 1 <= len(rows) <= MAX_ROWS:
        detail = f"a list of {len(rows)} rows; send 1 to {MAX_ROWS} in one message"
        return [Rejection(reason=Reason.WRONG_SHAPE, detail=detail, device=device)]
    return [outcome for row in rows for outcome in _row(row, device, quantities)]


def _row(row: Any, device: str, quantities: Sequence[Quantity]) -> Iterator[Observation | Rejection]:
    names = ", ".join(quantity.field for quantity in quantities)
    present = [quantity for quantity in quantities if isinstance(row, Mapping) and quantity.field in row]
    if not present:
        detail = f"got {shown(row)}; a row is an object with `t` and at least one of {names}"
        yield Rejection(reason=Reason.WRONG_SHAPE, detail=detail, field=quantities[0].field, device=device)
        return
    try:
        at = parse_time(row.get("t"))
    except ValueError as error:
        detail = f"{shown(row['t'])} {error}" if "t" in row else f"the time is missing; {EXPECTED}"
        yield from (Rejection(reason=Reason.BAD_TIME, detail=detail, field="t", device=device) for _ in present)
        return
    for quantity in present:
        value = _value(row[quantity.field], quantity, device)
        if isinstance(value, Rejection):
            yield value
        else:
            yield Observation(
                device=device, property=quantity.property, value=value, observed_at=at, unit=quantity.unit
            )


def _value(raw: Any, quantity: Quantity, device: str) -> float | Rejection:
    def refuse(reason: Reason, detail: str) -> Rejection:
        return Rejection(reason=reason, detail=detail, field=quantity.field, device=device)

    span = f"{quantity.low:g} to {quantity.high:g}"
    if raw is None or (isinstance(raw, str) and raw.strip() in FAULT_MARKS):
        return refuse(
            Reason.SENSOR_FAULT, f"the sensor reports that it is out of order ({shown(raw)}); have it checked"
        )
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return refuse(Reason.WRONG_SHAPE, f"{shown(raw)} is no number; send one from {span}, without quotes")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        return refuse(Reason.NOT_A_NUMBER, f"{quantity.field} is not finite; send a number from {span}, or null")
    if not quantity.low <= value <= quantity.high:
        return refuse(Reason.OUT_OF_RANGE, f"{quantity.field} is {value:g}; {span} ({quantity.unit}) is possible")
    return value
