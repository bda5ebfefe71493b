"""The times that devices write, as aware UTC datetimes."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.clock import JST

MILLISECONDS_FROM = 100_000_000_000
"""Epoch numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds March 1973."""

EXPECTED = (
    'send ISO 8601 such as "2023-07-13T07:20:00+09:00" (without an offset it is Japan Standard Time; 24:00 is the '
    "next midnight), or seconds or milliseconds since 1970 as a number"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?P<second>:[0-9]{2})?(?P<fraction>\.[0-9]{1,9})?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?"
)


def parse_time(value: Any) -> datetime:
    """The instant that `value` names. Raises ValueError with a sentence for the sender.

    ISO 8601 date and time to the minute or finer; without an offset it is JST, as devices in Japan write it.
    ``T24:00`` is the midnight that ends the day. A number is seconds since 1970, or milliseconds from
    `MILLISECONDS_FROM` on.
    """
    try:
        if isinstance(value, str):
            return _parse_iso(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _parse_epoch(value)
    except OverflowError as error:
        raise ValueError(f"is outside the years 1 to 9999; {EXPECTED}") from error
    raise ValueError(f"is no time; {EXPECTED}")


def _parse_iso(text: str) -> datetime:
    match = _ISO.fullmatch(text)
    if match is None or (match["fraction"] and not match["second"]):
        raise ValueError(f"is no ISO 8601 date and time; {EXPECTED}")
    midnight = match["hour"] == "24"
    clock = f"{'00' if midnight else match['hour']}:{match['minute']}{match['second'] or ''}{match['fraction'] or ''}"
    try:
        at = datetime.fromisoformat(f"{match['day']}T{clock}{match['offset'] or ''}")
    except ValueError as error:
        raise ValueError(f"is no date and time that exists ({error}); {EXPECTED}") from error
    if midnight and (at.minute or at.second or at.microsecond):
        raise ValueError(f"has an hour 24 with minutes, only 24:00 exists; {EXPECTED}")
    if at.tzinfo is None:
        at = at.replace(tzinfo=JST)
    return at.astimezone(UTC) + timedelta(days=1 if midnight else 0)


def _parse_epoch(number: float) -> datetime:
    if not math.isfinite(number):
        raise ValueError(f"is not a finite number; {EXPECTED}")
    scale = 1000 if number >= MILLISECONDS_FROM else 1
    return _EPOCH + timedelta(seconds=number / scale)
