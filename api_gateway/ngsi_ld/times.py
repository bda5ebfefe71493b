"""The temporal query (ETSI GS CIM 009, 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from api_gateway.errors import NotSupported
from api_gateway.ngsi_ld.params import number
from broker.entities.parse import parse_time
from broker.errors import Invalid


class Times(NamedTuple):
    """Which part of history (4.11): from `start` on, until before `end`, the `last` ones, by which time."""

    start: datetime
    end: datetime
    last: int | None


_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


def times_of(query: Mapping[str, str], *, required: bool, most: int) -> Times:
    """The temporal query (4.11). Raises `Invalid`, `NotSupported`."""
    if query.get("timeproperty", "observedAt") != "observedAt":
        raise NotSupported("timeproperty can only be observedAt")
    last = number(query, "lastN", 0, 1, most) or None
    relation = query.get("timerel")
    if relation is None:
        if required:
            raise Invalid("a temporal query needs timerel (before, after, between) and timeAt", field="timerel")
        for name in ("timeAt", "endTimeAt"):
            if name in query:
                raise Invalid(f"{name} is given without timerel", field="timerel")
        return Times(_FIRST, _LAST, last)
    at = _time(query, "timeAt")
    match relation:
        case "before":
            return Times(_FIRST, at, last)
        case "after":
            return Times(
                min(at, _LAST) + timedelta(microseconds=1), _LAST, last
            )  # the store keeps microseconds: after is not at
        case "between":
            end = _time(query, "endTimeAt")
            if end <= at:
                raise Invalid("endTimeAt must be later than timeAt", field="endTimeAt")
            return Times(at, end, last)
    raise Invalid("timerel must be before, after or between", field="timerel")


def _time(query: Mapping[str, str], name: str) -> datetime:
    value = query.get(name)
    if value is None:
        raise Invalid(f"{name} is missing", field=name)
    return datetime.fromisoformat(parse_time(value, name))
