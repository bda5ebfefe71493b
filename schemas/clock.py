"""Times: always aware, stored in UTC, shown in Japan's local time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")
"""Japan Standard Time. Japan keeps no summer time, so a fixed offset is exact for every reading we hold."""

Clock = Callable[[], datetime]
"""Now, aware. Shells pass `utc_now`; tests and replays pass their own."""


def utc_now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """NGSI-LD's DateTime: UTC with ``Z``, to the microsecond where there is one (ETSI GS CIM 009, 4.6.3)."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat().removesuffix("+00:00") + "Z"
