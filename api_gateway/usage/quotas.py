"""Limits of a city and its apps: so many a second, so many a month. Pure decisions over what was counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

CITY, EVERY_APP = "", "*"
"""What stands for an app's id: the whole city with its strangers, and every app without limits of its own."""


class Rate(NamedTuple):
    """So many requests a second, and so many at once after a silence."""

    per_second: float
    burst: int

    @property
    def window(self) -> int:
        """The seconds after which a bucket is full again."""
        return max(1, round(self.burst / self.per_second))


class Quota(NamedTuple):
    """The limits of one app or city; `None` where there is none of that kind."""

    rate: Rate | None = None
    per_month: int | None = None


class Book:
    """One city's limits, and how much of this month each app and the city have used. Holds no clock and no socket."""

    def __init__(self, month: datetime, quotas: Mapping[str, Quota], used: Mapping[str, int]) -> None:
        self.month = month
        self._quotas = quotas
        self._used = dict(used)
        self._used[CITY] = sum(used.values())

    @classmethod
    def read(cls, month: datetime, rows: Iterable[Mapping[str, Any]], used: Mapping[str, int]) -> Book:
        """From the rows of the table `quota`."""
        quotas = {
            row["client"]: Quota(Rate(row["per_second"], row["burst"]) if row["burst"] else None, row["per_month"])
            for row in rows
        }
        return cls(month, quotas, used)

    def next(self, month: datetime) -> Book:
        """The book of another month: the same limits, nothing used."""
        return Book(month, self._quotas, {})

    def quota(self, client: str, default: Rate | None) -> Quota:
        """The limits of an app, or of the city for `CITY`; what is not set for an app is as for every app."""
        own = self._quotas.get(client, Quota())
        every = self._quotas.get(EVERY_APP, Quota()) if client != CITY else Quota()
        monthly = own.per_month if own.per_month is not None else every.per_month
        return Quota(own.rate or every.rate or default, monthly)

    def used(self, client: str) -> int:
        """How many requests of an app or the city were let in this month."""
        return self._used.get(client, 0)

    def left(self, client: str, per_month: int) -> int:
        """How many requests of this month are left; negative never."""
        return max(0, per_month - self.used(client))

    def use(self, client: str) -> None:
        """One request was let in, of an app or (empty) of a stranger."""
        self._used[CITY] += 1
        if client:
            self._used[client] = self._used.get(client, 0) + 1


def month_of(now: datetime) -> datetime:
    """The first moment of the month (UTC, as usage is counted)."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def seconds_left(now: datetime) -> int:
    """Until the month ends, rounded up."""
    end = month_of(month_of(now) + timedelta(days=32))
    return int((end - now).total_seconds()) + 1
