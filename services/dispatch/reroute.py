"""Planning a day anew after a breakdown or a closure: who is still served as promised, who later, who not. Pure.

A promise is kept if any plan keeps it. Where none does, the rider is promised the soonest ride that there still is,
and whoever is on board of a bus that must go around arrives later: both are breaches, recorded with their reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from broker.errors import Conflict, Invalid
from services.dispatch.driven import place_of
from services.dispatch.planning import Day
from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town, boarding, reserve
from services.dispatch.travel import UNREACHABLE
from services.dispatch.values import Booking, BookingState, Breach, Promise, StopTime, Tour, Vehicle


@dataclass(frozen=True)
class Trouble:
    """Because of what, and since when that is known."""

    because: str
    at: datetime


@dataclass(frozen=True)
class Anew:
    """The day as it goes on; `broken` are rides that nobody can make any more, `moved` those promised anew."""

    day: Day
    broken: tuple[Booking, ...] = ()
    moved: tuple[Booking, ...] = ()


def plan_anew(
    town: Town,
    bookings: Sequence[Booking],
    tours: Mapping[str, Tour],
    settings: DispatchSettings,
    trouble: Trouble,
    *,
    now: float,
) -> Anew:
    """The day after the trouble, which is in `town` already. What is done or driven to in `tours` stays as it is."""
    known = {b.id: b for b in bookings}
    held: dict[str, Promise] = {}
    driven = {}
    for vehicle in town.vehicles:
        tour = tours.get(vehicle.id, Tour(0.0, 0, ()))
        driven[vehicle.id], later = _held_up(town, vehicle, tour, known, settings, now)
        held |= later
    known |= {name: _moved(known[name], promise, trouble) for name, promise in held.items()}
    day = Day(town, list(known.values()), driven, settings, now=now)
    lost = [b for b in day.lost if b.state is BookingState.BOOKED]
    stuck = {b for tour in driven.values() for b in _fetched(tour)}
    moved = [known[name] for name in held if name not in {b.id for b in lost}]
    if lost:
        left = [b for b in known.values() if b.id not in {one.id for one in lost}]
        day = Day(town, left, day.tours(), settings, now=now)
    broken = []
    for booking in sorted(lost, key=lambda b: (b.promise.pickup_from, b.id)):
        again = None if booking.id in stuck else _promised_anew(day, booking, trouble)
        if again is None:
            broken.append(booking)
        else:
            day = day.take(again)
            moved.append(again)
    return Anew(day, tuple(broken), tuple(moved))


def _promised_anew(day: Day, booking: Booking, trouble: Trouble) -> Booking | None:
    """The booking at the soonest promise that can be kept now; None where there is none."""
    ask = replace(booking.ask, earliest=max(booking.promise.pickup_from, day.now), arrive_by=None)
    try:
        promise = day.offers(ask)[0]
    except (Conflict, Invalid):
        return None
    return replace(_moved(booking, promise, trouble), direct=day.town.drive(ask))


def _moved(booking: Booking, promise: Promise, trouble: Trouble) -> Booking:
    ask = replace(booking.ask, earliest=promise.pickup_from, arrive_by=promise.arrive_by)
    breach = Breach(booking.promise, trouble.because, trouble.at)
    return replace(booking, ask=ask, promise=promise, breaches=(*booking.breaches, breach))


def _held_up(
    town: Town, vehicle: Vehicle, tour: Tour, known: Mapping[str, Booking], settings: DispatchSettings, now: float
) -> tuple[Tour, dict[str, Promise]]:
    """The tour whose next stop is no sooner than the way there allows, and the promises that this and the way on break.

    Those on board are brought where they want to go in the planned order, before anybody else is fetched.
    """
    if tour.fixed == 0 or vehicle.broken_because is not None or any(s.booking not in known for s in tour.stops):
        return tour, {}
    tour = _reached(town, vehicle, tour, known, settings, now)
    last = tour.stops[tour.fixed - 1]
    booking, later = known[last.booking], {}
    if booking.state is BookingState.BOOKED and last.at > now and not _done(last, booking):
        promise = booking.promise
        if last.boards and last.at > promise.pickup_until:
            later[booking.id] = replace(promise, pickup_until=math.ceil(last.at + settings.reserve) + 0.0)
        if not last.boards and last.at > promise.arrive_by:
            later[booking.id] = replace(promise, arrive_by=math.ceil(last.at + settings.reserve) + 0.0)
    place = town.place(place_of(last, booking))
    leaves = max(last.at + _service(last, booking, settings), now)
    for stop in _carried(tour):
        booking = known[stop.booking]
        there = town.place(place_of(stop, booking))
        arrives = leaves + float(town.minutes[place, there])
        if arrives >= UNREACHABLE:
            continue
        promise = later.get(booking.id, booking.promise)
        if arrives > promise.arrive_by - reserve(promise, settings) and booking.state is BookingState.BOOKED:
            later[booking.id] = replace(promise, arrive_by=math.ceil(arrives + settings.reserve) + 0.0)
        place, leaves = there, arrives + _service(stop, booking, settings)
    return tour, later


def _reached(
    town: Town, vehicle: Vehicle, tour: Tour, known: Mapping[str, Booking], settings: DispatchSettings, now: float
) -> Tour:
    """The tour with the stop that the vehicle drives to at the time when the way there allows."""
    here = tour.fixed - 1
    stop = tour.stops[here]
    if stop.at <= now or _done(stop, known[stop.booking]):
        return tour
    there, left, since = town.place(place_of(stop, known[stop.booking])), town.place(vehicle.depot), tour.left
    if here > 0:
        before = tour.stops[here - 1]
        left = town.place(place_of(before, known[before.booking]))
        since = before.at + _service(before, known[before.booking], settings)
    drive = float(town.minutes[left, there])
    at = max(stop.at, since + drive) if drive < UNREACHABLE else stop.at
    return replace(tour, stops=(*tour.stops[:here], replace(stop, at=at), *tour.stops[here + 1 :]))


def _done(stop: StopTime, booking: Booking) -> bool:
    """Whether the driver has reported it, perhaps before its planned time."""
    return (booking.boarded_at if stop.boards else booking.alighted_at) is not None


def _carried(tour: Tour) -> list[StopTime]:
    """Where those on board get off, in the planned order."""
    aboard = _fetched(tour)
    return [s for s in tour.stops[tour.fixed :] if s.booking in aboard]


def _fetched(tour: Tour) -> set[str]:
    """Who is on board, or driven to."""
    return {s.booking for s in tour.stops[: tour.fixed]} & {s.booking for s in tour.stops[tour.fixed :]}


def _service(stop: StopTime, booking: Booking, settings: DispatchSettings) -> float:
    absent = booking.state is BookingState.NO_SHOW and not stop.boards
    return 0.0 if absent else boarding(booking.ask, settings)
