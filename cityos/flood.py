"""A recorded flood as messages of gauges: rows of a CSV file, in the order of their event times, and when each is due.

Pure. A value is sent as the record has it: an empty value or ``*`` as text, a repeated row twice, a time written as
``T24:00`` unchanged. Only the order is mended, because a record gathers rows later than gauges sent them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from adapters.times import parse_time
from broker.errors import Invalid
from schemas.clock import JST

COLUMNS = ("observed_at_jst", "station_id", "water_level_m")
DEVICE_PREFIX = "fukui-river-"

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')


class Reading(NamedTuple):
    """One row: the instant it names, and its columns as written."""

    at: datetime
    written_at: str
    station: str
    level: str


class Message(NamedTuple):
    """What one row becomes on the wire."""

    topic: str
    payload: bytes


def read_readings(lines: Iterable[str], columns: Sequence[str] = COLUMNS) -> list[Reading]:
    """The rows of a CSV file with the `columns`, in file order. Raises `Invalid` naming the line."""
    rows = csv.DictReader(lines)
    missing = [name for name in columns if name not in (rows.fieldnames or ())]
    if missing:
        raise Invalid(f"the first line must name the columns {', '.join(columns)}", field=missing[0])
    return [_reading([row[name] or "" for name in columns], rows.line_num, columns) for row in rows]


def _reading(cells: Sequence[str], line: int, columns: Sequence[str]) -> Reading:
    written_at, station, level = cells
    try:
        at = parse_time(written_at)
    except ValueError as error:
        raise Invalid(f"line {line}: {written_at!r} {error}", field=columns[0]) from error
    if not station.isalnum():
        raise Invalid(f"line {line}: {station!r} is no station number", field=columns[1])
    if _PLAIN.fullmatch(level) is None:
        raise Invalid(f"line {line}: the value {level!r} has characters that no recorder writes", field=columns[2])
    return Reading(at, written_at, station, level)


def in_time_order(readings: Iterable[Reading]) -> list[Reading]:
    """By event time; rows of one instant stay in the order of the record."""
    return sorted(readings, key=lambda reading: reading.at)


def shift_to(end: datetime, readings: Sequence[Reading]) -> timedelta:
    """How far to move ordered `readings` so that the last happens at `end`, in whole minutes as gauges write."""
    shift = end - readings[-1].at
    return timedelta(minutes=shift // timedelta(minutes=1))


def to_message(reading: Reading, shift: timedelta | None = None) -> Message:
    """The message a gauge would have sent. Without `shift` the time stands as written, else it moves by it."""
    written = reading.written_at if shift is None else (reading.at + shift).astimezone(JST).isoformat()
    level = reading.level if _NUMBER.fullmatch(reading.level) else f'"{reading.level}"'
    payload = f'{{"t":"{written}","level":{level},"unit":"m"}}'.encode()
    return Message(f"city/river/{DEVICE_PREFIX}{reading.station}/up", payload)


def due_after(reading: Reading, first: Reading, speed: float | None) -> float:
    """Seconds after the start at which `reading` is due when the flood that begins with `first` runs `speed` times
    as fast as it did; without `speed`, at once."""
    return 0.0 if speed is None else (reading.at - first.at).total_seconds() / speed


def span(readings: Sequence[Reading]) -> timedelta:
    """From the first to the last of ordered `readings`."""
    return readings[-1].at - readings[0].at if readings else timedelta()
