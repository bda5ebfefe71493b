"""A vehicle's stored tour as the engine's nodes, and back: its stops, and the driver's breaks between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.dispatch.engine.problem import Pause
from services.dispatch.town import Town
from services.dispatch.values import Break, Rest, StopTime, Tour, Vehicle


class Loaded(NamedTuple):
    """A vehicle's nodes, and when it left its depot and was at those of them that are fixed."""

    nodes: tuple[int, ...]
    starts: tuple[float, ...]


NO_TOUR = Loaded((), ())


class Pauses:
    """The breaks of a town's drivers as the engine has them. Who broke down has none: that day's driving is over."""

    def __init__(self, town: Town, rides: int) -> None:
        """`rides`: how many requests the engine's problem has; its nodes of breaks come behind those and the ends."""
        self.rides, self._town, self._first = rides, town, 2 * rides + 2 * len(town.vehicles)
        self._whose = [
            (v, number)
            for v, vehicle in enumerate(town.vehicles)
            if vehicle.broken_because is None
            for number in range(len(vehicle.breaks))
        ]

    def all(self) -> tuple[Pause, ...]:
        """In the order of their nodes."""
        return tuple(self._pause(v, number) for v, number in self._whose)

    def _pause(self, v: int, number: int) -> Pause:
        vehicle = self._town.vehicles[v]
        one = vehicle.breaks[number]
        return Pause(v, self._town.place(vehicle.depot), one.earliest, one.latest, one.minutes)

    def nodes(self, vehicle: int) -> dict[int, int]:
        """The nodes of a vehicle's breaks, by their number."""
        return {number: self._first + i for i, (v, number) in enumerate(self._whose) if v == vehicle}

    def number(self, node: int) -> int | None:
        """Which break of its vehicle the node is; None for a stop."""
        return self._whose[node - self._first][1] if node >= self._first else None


def lay_out(
    vehicle: Vehicle, tour: Tour, stops: Mapping[int, int], pauses: Mapping[int, int], *, whole: bool = True
) -> Loaded:
    """The tour's nodes: `stops` are those still made, by their index in the tour, `pauses` the breaks, by number.

    A break that the tour does not know yet goes where nobody is on board and the plan leaves the most room. Without
    `whole` only breaks that were had are there: a promise weighs more than a break that fits nowhere.
    """
    rests = [rest for rest in tour.rests if rest.number in pauses and (whole or tour.had(rest))]
    at = {rest.number: tour.before(rest) for rest in rests}
    if whole:
        known = set(at)
        at |= {n: _room(tour, stops, vehicle.breaks[n]) for n in pauses if n not in known}
    begun = {rest.number: rest.at for rest in rests if tour.had(rest)}
    nodes: list[int] = []
    starts = [tour.left]
    for i in range(len(tour.stops) + 1):
        for number in sorted(number for number, place in at.items() if place == i):
            nodes.append(pauses[number])
            if number in begun:
                starts.append(begun[number])
        if i in stops:
            nodes.append(stops[i])
            if i < tour.fixed:
                starts.append(tour.stops[i].at)
    return Loaded(tuple(nodes), tuple(starts))


def _room(tour: Tour, stops: Mapping[int, int], one: Break) -> int:
    """Behind how many stops a break fits best, by the planned times."""
    aboard: set[str] = set()
    best, widest = tour.fixed, -1.0
    for i in range(len(tour.stops) + 1):
        before = tour.stops[i - 1].at if i else tour.left
        behind = tour.stops[i].at if i < len(tour.stops) else one.latest + one.minutes
        free = min(behind, one.latest + one.minutes) - max(before, one.earliest)
        if i >= tour.fixed and not aboard and free > widest:
            best, widest = i, free
        if i in stops:
            aboard ^= {tour.stops[i].booking}
    return best


def stored(nodes: Sequence[int], starts: Sequence[float], fixed: int, bookings: Sequence[str], pauses: Pauses) -> Tour:
    """What to store of the engine's tour: `starts` with those of its two ends, `fixed` of its nodes."""
    rides = pauses.rides
    stops: list[StopTime] = []
    rests: list[Rest] = []
    for i, (node, at) in enumerate(zip(nodes, starts[1:-1], strict=True)):
        number = pauses.number(node)
        if number is None:
            stops.append(StopTime(bookings[node % rides], node < rides, at))
        else:
            rests.append(Rest(number, at, i < fixed))
    done = sum(pauses.number(node) is None for node in nodes[:fixed])
    return Tour(starts[0], done, tuple(stops), tuple(rests))
