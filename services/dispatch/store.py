"""The buses' tables: loading and saving, in the caller's transaction, which is set to its tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from datetime import date, datetime
from typing import Any

import msgspec

from broker.errors import Conflict, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.dispatch.calendar import ServiceCalendar, decode
from services.dispatch.roads import Road
from services.dispatch.values import Ask, Booking, BookingState, Breach, Break, Promise, Stop, Tour, Vehicle, clock
from services.dispatch.zones import Zone

SQL = load("services.dispatch", "store")


async def load_stops(tx: Transaction) -> tuple[Stop, ...]:
    """Every stop for everybody, closed ones with their reason."""
    return tuple(Stop(*row) for row in await tx.fetch(SQL["stops"]))


async def load_places(tx: Transaction, first: date, last: date) -> tuple[Stop, ...]:
    """The places of riders' own that bookings of those days begin or end at."""
    return tuple(Stop(*row) for row in await tx.fetch(SQL["places"], first, last))


async def places_of(tx: Transaction, rider: str, first: date) -> tuple[Stop, ...]:
    """The places of their own that a rider's bookings since `first` begin or end at, the last ones first."""
    return tuple(Stop(*row) for row in await tx.fetch(SQL["places_of"], rider, first))


async def save_place(tx: Transaction, place: Stop) -> None:
    """Keep the place for bookings that name it; one that is known takes its zone and name."""
    await tx.execute(SQL["add_place"], place.id, place.name, place.longitude, place.latitude, place.zone)


async def load_zones(tx: Transaction) -> tuple[Zone, ...]:
    """Every zone."""
    rows = await tx.fetch(SQL["zones"])
    return tuple(Zone(r["id"], r["name"], _points(r["border"]), r["door"], r["walk"]) for r in rows)


async def save_zone(tx: Transaction, zone: Zone) -> None:
    """Add the zone, or give it these values."""
    border = msgspec.json.encode(zone.border).decode()
    await tx.execute(SQL["add_zone"], zone.id, zone.name, border, zone.door, zone.walk)


async def drop_zone(tx: Transaction, zone: str) -> None:
    """Forget the zone; what was booked in it stands. Raises `NotFound`."""
    if await tx.fetchval(SQL["drop_zone"], zone) is None:
        raise NotFound(f"there is no zone {zone!r}")


async def load_calendar(tx: Transaction) -> ServiceCalendar:
    """On which days buses run; every day where nothing was said."""
    return decode(await tx.fetchval(SQL["calendar"]))


async def hold_calendar(tx: Transaction) -> ServiceCalendar:
    """As `load_calendar`; nobody changes it until the transaction ends."""
    rules = await tx.fetchval(SQL["hold_calendar"])
    if rules is None:
        await tx.execute(SQL["open_calendar"])
        rules = await tx.fetchval(SQL["hold_calendar"])
    return decode(rules)


async def change_calendar(tx: Transaction) -> ServiceCalendar:
    """As `load_calendar`, to be changed: nobody books and nobody else changes it until the transaction ends."""
    await tx.execute(SQL["open_calendar"])
    return decode(await tx.fetchval(SQL["change_calendar"]))


async def save_calendar(tx: Transaction, calendar: ServiceCalendar) -> None:
    """Put it in force."""
    await tx.execute(SQL["set_calendar"], msgspec.json.encode(calendar).decode())


async def booked_days(tx: Transaction, first: date) -> dict[date, int]:
    """How many rides are promised on each day from `first` on that has any."""
    return {row["day"]: row["rides"] for row in await tx.fetch(SQL["booked_days"], first)}


async def load_vehicles(tx: Transaction) -> tuple[Vehicle, ...]:
    """Every vehicle, broken ones with their reason."""
    return tuple(_vehicle(row) for row in await tx.fetch(SQL["vehicles"]))


async def load_roads(tx: Transaction, *, closed: bool = False) -> tuple[Road, ...]:
    """Every road that may be closed; `closed`: those that are."""
    rows = await tx.fetch(SQL["roads"], closed)
    return tuple(
        Road(row["id"], row["name"], row["area"], _points(row["points"]), row["closed_because"], row["closed_by"])
        for row in rows
    )


async def load_road(tx: Transaction, road: str) -> Road:
    """One road. Raises `NotFound`."""
    for known in await load_roads(tx):
        if known.id == road:
            return known
    raise NotFound(f"there is no road {road!r}")


async def save_road(tx: Transaction, road: Road) -> None:
    """Add the road, or give it these values."""
    points = msgspec.json.encode(road.points).decode()
    await tx.execute(SQL["add_road"], road.id, road.name, road.area, points, road.closed_because, road.closed_by)


async def drop_road(tx: Transaction, road: str) -> None:
    """Forget the road. Raises `NotFound`."""
    if await tx.fetchval(SQL["drop_road"], road) is None:
        raise NotFound(f"there is no road {road!r}")


async def save_stop(tx: Transaction, stop: Stop) -> None:
    """Add the stop, or give it these values."""
    *values, _ = astuple(stop)
    await tx.execute(SQL["add_stop"], *values)


async def save_vehicle(tx: Transaction, vehicle: Vehicle) -> None:
    """Add the vehicle, or give it these values."""
    *values, _ = astuple(vehicle)
    await tx.execute(SQL["add_vehicle"], *values, msgspec.json.encode(vehicle.breaks).decode())


async def lock_day(tx: Transaction, day: date) -> tuple[int, dict[str, Tour]]:
    """The day's revision and plan; nobody else promises anything for this day until the transaction ends."""
    await tx.execute(SQL["open_day"], day)
    row = await tx.fetchrow(SQL["lock_day"], day)
    return row["revision"], msgspec.json.decode(row["plan"], type=dict[str, Tour])


async def read_day(tx: Transaction, day: date) -> tuple[int, dict[str, Tour]]:
    """The day's revision and plan as they stand; revision -1 for a day without any."""
    row = await tx.fetchrow(SQL["read_day"], day)
    return (row["revision"], msgspec.json.decode(row["plan"], type=dict[str, Tour])) if row else (-1, {})


async def save_day(tx: Transaction, day: date, tours: Mapping[str, Tour], revision: int) -> None:
    """Store the plan made from `revision`. Raises `Conflict` when the day has a newer one."""
    done = await tx.execute(SQL["save_day"], day, msgspec.json.encode(dict(tours)).decode(), revision)
    if done != "UPDATE 1":
        raise Conflict(f"the plan of {day} has changed since it was read")


async def load_bookings(tx: Transaction, day: date) -> list[Booking]:
    """Every booking of the day, in the order of booking, in whatever state."""
    return [_booking(row) for row in await tx.fetch(SQL["bookings"], day)]


async def load_booking(tx: Transaction, booking: str) -> Booking:
    """One booking. Raises `NotFound`."""
    row = await tx.fetchrow(SQL["booking"], booking)
    if row is None:
        raise NotFound(f"there is no booking {booking!r}")
    return _booking(row)


async def asked_before(tx: Transaction, asked_as: str) -> Booking | None:
    """The booking made for the same request, if any; others with this key wait until the transaction ends."""
    await tx.execute(SQL["lock_booking_key"], asked_as)
    row = await tx.fetchrow(SQL["asked_as"], asked_as)
    return _booking(row) if row else None


async def load_series(tx: Transaction, series: str) -> list[Booking]:
    """What one request booked, in order; others with this key wait until the transaction ends."""
    await tx.execute(SQL["lock_booking_key"], series)
    return [_booking(row) for row in await tx.fetch(SQL["series"], series)]


async def check_not_twice(tx: Transaction, ask: Ask, promise: Promise, rider: str) -> None:
    """Raise `Conflict`, naming it, where the rider has this ride already: the same ends, as many, at the same time.

    At the same time: nobody can be on both, as one may begin before the other is over. To be asked while the day is
    locked.
    """
    where = (ask.day, ask.origin, ask.destination, ask.seats, ask.wheelchairs)
    row = await tx.fetchrow(SQL["same_ride"], rider, *where, promise.pickup_from, promise.arrive_by)
    if row is None:
        return
    same = _booking(row)
    window = f"{clock(same.promise.pickup_from)} to {clock(same.promise.pickup_until)}"
    raise Conflict(
        f"the rider has this very ride already: booking {same.id} of {ask.day}, {window}, from {ask.origin!r} to "
        f"{ask.destination!r}; change or cancel that one. Staff may book it again with twice: true",
        existing=same.id,
    )


async def bookings_of(tx: Transaction, rider: str, first: date) -> list[Booking]:
    """A rider's bookings from `first` on, the soonest first, in whatever state."""
    return [_booking(row) for row in await tx.fetch(SQL["bookings_of"], rider, first)]


async def bookings_between(tx: Transaction, first: date, last: date) -> list[Booking]:
    """Every booking of those days, in whatever state."""
    return [_booking(row) for row in await tx.fetch(SQL["bookings_between"], first, last)]


async def plans_between(tx: Transaction, first: date, last: date) -> dict[date, dict[str, Tour]]:
    """The plans of those days, by day and vehicle."""
    rows = await tx.fetch(SQL["plans_between"], first, last)
    return {row["day"]: msgspec.json.decode(row["plan"], type=dict[str, Tour]) for row in rows}


async def add_booking(tx: Transaction, booking: Booking, asked_as: str | None, at: datetime) -> None:
    """Store a promise."""
    ask, promise = booking.ask, booking.promise
    where = (ask.origin, ask.destination, ask.seats, ask.wheelchairs)
    terms = (booking.fare, booking.payment, booking.direct, booking.series)
    await tx.execute(
        SQL["add_booking"], booking.id, ask.day, booking.rider, *where, *astuple(promise), asked_as, at, *terms
    )


async def set_ridden(tx: Transaction, booking: str, vehicle: str, what: str, at: datetime) -> None:
    """The driver of `vehicle` saw the rider get on (`boarded`) or off (`alighted`) then."""
    await tx.execute(SQL[f"set_{what}"], booking, vehicle, at)


async def set_state(tx: Transaction, booking: str, state: BookingState, because: str | None, at: datetime) -> None:
    """End a booking: `because` says which breakdown or closure broke it, else None."""
    await tx.execute(SQL["set_state"], booking, state.value, because, at)


async def repromise(tx: Transaction, booking: Booking, at: datetime) -> None:
    """Store another promise of a booking, with what was promised before."""
    breaches = msgspec.json.encode(booking.breaches).decode()
    await tx.execute(SQL["repromise"], booking.id, *astuple(booking.promise), booking.direct, breaches, at)


async def days_to_improve(tx: Transaction, first: date, last: date) -> list[tuple[str, date]]:
    """(tenant, day) of every plan there is from `first` to `last`; needs the system's transaction."""
    return [(row["tenant"], row["day"]) for row in await tx.fetch(SQL["days_to_improve"], first, last)]


def _booking(row: Any) -> Booking:
    promise = Promise(row["pickup_from"], row["pickup_until"], row["arrive_by"])
    ask = Ask(
        row["day"], row["origin"], row["destination"], promise.pickup_from, row["seats"], row["wheelchairs"],
        promise.arrive_by,
    )  # fmt: skip
    return Booking(
        row["id"], row["rider"], ask, promise, BookingState(row["state"]), row["broken_because"], row["fare"],
        row["payment"], row["direct"], row["series"], row["vehicle"], row["boarded_at"], row["alighted_at"],
        msgspec.json.decode(row["breaches"], type=tuple[Breach, ...]),
    )  # fmt: skip


def _vehicle(row: Any) -> Vehicle:
    values = dict(row)
    breaks = msgspec.json.decode(values.pop("breaks"), type=tuple[Break, ...])
    return Vehicle(**values, breaks=breaks)


def _points(text: str) -> tuple[tuple[float, float], ...]:
    return msgspec.json.decode(text, type=tuple[tuple[float, float], ...])
