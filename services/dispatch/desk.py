"""The booking desk: quote, book, change, cancel. Each promise is one transaction that holds the day's lock.

A promise is durable before it is told, and the plan that keeps it is stored beside it. The plan can be lost
without harm: whatever of it cannot be read or driven is worked out again from the promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import astuple, replace
from datetime import date, datetime, timedelta
from uuid import uuid4

from broker.errors import Conflict, Invalid
from broker.ports import Database, Transaction
from schemas.clock import JST, Clock, utc_now
from services.dispatch import store
from services.dispatch.planning import Day, Town, check, clock
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import TravelTimes
from services.dispatch.values import Ask, Booking, BookingState, Promise, Stop, Tour, Vehicle
from services.dispatch.warm import Known, WarmDays


class BookingDesk:
    """Makes and keeps promises. Any number of them, in any number of processes, may work at once."""

    def __init__(
        self, database: Database, travel: TravelTimes, settings: DispatchSettings, now: Clock = utc_now
    ) -> None:
        self._database, self._travel, self._settings, self._now = database, travel, settings, now
        self._warm = WarmDays()

    async def quote(self, tenant: str, ask: Ask) -> list[Promise]:
        """Promises that could be kept as things stand; nothing is held. Raises as `Day.offers`."""
        self._not_past(ask)
        async with self._database.transaction(tenant) as tx:
            revision, tours = await store.read_day(tx, ask.day)
            stops, vehicles = await store.load_stops(tx), await store.load_vehicles(tx)
            known = Known(revision, stops, vehicles, self._now().astimezone(JST).hour)
            warm = self._warm.get(tenant, ask.day, known)
            if warm is None:
                warm = self._warm.put(tenant, ask.day, known, await self._day(tx, ask.day, tours))
        return await asyncio.to_thread(warm.offers, ask, minutes_into(self._now(), ask.day))

    async def book(
        self, tenant: str, ask: Ask, promise: Promise, rider: str, *, asked_as: str | None = None
    ) -> Booking:
        """Promise the ride; durable when this returns. The same `asked_as` again returns the booking made then.

        Raises `Conflict` when the last seat went to somebody else meanwhile, `Invalid` for a promise that no quote
        gives.
        """
        self._not_past(ask)
        async with self._database.transaction(tenant) as tx:
            if asked_as is not None and (before := await store.asked_before(tx, asked_as)):
                return before
            return await self._book(tx, ask, promise, rider, asked_as)

    async def change(self, tenant: str, booking: str, ask: Ask, promise: Promise) -> Booking:
        """Give the booking up for a new one, both or neither. Raises as `book` and `cancel`."""
        self._not_past(ask)
        async with self._database.transaction(tenant) as tx:
            old = await store.load_booking(tx, booking)
            for day in sorted({old.ask.day, ask.day}):
                await store.lock_day(tx, day)
            await self._end(tx, old, BookingState.CANCELLED)
            return await self._book(tx, ask, promise, old.rider, None)

    async def cancel(self, tenant: str, booking: str) -> None:
        """Give the booking up; again is no error. Raises `NotFound`, or `Conflict` when the bus is on its way."""
        async with self._database.transaction(tenant) as tx:
            found = await store.load_booking(tx, booking)
            await store.lock_day(tx, found.ask.day)
            await self._end(tx, await store.load_booking(tx, booking), BookingState.CANCELLED)

    async def report_breakdown(self, tenant: str, day: date, vehicle: str, because: str) -> list[Booking]:
        """The vehicle drives no further: plan anew; returns those whose promise is broken, who must be told."""
        async with self._database.transaction(tenant) as tx:
            tours = await self._so_far(tx, day)
            known = {v.id: v for v in await store.load_vehicles(tx)}
            if vehicle not in known:
                raise Invalid(f"there is no vehicle {vehicle!r}; there are {', '.join(sorted(known))}", field="vehicle")
            await store.save_vehicle(tx, replace(known[vehicle], broken_because=because))
            return await self._plan_anew(tx, day, tours, because)

    async def close_stop(self, tenant: str, day: date, stop: str, because: str) -> list[Booking]:
        """Nobody gets on or off there any more: plan anew; returns those whose promise is broken, who must be told."""
        async with self._database.transaction(tenant) as tx:
            tours = await self._so_far(tx, day)
            known = {s.id: s for s in await store.load_stops(tx)}
            if stop not in known:
                raise Invalid(f"there is no stop {stop!r}", field="stop")
            await store.save_stop(tx, replace(known[stop], closed_because=because))
            return await self._plan_anew(tx, day, tours, because)

    async def improve(self, tenant: str, day: date) -> float:
        """Improve the day's plan in the background, outside any lock; how much was saved.

        A plan that changed meanwhile stays, and this one is dropped.
        """
        async with self._database.transaction(tenant) as tx:
            known, revision = await self._open(tx, day)
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
        """Add the stop, or give it these values."""
        async with self._database.transaction(tenant) as tx:
            await store.save_stop(tx, stop)

    async def set_vehicle(self, tenant: str, vehicle: Vehicle) -> None:
        """Add the vehicle, or give it these values. Raises `Invalid` naming the field."""
        if vehicle.shift_until <= vehicle.shift_from:
            raise Invalid("the shift must end after it begins", field="shiftUntil")
        async with self._database.transaction(tenant) as tx:
            if vehicle.depot not in {stop.id for stop in await store.load_stops(tx)}:
                raise Invalid(f"there is no stop {vehicle.depot!r} for a depot; add it first", field="depot")
            await store.save_vehicle(tx, vehicle)

    async def plan(self, tenant: str, day: date) -> dict[str, Tour]:
        """Who drives what, by vehicle."""
        async with self._database.transaction(tenant) as tx:
            known, _ = await self._open(tx, day)
        return known.tours()

    async def _book(self, tx: Transaction, ask: Ask, promise: Promise, rider: str, asked_as: str | None) -> Booking:
        revision, tours = await store.lock_day(tx, ask.day)
        day = await self._day(tx, ask.day, tours)
        check(day.town, ask, self._settings)
        given = day.promise(ask, promise.pickup_from)
        if given is None or not _same(given, promise):
            raise Invalid("this is not a promise that a quote for this ride gives; ask for a quote", field="promise")
        if promise.pickup_from < day.now:
            raise Invalid(f"{clock(promise.pickup_from)} is past; ask for a quote again", field="promise")
        booking = Booking(uuid4().hex, rider, replace(ask, earliest=promise.pickup_from), promise)
        planned = await asyncio.to_thread(day.take, booking)
        await store.add_booking(tx, booking, asked_as, self._now())
        await store.save_day(tx, ask.day, planned.tours(), revision)
        return booking

    async def _end(self, tx: Transaction, booking: Booking, state: BookingState) -> None:
        if booking.state is not BookingState.BOOKED:
            return
        revision, tours = await store.lock_day(tx, booking.ask.day)
        day = await self._day(tx, booking.ask.day, tours)
        if any(s.booking == booking.id for tour in day.tours().values() for s in tour.stops[: tour.fixed]):
            raise Conflict("the bus is on its way already; call the operator")
        await store.set_state(tx, booking.id, state, None, self._now())
        day = await self._day(tx, booking.ask.day, tours)
        await store.save_day(tx, booking.ask.day, day.tours(), revision)

    async def _so_far(self, tx: Transaction, day: date) -> dict[str, Tour]:
        """Lock the day; its plan with every stop fixed that is done by now or being driven to."""
        _, tours = await store.lock_day(tx, day)
        return (await self._day(tx, day, tours)).tours()

    async def _plan_anew(self, tx: Transaction, day: date, tours: Mapping[str, Tour], because: str) -> list[Booking]:
        revision, _ = await store.lock_day(tx, day)
        known = await self._day(tx, day, tours)
        for lost in known.lost:
            await store.set_state(tx, lost.id, BookingState.BROKEN, because, self._now())
        await store.save_day(tx, day, known.tours(), revision)
        return known.lost

    async def _open(self, tx: Transaction, day: date) -> tuple[Day, int]:
        revision, tours = await store.read_day(tx, day)
        return await self._day(tx, day, tours), revision

    async def _day(self, tx: Transaction, day: date, tours: Mapping[str, Tour]) -> Day:
        bookings = await store.load_bookings(tx, day)
        town = await self._town(await store.load_stops(tx), await store.load_vehicles(tx))
        return await asyncio.to_thread(Day, town, bookings, tours, self._settings, now=minutes_into(self._now(), day))

    async def _town(self, stops: tuple[Stop, ...], vehicles: tuple[Vehicle, ...]) -> Town:
        if not vehicles:
            raise Invalid("there are no buses yet; add stops and vehicles first", field="vehicle")
        return Town(stops, vehicles, await self._travel.minutes(stops, self._now().astimezone(JST).hour))

    def _not_past(self, ask: Ask) -> None:
        now = minutes_into(self._now(), ask.day)
        if ask.earliest < 0 or ask.earliest >= 1440 + 360:
            raise Invalid("a time of the day in minutes from midnight is expected, 0 to 1799", field="earliest")
        if now >= 1440:
            raise Invalid(f"{ask.day} is over; ask for today or a later day", field="day")
        if now < -timedelta(days=366) / timedelta(minutes=1):
            raise Invalid(f"{ask.day} is more than a year ahead", field="day")


def _same(one: Promise, other: Promise) -> bool:
    """Equal but for the rounding of times written down."""
    return all(abs(a - b) < 0.001 for a, b in zip(astuple(one), astuple(other), strict=True))


def minutes_into(at: datetime, day: date) -> float:
    """Minutes from the day's midnight in Japan to `at`; negative before."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return (at - midnight) / timedelta(minutes=1)
