"""On which days buses run (運行日): by weekday, public holidays, and single days. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec

from broker.errors import Invalid

_WEEK = "月火水木金土日"
_LOOK = 92
"""Days within which the next one with service is looked for."""


class ServiceCalendar(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """Buses run on `weekdays` (1: Monday … 7: Sunday), on public holidays only where `on_holidays`.

    `holidays` are the public holidays (国民の祝日・休日) by date, as the Cabinet Office lists them. `without` are
    single days without service with the reason, `extra` single days with it; these two come before everything else.
    """

    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    on_holidays: bool = True
    holidays: dict[date, str] = {}
    without: dict[date, str] = {}
    extra: tuple[date, ...] = ()

    def why_not(self, day: date) -> str | None:
        """Why no bus runs on that day, as riders read it; None where buses run."""
        if day in self.without:
            return self.without[day]
        if day in self.extra:
            return None
        if not self.on_holidays and day in self.holidays:
            return self.holidays[day]
        return None if day.isoweekday() in self.weekdays else f"{_WEEK[day.weekday()]}曜日は運休"

    def closed(self, first: date, last: date) -> Iterator[tuple[date, str]]:
        """The days without service from `first` to `last`, and why."""
        for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
            if (why := self.why_not(day)) is not None:
                yield day, why

    @property
    def holidays_until(self) -> date | None:
        """The last day of the years whose holidays are known."""
        return date(max(self.holidays).year, 12, 31) if self.holidays else None


def check_day(calendar: ServiceCalendar, day: date) -> None:
    """Raise `Invalid` for a day without service: why, and which day is the next one with it."""
    why = calendar.why_not(day)
    if why is None:
        return
    following = (day + timedelta(days=n) for n in range(1, _LOOK))
    later = next((one for one in following if calendar.why_not(one) is None), None)
    instead = f"the next day with service is {later}" if later else f"nor on any of the {_LOOK} days after it"
    raise Invalid(f"no bus runs on {day} ({why}); {instead}", field="earliest")


def decode(rules: str | None) -> ServiceCalendar:
    """The calendar as it is stored; None: nothing was said."""
    return msgspec.json.decode(rules, type=ServiceCalendar) if rules else ServiceCalendar()


def read_calendar(data: bytes | str, holidays: dict[date, str]) -> ServiceCalendar:
    """The calendar in a JSON document, beside the holidays known. Raises `Invalid` naming what is wrong with it."""
    try:
        calendar = msgspec.json.decode(data, type=ServiceCalendar)
    except msgspec.DecodeError as error:
        raise Invalid(f"the calendar is wrong: {error}", field="calendar") from error
    if calendar.holidays:
        raise Invalid("holidays are given as the Cabinet Office's file, in a request of their own", field="holidays")
    if not set(calendar.weekdays) <= set(range(1, 8)):
        raise Invalid("weekdays are 1 (Monday) to 7 (Sunday)", field="weekdays")
    both = sorted(set(calendar.without) & set(calendar.extra))
    if both:
        raise Invalid(
            f"{both[0]} is a day without service and an extra one; leave it out of one of them", field="extra"
        )
    if not calendar.weekdays and not calendar.extra:
        raise Invalid("buses run on no day at all; name a weekday or extra days", field="weekdays")
    if not calendar.on_holidays and not holidays:
        raise Invalid(
            "no list of public holidays is known yet; give the Cabinet Office's file first", field="onHolidays"
        )
    return msgspec.structs.replace(calendar, holidays=holidays)


def read_holidays(data: bytes) -> dict[date, str]:
    """The Cabinet Office's file of holidays (国民の祝日・休日の CSV: a heading, then date and name).

    In Shift_JIS, as it is published, or UTF-8. Raises `Invalid` naming the line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp932", "replace")
    found: dict[date, str] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
        if number == 1 or not any(row):
            continue
        try:
            day, name = row[0].strip(), row[1].strip()
            found[datetime.strptime(day.replace("-", "/"), "%Y/%m/%d").date()] = name  # noqa: DTZ007 (a date)
        except (IndexError, ValueError) as error:
            raise Invalid(f"line {number} is not a date (2026/11/23) and a name: {row!r}", field="holidays") from error
        if not name or "\ufffd" in name:
            raise Invalid(
                f"line {number} names no holiday that can be read; save as UTF-8 or Shift_JIS", field="holidays"
            )
    if not found:
        raise Invalid("there is no holiday in the file", field="holidays")
    return found


def told(calendar: ServiceCalendar, first: date, last: date) -> dict[date, str]:
    """The days without service in a period of at most 400 days, with their reasons. Raises `Invalid`."""
    if not 0 <= (last - first).days < 400:
        raise Invalid("a period of 1 to 400 days is expected, the first day first", field="to")
    return dict(calendar.closed(first, last))
