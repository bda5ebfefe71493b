"""Durations of ISO 8601 (aggrPeriodDuration, ETSI GS CIM 009, 4.5.19) and the periods of time that they make."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.errors import Invalid
from schemas.clock import JST

_DURATION = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,6})?)S)?)?"
)
_LONGEST = timedelta(days=3_660_000)
_END = datetime.max.replace(tzinfo=UTC)


class Period(NamedTuple):
    """Calendar months and an exact time. Without either (PT0S) it is the whole of what is asked for."""

    months: int
    time: timedelta

    @property
    def whole(self) -> bool:
        return not self.months and not self.time

    def after(self, origin: datetime, count: int) -> datetime:
        """The start of period number `count` from `origin` on.

        Months are those of Japan's calendar; a day that a month does not have becomes its last (31 January and a
        month is the end of February), counted from the origin each time, so that 31 March follows.
        """
        try:
            local = origin.astimezone(JST)
            year, index = divmod(local.year * 12 + local.month - 1 + self.months * count, 12)
            day = min(local.day, monthrange(year, index + 1)[1])
            return (local.replace(year=year, month=index + 1, day=day) + self.time * count).astimezone(UTC)
        except (ValueError, OverflowError):
            return _END


def parse_period(text: str, field: str) -> Period:
    """The duration that `text` says, such as PT1H, P1D or P1M. Raises `Invalid`."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise Invalid(f"{field} is a duration of ISO 8601, such as PT10M, PT1H, P1D, P1M or P1Y", field=field)
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    if max(years, months, weeks, days, hours, minutes) > 10_000_000:
        raise Invalid(f"{field} is longer than any history", field=field)
    time = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=float(match[7] or 0))
    if years * 12 + months > 120_000 or time > _LONGEST:
        raise Invalid(f"{field} is longer than any history", field=field)
    return Period(years * 12 + months, time)


def boundaries(period: Period, origin: datetime, first: datetime, last: datetime, most: int) -> list[datetime]:
    """The starts of the periods from the one that holds `first` to the one that holds `last`, and where that ends.

    Periods are counted from `origin`, which is not after `first`. Raises `Invalid` for more than `most`.
    """
    longest = timedelta(days=31 * period.months) + period.time
    number = (first - origin) // longest
    while period.after(origin, number + 1) <= first:
        number += 1
    found = [period.after(origin, number)]
    while found[-1] <= last:
        number += 1
        found.append(period.after(origin, number))
        if len(found) > most + 1:
            raise too_many(most)
    return found


def too_many(most: int) -> Invalid:
    """More periods than one answer may hold."""
    return Invalid(
        f"that makes more than {most} periods; ask for a longer aggrPeriodDuration or less time",
        field="aggrPeriodDuration",
    )
