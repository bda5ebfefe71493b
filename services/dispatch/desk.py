"""The booking desk: quote, book, change, cancel. Each promise is one transaction that holds the day's lock.

A promise is durable before it is told, and the plan that keeps it is stored beside it. The plan can be lost
without harm: whatever of it cannot be read or driven is worked out again from the promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import date, timedelta
from uuid import uuid4

from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Database, Transaction
from schemas.clock import Clock, utc_now
from services.dispatch import people, store
from services.dispatch.calendar import check_day
from services.dispatch.days import Days, with_places
from services.dispatch.fares import fare
from services.dispatch.reroute import Anew, Trouble, plan_anew
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import check, check_shift
from services.dispatch.travel import TravelTimes
from services.dispatch.values import Ask, Booking, BookingState, Promise, Stop, Tour, Vehicle, Wish, clock
from services.dispatch.warm import Known, WarmDays
from services.dispatch.zones import is_place


class BookingDesk:
    """Makes and keeps promises. Any number of them, in any number of processes, may work at once."""

    def __init__(
        self, database: Database, travel: TravelTimes, settings: DispatchSettings, now: Clock = utc_now
    ) -> None:
        self._database, self._settings, self._now = database, settings, now
        self._days = Days(travel, settings, now)
        self._warm = WarmDays()

    async def quote(self, tenant: str, ask: Ask) -> list[Promise]:
        """Promises that could be kept as things stand; nothing is held. Raises as `Day.offers`."""
        self._not_past(ask)
        await self._prepare(tenant, ask.day, ask.places)
        async with self._database.transaction(tenant) as tx:
            check_day(await store.load_calendar(tx), ask.day)
            revision, tours = await store.read_day(tx, ask.day)
            stops, vehicles = await store.load_stops(tx), await store.load_vehicles(tx)
            stops = with_places(stops, ask.places)
            roads = await store.load_roads(tx, closed=True)
            known = Known(
                revision,
                stops,
                vehicles,
                roads,
                self._days.hours(ask.day, vehicles) if vehicles else (),
                self._days.travel_revision,
            )
            warm = self._warm.get(tenant, ask.day, known)
            if warm is None:
                warm = self._warm.put(tenant, ask.day, known, await self._days.day(tx, ask.day, tours, ask.places))
        return await asyncio.to_thread(warm.offers, ask, self._days.minute(ask.day))

    async def price(self, tenant: str, ask: Ask, promises: Sequence[Promise], rider: str | None = None) -> list[int]:
        """What the ride costs for each of the promises, in yen."""
        async with self._database.transaction(tenant) as tx:
            return [await self._fare(tx, ask, promise, rider or "") for promise in promises]

    async def book(
        self,
        tenant: str,
        ask: Ask,
        promise: Promise,
        rider: str,
        *,
        asked_as: str | None = None,
        payment: str = "cash",
        twice: bool = False,
    ) -> Booking:
        """Promise the ride; durable when this returns. The same `asked_as` again returns the booking made then.

        Raises `Conflict` when the last seat went to somebody else meanwhile, and (naming it) when the rider has the
        very same ride already, unless it is meant to be had `twice`; `Invalid` for a promise that no quote gives.
        """
        self._not_past(ask)
        await self._prepare(tenant, ask.day, ask.places)
        async with self._database.transaction(tenant) as tx:
            if asked_as is not None and (before := await store.asked_before(tx, asked_as)):
                return before
            return await self._book(tx, Wish(ask, promise, payment, twice), rider, asked_as)

    async def arrange(self, tenant: str, wishes: Sequence[Wish], rider: str, *, series: str) -> list[Booking]:
        """Book all of the rides (there and back) or none. The same `series` again returns what was booked then."""
        for wish in wishes:
            await self._prepare(tenant, wish.ask.day, wish.ask.places)
        async with self._database.transaction(tenant) as tx:
            before = await store.load_series(tx, series)
            return before or await self.arrange_in(tx, wishes, rider, series=series)

    async def arrange_in(
        self, tx: Transaction, wishes: Sequence[Wish], rider: str, *, series: str, instead_of: Sequence[str] = ()
    ) -> list[Booking]:
        """Book all of the rides, giving up others for them, in the caller's transaction. Raises as `book`, `cancel`."""
        old = [await store.load_booking(tx, booking) for booking in instead_of]
        for day in sorted({wish.ask.day for wish in wishes} | {booking.ask.day for booking in old}):
            await store.lock_day(tx, day)
        for booking in old:
            await self._end(tx, booking, BookingState.CANCELLED)
        made = []
        for number, wish in enumerate(wishes):
            self._not_past(wish.ask)
            made.append(await self._book(tx, wish, rider, f"{series}:{number}", series))
        return made

    async def change(self, tenant: str, booking: str, ask: Ask, promise: Promise, *, twice: bool = False) -> Booking:
        """Give the booking up for a new one, both or neither. Raises as `book` and `cancel`."""
        self._not_past(ask)
        await self._prepare(tenant, ask.day, ask.places)
        async with self._database.transaction(tenant) as tx:
            old = await store.load_booking(tx, booking)
            if old.state is not BookingState.BOOKED:
                raise Conflict(f"this booking is {old.state.value} already; make a new one")
            for day in sorted({old.ask.day, ask.day}):
                await store.lock_day(tx, day)
            await self._end(tx, old, BookingState.CANCELLED, tell=False)
            return await self._book(tx, Wish(ask, promise, old.payment, twice), old.rider, None)

    async def cancel(self, tenant: str, booking: str) -> None:
        """Give the booking up; again is no error. Raises `NotFound`, or `Conflict` when the bus is on its way."""
        async with self._database.transaction(tenant) as tx:
            found = await store.load_booking(tx, booking)
            await store.lock_day(tx, found.ask.day)
            await self._end(tx, await store.load_booking(tx, booking), BookingState.CANCELLED)

    async def report_breakdown(self, tenant: str, day: date, vehicle: str, because: str) -> Anew:
        """The vehicle drives no further: plan anew; returns whose promise is broken or moved, who are told."""
        await self._prepare(tenant, day)
        async with self._database.transaction(tenant) as tx:
            _, tours = await self._so_far(tx, day)
            known = {v.id: v for v in await store.load_vehicles(tx)}
            if vehicle not in known:
                raise Invalid(f"there is no vehicle {vehicle!r}; there are {', '.join(sorted(known))}", field="vehicle")
            await store.save_vehicle(tx, replace(known[vehicle], broken_because=because))
            return await self._plan_anew(tx, day, tours, because)

    async def close_stop(self, tenant: str, day: date, stop: str, because: str, *, by: str | None = None) -> Anew:
        """Nobody gets on or off there any more: plan anew; returns whose promise is broken or moved, who are told.

        `by` is the gauge that closed it, None for a person.
        """
        await self._prepare(tenant, day)
        async with self._database.transaction(tenant) as tx:
            _, tours = await self._so_far(tx, day)
            known = {s.id: s for s in await store.load_stops(tx)}
            if stop not in known:
                raise Invalid(f"there is no stop {stop!r}", field="stop")
            await store.save_stop(tx, replace(known[stop], closed_because=because, closed_by=by))
            return await self._plan_anew(tx, day, tours, because)

    async def open_stop(self, tenant: str, stop: str) -> None:
        """Riders get on and off there again. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            known = {s.id: s for s in await store.load_stops(tx)}
            if stop not in known:
                raise NotFound(f"there is no stop {stop!r}")
            await store.save_stop(tx, replace(known[stop], closed_because=None, closed_by=None))

    async def close_road(self, tenant: str, day: date, road: str, because: str, *, by: str | None = None) -> Anew:
        """Nobody drives there any more: as `close_stop`. Raises `NotFound`."""
        await self._days.prepare(self._database, tenant, day, closing=road)
        async with self._database.transaction(tenant) as tx:
            _, tours = await self._so_far(tx, day)
            found = await store.load_road(tx, road)
            await store.save_road(tx, replace(found, closed_because=because, closed_by=by))
            return await self._plan_anew(tx, day, tours, because)

    async def open_road(self, tenant: str, road: str) -> None:
        """Buses drive there again. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            found = await store.load_road(tx, road)
            await store.save_road(tx, replace(found, closed_because=None, closed_by=None))

    async def settle(self, tenant: str, day: date) -> Anew | None:
        """Plan the day anew if somebody is left out of it because of what was closed or broke down on a day before."""
        await self._prepare(tenant, day)
        async with self._database.transaction(tenant) as tx:
            because = next(iter(await self._troubles(tx)), None)
            if because is None or not (await self._days.open(tx, day))[0].lost:
                return None  # most of the time, and then nobody waits for the day's lock
            known, _ = await self._days.locked(tx, day)
            if not any(b.state is BookingState.BOOKED for b in known.lost):
                return None
            return await self._plan_anew(tx, day, known.tours(), because)

    async def improve(self, tenant: str, day: date) -> float:
        """Improve the day's plan in the background, outside any lock; how much was saved.

        A plan that changed meanwhile stays, and this one is dropped.
        """
        async with self._database.transaction(tenant) as tx:
            known, revision = await self._days.open(tx, day)
        saved = await asyncio.to_thread(known.improve, self._settings.improve_moves)
        if revision < 0 or saved <= 0 or known.lost:
            return 0.0
        try:
            async with self._database.transaction(tenant) as tx:
                await store.save_day(tx, day, known.tours(), revision)
        except Conflict:
            return 0.0
        return saved

    async def set_stop(self, tenant: str, stop: Stop) -> None:
        """Add the stop, or give it these values. Raises `Invalid` naming the field."""
        if is_place(stop.id):
            raise Invalid(f"{stop.id!r} is how places in zones are called; choose another id", field="stop")
        async with self._database.transaction(tenant) as tx:
            await store.save_stop(tx, stop)

    async def set_vehicle(self, tenant: str, vehicle: Vehicle) -> None:
        """Add the vehicle, or give it these values. Raises `Invalid` naming the field."""
        check_shift(vehicle)
        async with self._database.transaction(tenant) as tx:
            if vehicle.depot not in {stop.id for stop in await store.load_stops(tx)}:
                raise Invalid(f"there is no stop {vehicle.depot!r} for a depot; add it first", field="depot")
            await store.save_vehicle(tx, vehicle)

    async def plan(self, tenant: str, day: date) -> dict[str, Tour]:
        """Who drives what, by vehicle."""
        async with self._database.transaction(tenant) as tx:
            known, _ = await self._days.open(tx, day)
        return known.tours()

    async def _book(
        self, tx: Transaction, wish: Wish, rider: str, asked_as: str | None, series: str | None = None
    ) -> Booking:
        ask = wish.ask
        check_day(await store.hold_calendar(tx), ask.day)
        day, revision = await self._days.locked(tx, ask.day, ask.places)
        check(day.town, ask, self._settings)
        promise = wish.promise or (await asyncio.to_thread(day.offers, ask))[0]
        given = day.promise(ask, promise.pickup_from)
        if given is None or not _same(given, promise):
            raise Invalid("this is not a promise that a quote for this ride gives; ask for a quote", field="promise")
        if promise.pickup_from < day.now:
            raise Invalid(f"{clock(promise.pickup_from)} is past; ask for a quote again", field="promise")
        if not wish.twice:
            await store.check_not_twice(tx, ask, promise, rider)
        booking = Booking(
            uuid4().hex,
            rider,
            replace(ask, earliest=promise.pickup_from),
            promise,
            fare=await self._fare(tx, ask, promise, rider, wish.payment),
            payment=wish.payment,
            direct=day.town.drive(ask),
            series=series,
        )
        planned = await asyncio.to_thread(day.take, booking)
        for place in ask.places:
            await store.save_place(tx, place)
        await store.add_booking(tx, booking, asked_as, self._now())
        await store.save_day(tx, ask.day, planned.tours(), revision)
        await people.tell(tx, booking, "booked", day.town.stops, self._now())
        return booking

    async def _fare(self, tx: Transaction, ask: Ask, promise: Promise, rider: str, payment: str = "cash") -> int:
        rules = await people.load_fares(tx)
        if payment == "points" and not rules.points:
            raise Invalid("this city's buses do not take points; pay in cash", field="payment")
        known = (await people.riders_named(tx, [rider])).get(rider)
        return fare(rules, ask, promise, member=known is not None and known.member)

    async def _end(self, tx: Transaction, booking: Booking, state: BookingState, *, tell: bool = True) -> None:
        if booking.state is not BookingState.BOOKED:
            return
        day, revision = await self._days.locked(tx, booking.ask.day)
        if any(s.booking == booking.id for tour in day.tours().values() for s in tour.stops[: tour.fixed]):
            raise Conflict("the bus is on its way already; call the operator")
        await store.set_state(tx, booking.id, state, None, self._now())
        day = await self._days.day(tx, booking.ask.day, day.tours())
        await store.save_day(tx, booking.ask.day, day.tours(), revision)
        if tell:
            await people.tell(tx, booking, state.value, day.town.stops, self._now())

    async def _so_far(self, tx: Transaction, day: date) -> tuple[int, dict[str, Tour]]:
        """Lock the day; its plan with every stop fixed that is done by now or being driven to."""
        known, revision = await self._days.locked(tx, day)
        return revision, known.tours()

    async def _plan_anew(self, tx: Transaction, day: date, tours: dict[str, Tour], because: str) -> Anew:
        revision, _ = await store.lock_day(tx, day)
        town, bookings = await self._days.town(tx, day), await store.load_bookings(tx, day)
        trouble, now = Trouble(because, self._now()), self._days.minute(day)
        anew = await asyncio.to_thread(plan_anew, town, bookings, tours, self._settings, trouble, now=now)
        for booking in anew.broken:
            await store.set_state(tx, booking.id, BookingState.BROKEN, because, trouble.at)
            await people.tell(tx, booking, "broken", town.stops, trouble.at, because=because)
        for booking in anew.moved:
            await store.repromise(tx, booking, trouble.at)
            await people.tell(tx, booking, "moved", town.stops, trouble.at, because=because)
        await store.save_day(tx, day, anew.day.tours(), revision)
        return anew

    async def _troubles(self, tx: Transaction) -> list[str]:
        """Why somebody may be left out of a plan, in the riders' words."""
        roads = [road.closed_because for road in await store.load_roads(tx, closed=True)]
        stops = [stop.closed_because for stop in await store.load_stops(tx)]
        vehicles = [vehicle.broken_because for vehicle in await store.load_vehicles(tx)]
        return [because for because in (*roads, *stops, *vehicles) if because]

    async def _prepare(self, tenant: str, day: date, places: Sequence[Stop] = ()) -> None:
        await self._days.prepare(self._database, tenant, day, places)

    def _not_past(self, ask: Ask) -> None:
        now = self._days.minute(ask.day)
        if ask.earliest < 0 or ask.earliest >= 1440 + 360:
            raise Invalid("a time of the day in minutes from midnight is expected, 0 to 1799", field="earliest")
        if now >= 1440:
            raise Invalid(f"{ask.day} is over; ask for today or a later day", field="day")
        if now < -timedelta(days=366) / timedelta(minutes=1):
            raise Invalid(f"{ask.day} is more than a year ahead", field="day")


def _same(one: Promise, other: Promise) -> bool:
    """Equal but for the rounding of times written down."""
    return all(abs(a - b) < 0.001 for a, b in zip(astuple(one), astuple(other), strict=True))
