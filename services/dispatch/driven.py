"""What has happened on the road, as a change of the plan and as times to expect. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.dispatch.settings import DispatchSettings
from services.dispatch.town import Town, boarding
from services.dispatch.travel import kilometres
from services.dispatch.values import Booking, BookingState, StopTime, Tour, Vehicle

CONFIRMED_BY = 3
"""So many doubted places in a row that agree among themselves are believed: the bus was carried, or its clock set."""


@dataclass(frozen=True)
class Position:
    """Where a vehicle is. The doubted place is the last one that no bus could have reached from there."""

    longitude: float
    latitude: float
    at: datetime
    doubted_longitude: float | None = None
    doubted_latitude: float | None = None
    doubted_at: datetime | None = None
    doubts: int = 0


@dataclass(frozen=True)
class Expected:
    """A stop of a tour: when it was planned, when it is expected now, and when it was done (minutes), if it was."""

    booking: str
    boards: bool
    stop: str
    planned: float
    at: float
    done: float | None


def up_to(tour: Tour, booking: str, boards: bool) -> Tour:
    """The tour with the reported stop, and what the plan has before it, done."""
    for i, stop in enumerate(tour.stops):
        if (stop.booking, stop.boards) == (booking, boards):
            return replace(tour, fixed=max(tour.fixed, i + 1))
    return tour


def without(tour: Tour, booking: Booking, settings: DispatchSettings) -> Tour:
    """The tour when nobody was there: the bus was at the pickup, and goes on without the rider.

    The ride stays in the tour as one that ends where it began, so that the bus is still known to have been there.
    """
    tour = up_to(tour, booking.id, True)
    stops = [s for s in tour.stops if s.booking != booking.id or s.boards]
    at = next((i for i, s in enumerate(stops) if s.booking == booking.id), None)
    if at is None:
        return tour
    gone = StopTime(booking.id, False, stops[at].at + boarding(booking.ask, settings))
    behind = next(i for i, s in enumerate(tour.stops) if s.booking == booking.id and not s.boards)
    fixed = tour.fixed + (behind >= tour.fixed)
    return replace(tour, fixed=fixed, stops=(*stops[: at + 1], gone, *stops[at + 1 :]))


def expect(
    town: Town,
    vehicle: Vehicle,
    tour: Tour,
    bookings: Mapping[str, Booking],
    done: Mapping[tuple[str, bool], float],
    settings: DispatchSettings,
    *,
    now: float,
    place: Position | None,
) -> list[Expected]:
    """When each stop of the tour is to be expected, never before its plan.

    From the last stop reported, or from `place` (a position that is fresh) for the next one, by the driving times.
    """
    found: list[Expected] = []
    stop, free = vehicle.depot, tour.left
    next_one = place
    for i, planned in enumerate(tour.stops):
        booking = bookings[planned.booking]
        for rest in (rest for rest in tour.rests if tour.before(rest) == i):
            back = free + float(town.minutes[town.place(stop), town.place(vehicle.depot)])
            stop, free = vehicle.depot, max(back, rest.at) + vehicle.breaks[rest.number].minutes
        there = place_of(planned, booking)
        was = done.get((planned.booking, planned.boards))
        if was is not None:
            at = was
        elif next_one is not None:
            at = max(planned.at, now + away(next_one, town, there, settings))
            next_one = None
        else:
            at = max(planned.at, now, free + float(town.minutes[town.place(stop), town.place(there)]))
        found.append(Expected(planned.booking, planned.boards, there, planned.at, at, was))
        absent = booking.state is BookingState.NO_SHOW and not planned.boards
        stop, free = there, at + (0.0 if absent else boarding(booking.ask, settings))
    return found


def place_of(stop: StopTime, booking: Booking) -> str:
    """Where the bus stops for it: who was not there is brought nowhere."""
    return booking.ask.origin if stop.boards or booking.state is BookingState.NO_SHOW else booking.ask.destination


def away(place: Position, town: Town, stop: str, settings: DispatchSettings) -> float:
    """Minutes that the drive from a place off the stops takes."""
    there = town.stops[town.place(stop)]
    km = kilometres(place.longitude, place.latitude, there.longitude, there.latitude)
    return km * settings.detour / settings.speed * 60


def late(expected: Expected, booking: Booking) -> float:
    """Minutes by which the stop is, or was, later than promised; 0 when it is not."""
    promised = booking.promise.pickup_until if expected.boards else booking.promise.arrive_by
    return max(0.0, (expected.at if expected.done is None else expected.done) - promised)


def moved(last: Position | None, longitude: float, latitude: float, at: datetime, fastest: float) -> Position | None:
    """The position after a new place; None when it is older than what is known.

    A place that no bus reaches at `fastest` km/h is doubted: a jump of the receiver. `CONFIRMED_BY` of them in a row
    that agree are believed.
    """
    if last is None or (
        at > last.at and _reachable((last.longitude, last.latitude, last.at), longitude, latitude, at, fastest)
    ):
        return Position(longitude, latitude, at)
    if at <= last.at or (last.doubted_at is not None and at <= last.doubted_at):
        return None
    doubts = 1
    if last.doubted_at is not None and last.doubted_longitude is not None and last.doubted_latitude is not None:
        before = (last.doubted_longitude, last.doubted_latitude, last.doubted_at)
        doubts = last.doubts + 1 if _reachable(before, longitude, latitude, at, fastest) else 1
    if doubts >= CONFIRMED_BY:
        return Position(longitude, latitude, at)
    return replace(last, doubted_longitude=longitude, doubted_latitude=latitude, doubted_at=at, doubts=doubts)


def _reachable(
    before: tuple[float, float, datetime], longitude: float, latitude: float, at: datetime, fastest: float
) -> bool:
    hours = (at - before[2]) / timedelta(hours=1)
    return kilometres(before[0], before[1], longitude, latitude) <= fastest * hours + 0.2


def kilometres_driven(
    town: Town, vehicle: Vehicle, tour: Tour, bookings: Mapping[str, Booking], detour: float
) -> tuple[float, float]:
    """(all, with nobody on board) kilometres of the tour from its depot and back."""
    where = {stop.id: stop for stop in town.stops}
    on_board, here, whole, empty = 0, where[vehicle.depot], 0.0, 0.0
    for next_stop, change in (*_calls(vehicle, tour, bookings), (vehicle.depot, 0)):
        there = where[next_stop]
        km = kilometres(here.longitude, here.latitude, there.longitude, there.latitude) * detour
        whole, empty = whole + km, empty + (km if on_board == 0 else 0.0)
        on_board, here = on_board + change, there
    return (whole, empty) if tour.stops else (0.0, 0.0)


def _calls(vehicle: Vehicle, tour: Tour, bookings: Mapping[str, Booking]) -> list[tuple[str, int]]:
    """Where the tour goes, and how many more are on board behind it; for the driver's breaks to the depot."""
    breaks, found = [tour.before(rest) for rest in tour.rests], []
    for i, stop in enumerate(tour.stops):
        found += [(vehicle.depot, 0)] * breaks.count(i)
        booking = bookings.get(stop.booking)
        if booking is not None:
            rides = booking.state is not BookingState.NO_SHOW
            found.append((place_of(stop, booking), (1 if stop.boards else -1) if rides else 0))
    return found
