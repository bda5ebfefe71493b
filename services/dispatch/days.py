"""A day as the database has it: its town, its bookings and its plan, ready to be worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from broker.errors import Invalid
from broker.ports import Database, Transaction
from schemas.clock import JST, Clock, utc_now
from services.dispatch import store
from services.dispatch.planning import Day
from services.dispatch.roads import Road, in_force
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town
from services.dispatch.travel import TravelTimes
from services.dispatch.values import Stop, Tour, Vehicle
from services.dispatch.zones import Located, Missed, look


class Days:
    """Opens days, in the caller's transaction."""

    def __init__(self, travel: TravelTimes, settings: DispatchSettings, now: Clock = utc_now) -> None:
        self.settings, self.now, self._travel = settings, now, travel

    async def open(self, tx: Transaction, day: date) -> tuple[Day, int]:
        """The day as it stands, and its plan's revision (-1: it has none)."""
        revision, tours = await store.read_day(tx, day)
        return await self.day(tx, day, tours), revision

    async def locked(self, tx: Transaction, day: date, places: Sequence[Stop] = ()) -> tuple[Day, int]:
        """As `open`; nobody else promises anything for this day until the transaction ends."""
        revision, tours = await store.lock_day(tx, day)
        return await self.day(tx, day, tours, places), revision

    async def day(self, tx: Transaction, day: date, tours: Mapping[str, Tour], places: Sequence[Stop] = ()) -> Day:
        """The day with these tours; `places` are those that somebody asks for, beside those of the bookings."""
        town, bookings = await self.town(tx, day, places=places), await store.load_bookings(tx, day)
        return await asyncio.to_thread(Day, town, bookings, tours, self.settings, now=self.minute(day))

    async def town(self, tx: Transaction, day: date, *, places: Sequence[Stop] = ()) -> Town:
        """The town as it is on that day, as far as is known, with the driving times of the day's slowest hour.

        Of the hours that are still to be driven: so a plan that was feasible stays so while the day goes on. It has the
        places of the day's bookings too. Raises `Invalid` while there are no vehicles.
        """
        vehicles = await store.load_vehicles(tx)
        if not vehicles:
            raise Invalid("there are no buses yet; add stops and vehicles first", field="vehicle")
        stops, closed = await self._in_force(tx, day, places)
        return Town(stops, vehicles, await self._travel.minutes(stops, self.hours(day, vehicles), closed))

    async def prepare(
        self, database: Database, tenant: str, day: date, places: Sequence[Stop] = (), closing: str | None = None
    ) -> None:
        """Have a router asked for what `town` will need, before anybody holds the day: a router may take its time.

        `closing` is a road that is about to be closed.
        """
        if not self._travel.asks:
            return
        async with database.transaction(tenant) as tx:
            vehicles = await store.load_vehicles(tx)
            stops, closed = await self._in_force(tx, day, places, closing)
        if vehicles and stops:
            await self._travel.prepare(stops, self.hours(day, vehicles), closed)

    @property
    def travel_revision(self) -> int:
        """See `TravelTimes.revision`."""
        return self._travel.revision

    async def _in_force(
        self, tx: Transaction, day: date, places: Sequence[Stop] = (), closing: str | None = None
    ) -> tuple[tuple[Stop, ...], tuple[Road, ...]]:
        """Stops and places, and the closed roads, as they are on that day."""
        roads = [
            replace(road, closed_because=road.closed_because or "closing") if road.id == closing else road
            for road in await store.load_roads(tx, closed=closing is None)
        ]
        given = with_places(await store.load_stops(tx), await store.load_places(tx, day, day), places)
        return in_force(given, roads, later=day > self.today())

    async def look(self, tx: Transaction, day: date, place: tuple[float, float]) -> Located | Missed:
        """Where somebody at that place (longitude and latitude) gets on or off that day, or why nowhere."""
        roads = await store.load_roads(tx, closed=True)
        stops, _ = in_force(await store.load_stops(tx), roads, later=day > self.today())
        return look(*place, await store.load_zones(tx), stops)

    def minute(self, day: date) -> float:
        """Minutes from the day's midnight until now."""
        return minutes_into(self.now(), day)

    def hours(self, day: date, vehicles: Sequence[Vehicle]) -> tuple[int, ...]:
        """The hours (0 … 23) in which buses are still to drive that day; the last one when they are over."""
        last = max((vehicle.shift_until for vehicle in vehicles), default=0.0) // 60
        begin = min((vehicle.shift_from for vehicle in vehicles), default=0.0)
        first = min(last, max(begin, self.minute(day)) // 60)
        return tuple(sorted({hour % 24 for hour in range(int(first), int(last) + 1)}))

    def today(self) -> date:
        """The date in Japan."""
        return self.now().astimezone(JST).date()


def with_places(stops: Sequence[Stop], *places: Sequence[Stop]) -> tuple[Stop, ...]:
    """Stops and places, each place once."""
    more = {place.id: place for some in places for place in some}
    return (*stops, *(more[name] for name in sorted(more)))


def minutes_into(at: datetime, day: date) -> float:
    """Minutes from the day's midnight in Japan to `at`; negative before."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return (at - midnight) / timedelta(minutes=1)


def moment(day: date, minutes: float) -> datetime:
    """The inverse of `minutes_into`."""
    return datetime(day.year, day.month, day.day, tzinfo=JST) + timedelta(minutes=minutes)
