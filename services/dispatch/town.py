"""A town's stops, vehicles and drives, and what may be asked and promised there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from broker.errors import Invalid
from services.dispatch.engine.arrays import Floats
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import UNREACHABLE
from services.dispatch.values import Ask, Promise, Stop, Vehicle, clock


@dataclass(frozen=True)
class Town:
    """Stops and vehicles, and (P, P) minutes between the stops in their order."""

    stops: tuple[Stop, ...]
    vehicles: tuple[Vehicle, ...]
    minutes: Floats

    def place(self, stop: str) -> int:
        """The stop's index. Raises `Invalid` when there is no such stop."""
        if stop in self._index:
            return self._index[stop]
        raise Invalid(f"there is no stop {stop!r} in the area; choose one of its {len(self.stops)} stops", field="stop")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {stop.id: i for i, stop in enumerate(self.stops)}

    def drive(self, ask: Ask) -> float:
        """The direct drive's minutes."""
        return float(self.minutes[self.place(ask.origin), self.place(ask.destination)])


def boarding(ask: Ask, settings: DispatchSettings) -> float:
    """Minutes that getting on (or off) takes."""
    return settings.boarding_wheelchair if ask.wheelchairs else settings.boarding


def reserve(promise: Promise, settings: DispatchSettings) -> float:
    """Minutes before the end of a promise that the plan leaves to the road; half a window at most."""
    return min(settings.reserve, (promise.pickup_until - promise.pickup_from) / 2)


def longest_ride(direct: float, settings: DispatchSettings) -> float:
    """The longest ride promised for a direct drive of so many minutes."""
    return direct * settings.ride_factor + settings.ride_extra


def check(town: Town, ask: Ask, settings: DispatchSettings) -> None:
    """Raise `Invalid` for what no plan could ever serve: which field, why, and what would do."""
    for name, stop in (("origin", ask.origin), ("destination", ask.destination)):
        closed = town.stops[town.place(stop)].closed_because
        if closed:
            raise Invalid(f"nobody gets on or off at {stop!r} now: {closed}; choose another stop near it", field=name)
    if ask.origin == ask.destination:
        raise Invalid("the ride ends where it begins; choose another stop", field="destination")
    if town.drive(ask) >= UNREACHABLE:
        raise Invalid("no open road leads there now; choose another stop, or ask for another day", field="destination")
    if ask.seats < 0 or ask.wheelchairs < 0 or ask.seats + ask.wheelchairs < 1:
        raise Invalid("at least one person must ride", field="seats")
    running = [v for v in town.vehicles if v.broken_because is None]
    if not any(v.seats >= ask.seats and v.wheelchairs >= ask.wheelchairs for v in running):
        raise Invalid(
            f"no running bus has room for {ask.seats} seats and {ask.wheelchairs} wheelchairs; split the group",
            field="seats",
        )
    if ask.arrive_by is not None:
        needed = town.drive(ask) + boarding(ask, settings)
        if ask.arrive_by - needed < ask.earliest:
            raise Invalid(
                f"the drive alone takes {needed:.0f} minutes: from {clock(ask.earliest)} the earliest arrival is "
                f"{clock(ask.earliest + needed)}; leave before {clock(ask.arrive_by - needed)}, or arrive later",
                field="arriveBy",
            )


def check_shift(vehicle: Vehicle) -> None:
    """Raise `Invalid` for a shift or breaks that no driver can keep: which field, why, and what would be right."""
    if vehicle.shift_until <= vehicle.shift_from:
        raise Invalid("the shift must end after it begins", field="shiftUntil")
    free = vehicle.shift_from
    for number, one in enumerate(vehicle.breaks):
        field = f"breaks.{number}"
        if not one.earliest <= one.latest or one.minutes <= 0:
            raise Invalid("a break lasts longer than 0 minutes, and may begin until it must", field=field)
        if one.earliest < free or one.latest + one.minutes > vehicle.shift_until:
            raise Invalid(
                f"a break begins after {clock(free)} (the shift's start, or the latest end of the break before) and "
                f"ends by {clock(vehicle.shift_until)}",
                field=field,
            )
        free = one.latest + one.minutes
