"""From bookings to the engine's problem and back. Pure: a town and bookings in; a plan, or offers, out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from broker.errors import Conflict, Invalid
from services.dispatch.engine.planner import Plan, Planner
from services.dispatch.engine.problem import Fleet, Objective, Problem, Rides
from services.dispatch.settings import DispatchSettings
from services.dispatch.tours import NO_TOUR, Loaded, Pauses, lay_out, stored
from services.dispatch.town import Town, boarding, check, longest_ride, reserve
from services.dispatch.values import Ask, Booking, BookingState, Promise, Tour, Vehicle, clock

SEARCH_FOR_ROOM = 300
"""Moves tried for each booking that does not fit without moving others within their promises."""

SEARCH_IN_QUOTE = 60
"""Moves tried in all for a quote when nothing fits at once: somebody is on the telephone."""


class Day:
    """One day's bookings and plan, being worked on. `lost` are bookings that no vehicle can serve any more.

    Behind the bookings the engine's problem has one row more, which no vehicle serves: a wish is written into it to
    see whether it fits, so that a quote does not build the problem anew.
    """

    def __init__(
        self,
        town: Town,
        bookings: Sequence[Booking],
        tours: Mapping[str, Tour],
        settings: DispatchSettings,
        *,
        now: float,
        seed: int = 1,
        only: int | None = None,
    ) -> None:
        """`only`: so many of the bookings are to be in the plan, those behind are not (yet)."""
        self.town, self.settings, self.now, self._seed = town, settings, now, seed
        self.bookings = riding(bookings, tours)
        self._rows = len(self.bookings) + 1
        self._pauses = Pauses(town, self._rows)
        self._stranded = stranded(town, self.bookings, tours)
        self._planner = self._plan(tours)
        self.pass_time(now)
        self.lost = self._take_in(len(self.bookings) if only is None else only)

    def pass_time(self, now: float) -> None:
        """It is `now`, no earlier than before. Raises `Invalid` when a vehicle should have left for its next stop."""
        self.now = now
        self._planner.depart(now)
        self._planner.pass_time(now)

    def offers(self, ask: Ask) -> list[Promise]:
        """Up to `settings.offers` promises that could be kept if one were taken now, the soonest first.

        Raises `Invalid` (which field, and what would do) for what cannot be asked, `Conflict` when no vehicle has room
        in time.
        """
        check(self.town, ask, self.settings)
        begin = math.ceil(max(ask.earliest, self.now))
        steps = max(1, int(self.settings.look_ahead // self.settings.window))
        windows = (self.promise(ask, begin + step * self.settings.window) for step in range(steps))
        possible = [promise for promise in windows if promise is not None]
        found = self._at_once(ask, possible) or self._by_moving_others(ask, possible[: self.settings.offers])
        if not found:
            raise Conflict(
                f"no bus has room within {self.settings.look_ahead:g} minutes of {clock(begin)}; "
                "ask for an earlier or later time, or for fewer seats"
            )
        return found[: self.settings.offers]

    def promise(self, ask: Ask, pickup_from: float) -> Promise | None:
        """What would be promised for a pickup from then on; None when that is too late for the wished arrival."""
        settings, direct = self.settings, self.town.drive(ask)
        latest = pickup_from + settings.window
        arrive = latest + boarding(ask, settings) + longest_ride(direct, settings)
        if ask.arrive_by is not None:
            arrive = min(arrive, ask.arrive_by)
            latest = min(latest, ask.arrive_by - direct - boarding(ask, settings))
        return Promise(pickup_from, latest, arrive) if latest >= pickup_from else None

    def take(self, booking: Booking) -> Day:
        """The day with the booking in it. Raises `Conflict` when no vehicle can keep its promise beside the others."""
        more = [*self.bookings, booking]
        day = Day(self.town, more, self.tours(), self.settings, now=self.now, seed=self._seed)
        if not {b.id for b in day.lost} <= {b.id for b in self.lost}:
            raise Conflict("the last seat for that time has just been taken; ask again for other times")
        return day

    def improve(self, moves: int) -> float:
        """Search for a better plan that keeps every promise; by how much the price fell."""
        before = self._planner.price()
        placed = [r for r in range(len(self.bookings)) if not self._planner.left_out([r])]
        self._planner.improve(placed, moves=moves, promised=placed)
        return before - self._planner.price()

    def tours(self) -> dict[str, Tour]:
        """The plan, by vehicle."""
        return {vehicle.id: self.tour(vehicle.id) for vehicle in self.town.vehicles}

    def tour(self, vehicle: str) -> Tour:
        """One vehicle's part of it."""
        v = next(v for v, known in enumerate(self.town.vehicles) if known.id == vehicle)
        plan, starts = self._planner.plan(), self._planner.starts(v).tolist()
        return stored(plan.tours[v], starts, plan.fixed[v], [b.id for b in self.bookings], self._pauses)

    def _at_once(self, ask: Ask, possible: Sequence[Promise]) -> list[Promise]:
        """Those of the promises that can be kept without moving anybody."""
        return [promise for promise in possible if self._planner.find(self._wish(ask, promise)) is not None]

    def _by_moving_others(self, ask: Ask, possible: Sequence[Promise]) -> list[Promise]:
        """Those that a short search, on a plan of its own, finds room for within the promises made."""
        if not possible:
            return []
        tried = Day(self.town, self.bookings, self.tours(), self.settings, now=self.now, seed=self._seed)
        planner, found = tried._planner, []
        placed = [r for r in range(len(tried.bookings)) if not planner.left_out([r])]
        for promise in possible:
            row = tried._wish(ask, promise)
            planner.improve([*placed, row], moves=SEARCH_IN_QUOTE // len(possible), promised=placed)
            if not planner.left_out([row]):
                found.append(promise)
                planner.remove(row)
        return found

    def _wish(self, ask: Ask, promise: Promise) -> int:
        """Write the wish into the row that is kept for it; which row that is."""
        row = len(self.bookings)
        self._planner.write(row, self._rides([Booking("", "", ask, promise)]))
        return row

    def _plan(self, tours: Mapping[str, Tour]) -> Planner:
        """The stored plan without the stops of bookings that are no longer.

        A vehicle whose tour cannot be driven any more brings those on board where they want to go, or, where that
        cannot be either, loses the tour; alone: what others were told stands. Its other riders are placed anew.
        """
        problem = self._problem()
        kept = [self._kept(v, tours) for v in range(len(self.town.vehicles))]
        try:
            return self._loaded(problem, kept)
        except Invalid:
            whole = [NO_TOUR] * len(kept)
            for v in range(len(kept)):
                possible = (kept[v], *self._less(v, tours))
                whole[v] = next(one for one in possible if self._drivable(problem, v, one))
            return self._loaded(problem, whole)

    def _less(self, vehicle: int, tours: Mapping[str, Tour]) -> Iterator[Loaded]:
        """What is left of a tour that cannot be driven: first the breaks to come give way, then whoever waits."""
        yield self._kept(vehicle, tours, whole=False)
        yield self._kept(vehicle, tours, aboard=True)
        yield self._kept(vehicle, tours, aboard=True, whole=False)
        yield self._kept(vehicle, {})
        yield NO_TOUR

    def _kept(self, v: int, tours: Mapping[str, Tour], *, aboard: bool = False, whole: bool = True) -> Loaded:
        """The vehicle's stops that are still to be made; `aboard`: for those on board alone; `whole`: see `lay_out`."""
        row, vehicle = {booking.id: r for r, booking in enumerate(self.bookings)}, self.town.vehicles[v]
        tour = tours.get(vehicle.id, Tour(0.0, 0, ()))
        gone = self._stranded | unserved(vehicle, self._shut(), tour)
        if aboard:
            gone |= ahead_of(tour)
        made = {
            i: row[s.booking] + (0 if s.boards else self._rows)
            for i, s in enumerate(tour.stops)
            if s.booking in row and s.booking not in gone
        }
        return lay_out(vehicle, tour, made, self._pauses.nodes(v), whole=whole)

    def _loaded(self, problem: Problem, kept: Sequence[Loaded]) -> Planner:
        starts = [one.starts if len(one.starts) > 1 else () for one in kept]
        plan = Plan(tuple(one.nodes for one in kept), tuple(max(0, len(one) - 1) for one in starts))
        return Planner(problem, plan, starts, seed=self._seed)

    def _drivable(self, problem: Problem, vehicle: int, kept: Loaded) -> bool:
        alone = [kept if v == vehicle else NO_TOUR for v in range(len(self.town.vehicles))]
        try:
            self._loaded(problem, alone)
        except Invalid:
            return False
        return True

    def _take_in(self, count: int) -> list[Booking]:
        """Place what is not in the plan yet: by insertion, else by a search that moves others."""
        planner = self._planner
        for r in planner.left_out(range(count)):
            place = planner.find(r)
            if place is not None:
                planner.put(r, place)
        missing = planner.left_out(range(count))
        if missing:
            placed = [r for r in range(count) if r not in missing]
            planner.improve([*placed, *missing], moves=SEARCH_FOR_ROOM * len(missing), promised=placed)
        return [self.bookings[r] for r in planner.left_out(range(count))]

    def _problem(self) -> Problem:
        nobody = Promise(0.0, 0.0, 1e6)
        somewhere = self.town.stops[0].id
        blank = Booking("", "", Ask(date.min, somewhere, somewhere, 0.0), nobody)
        rides = self._rides([*self.bookings, blank])
        objective = Objective(waiting=self.settings.price_waiting, ride=self.settings.price_ride)
        return Problem(self.town.minutes, self.town.minutes, rides, self._fleet(), objective, self._allowed())

    def _rides(self, bookings: Sequence[Booking]) -> Rides:
        town, settings = self.town, self.settings
        asks = [b.ask for b in bookings]
        kept = [(b.promise, reserve(b.promise, settings)) for b in bookings]
        whole = [(town.place(a.origin), town.place(a.destination), a.seats, a.wheelchairs) for a in asks]
        columns = np.array(whole, np.int32).reshape(-1, 4)
        stop_time = np.array([boarding(a, settings) for a in asks], np.float64)
        # Who was not there gets off where the bus stands anyway.
        last_time = np.where(columns[:, 0] == columns[:, 1], 0.0, stop_time)
        return Rides(
            origin=columns[:, 0],
            destination=columns[:, 1],
            pickup=np.array([(p.pickup_from, p.pickup_until - k) for p, k in kept], np.float64).reshape(-1, 2),
            delivery=np.array([(0.0, p.arrive_by - k) for p, k in kept], np.float64).reshape(-1, 2),
            service=np.stack([stop_time, last_time], axis=1),
            load=columns[:, 2:],
            longest=np.array([self._longest(b) for b in bookings], np.float64),
        )

    def _longest(self, booking: Booking) -> float:
        """The longest ride, by the direct drive as it is or was when the ride was booked: a road that is open or fast
        again tightens nothing. Who was promised anew has the promised arrival alone."""
        promise = booking.promise
        promised = promise.arrive_by - promise.pickup_from if booking.breaches else 0.0
        return max(longest_ride(max(booking.direct, self.town.drive(booking.ask)), self.settings), promised)

    def _shut(self) -> set[str]:
        """Bookings from or to a stop that closed."""
        closed = {stop.id for stop in self.town.stops if stop.closed_because}
        return {b.id for b in self.bookings if {b.ask.origin, b.ask.destination} & closed} if closed else set()

    def _allowed(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """A vehicle that broke down takes nobody; a closed stop is served by none."""
        barred = self._stranded | self._shut()
        open_rides = np.array([*(b.id not in barred for b in self.bookings), True], np.bool_)
        running = np.array([vehicle.broken_because is None for vehicle in self.town.vehicles], np.bool_)
        return np.outer(running, open_rides)

    def _fleet(self) -> Fleet:
        vehicles = self.town.vehicles
        depot = np.array([self.town.place(v.depot) for v in vehicles], np.int32)
        shift = np.array([(v.shift_from, v.shift_until) for v in vehicles], np.float64).reshape(-1, 2)
        room = np.array([(v.seats, v.wheelchairs) for v in vehicles], np.int32).reshape(-1, 2)
        return Fleet(depot, depot, shift, room, shift[:, 1] - shift[:, 0], self._pauses.all())


def riding(bookings: Sequence[Booking], tours: Mapping[str, Tour]) -> list[Booking]:
    """The bookings that buses drive for.

    Somebody who was not there is one of them, as a ride that ended where it began: the bus has been at that stop.
    """
    driven = {s.booking for tour in tours.values() for s in tour.stops[: tour.fixed]}
    absent = [b for b in bookings if b.state is BookingState.NO_SHOW and b.id in driven]
    gone = {b.id: replace(b, ask=replace(b.ask, destination=b.ask.origin)) for b in absent}
    return [gone.get(b.id, b) for b in bookings if b.state is BookingState.BOOKED or b.id in gone]


def stranded(town: Town, bookings: Sequence[Booking], tours: Mapping[str, Tour]) -> set[str]:
    """Bookings fetched or driven to, whose vehicle broke down or whose destination closed before they arrived."""
    closed = {stop.id for stop in town.stops if stop.closed_because}
    bound_for = {booking.id: booking.ask.destination for booking in bookings}
    found: set[str] = set()
    for vehicle in town.vehicles:
        tour = tours.get(vehicle.id, Tour(0.0, 0, ()))
        done, ahead = tour.stops[: tour.fixed], tour.stops[tour.fixed :]
        on_board = {s.booking for s in done} & {s.booking for s in ahead}
        found |= {b for b in on_board if vehicle.broken_because or bound_for.get(b) in closed}
    return found


def unserved(vehicle: Vehicle, shut: set[str], tour: Tour) -> set[str]:
    """Bookings not fetched yet that the vehicle can no longer serve: it broke down, or they are `shut` out."""
    ahead = ahead_of(tour)
    return ahead if vehicle.broken_because else ahead & shut


def ahead_of(tour: Tour) -> set[str]:
    """Bookings of the tour that are neither fetched nor driven to."""
    return {s.booking for s in tour.stops} - {s.booking for s in tour.stops[: tour.fixed]}
