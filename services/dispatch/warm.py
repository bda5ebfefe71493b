"""Days kept in memory between two quotes, so that only what changed is worked out again.

What a kept day was made from is compared with what the database says at each quote: nothing stale is ever offered,
and a process that is killed loses nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date
from typing import NamedTuple

from services.dispatch.planning import Day
from services.dispatch.roads import Road
from services.dispatch.values import Ask, Promise, Stop, Vehicle

MOST_DAYS = 16


class Known(NamedTuple):
    """What a day was made from: the plan's revision (it advances with every booking), the town, the hours, and
    which driving times (`TravelTimes.revision`)."""

    revision: int
    stops: tuple[Stop, ...]
    vehicles: tuple[Vehicle, ...]
    roads: tuple[Road, ...]
    hours: tuple[int, ...]
    travel: int = 0


class WarmDay:
    """A day that several quotes ask, one after the other."""

    def __init__(self, known: Known, day: Day) -> None:
        self.known, self._day, self._lock = known, day, threading.Lock()

    def offers(self, ask: Ask, now: float) -> list[Promise]:
        """As `Day.offers`, at `now`."""
        with self._lock:
            if now > self._day.now:
                self._day.pass_time(now)
            return self._day.offers(ask)


class WarmDays:
    """The last days asked for."""

    def __init__(self) -> None:
        self._days: OrderedDict[tuple[str, date], WarmDay] = OrderedDict()

    def get(self, tenant: str, day: date, known: Known) -> WarmDay | None:
        """The day, if it was made from the same."""
        found = self._days.get((tenant, day))
        return found if found is not None and found.known == known else None

    def put(self, tenant: str, day: date, known: Known, made: Day) -> WarmDay:
        """Keep it; the one kept longest leaves when there are too many."""
        warm = self._days[tenant, day] = WarmDay(known, made)
        self._days.move_to_end((tenant, day))
        while len(self._days) > MOST_DAYS:
            self._days.popitem(last=False)
        return warm
