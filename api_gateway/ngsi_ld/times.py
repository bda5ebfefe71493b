"""The temporal query (ETSI GS CIM 009, 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from api_gateway.ngsi_ld.params import number
from broker.entities.parse import parse_time
from broker.errors import Invalid
from broker.store.temporal import OBSERVED, TIME_PROPERTIES, Span

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_MOST_LAST = 1_000_000


class Times(NamedTuple):
    """Which part of history is asked for; `since` and `until` as they were said, None where they were not."""

    span: Span
    since: datetime | None = None
    until: datetime | None = None


def times_of(query: Mapping[str, str], *, required: bool) -> Times:
    """The temporal query. Raises `Invalid`."""
    by = query.get("timeproperty", OBSERVED)
    if by not in TIME_PROPERTIES:
        raise Invalid(f"timeproperty is one of {', '.join(TIME_PROPERTIES)}", field="timeproperty")
    last = number(query, "lastN", 0, 1, _MOST_LAST) or None
    relation = query.get("timerel")
    if relation is None:
        if required:
            raise Invalid("a temporal query needs timerel (before, after, between) and timeAt", field="timerel")
        for name in ("timeAt", "endTimeAt"):
            if name in query:
                raise Invalid(f"{name} is given without timerel", field="timerel")
        return Times(Span(_FIRST, _LAST, last, by))
    at = _time(query, "timeAt")
    match relation:
        case "before":
            return Times(Span(_FIRST, at, last, by, strict=True), until=at)
        case "after":
            # The store keeps microseconds: after is not at.
            start = min(at, _LAST) + timedelta(microseconds=1)
            return Times(Span(start, _LAST, last, by, strict=True), since=at)
        case "between":
            end = _time(query, "endTimeAt")
            if end <= at:
                raise Invalid("endTimeAt must be later than timeAt", field="endTimeAt")
            return Times(Span(at, end, last, by, strict=True), at, end)
    raise Invalid("timerel must be before, after or between", field="timerel")


def _time(query: Mapping[str, str], name: str) -> datetime:
    value = query.get(name)
    if value is None:
        raise Invalid(f"{name} is missing", field=name)
    return datetime.fromisoformat(parse_time(value, name))
