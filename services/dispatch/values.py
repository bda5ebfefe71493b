"""Stops, vehicles, what a rider asks, what is promised. Minutes count from midnight in Japan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.river import Stage


@dataclass(frozen=True)
class Stop:
    """A place (乗降場所) where riders get on and off. `closed_by`: the gauge that closed it, or the
    closed road that it stands on; None for a person. `zone`: it is a place of somebody's own in this zone.
    """

    id: str
    name: str
    longitude: float
    latitude: float
    closed_because: str | None = None
    closed_by: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Break:
    """A driver's break 休憩: `minutes` at the depot with nobody on board, begun within `earliest` … `latest`."""

    earliest: float
    latest: float
    minutes: float


@dataclass(frozen=True)
class Vehicle:
    """A bus, its room, its driver's shift and `breaks`. `broken_because`: it drives no further today."""

    id: str
    name: str
    seats: int
    wheelchairs: int
    depot: str
    shift_from: float
    shift_until: float
    broken_because: str | None = None
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True)
class Ask:
    """What a rider wants: to be fetched at `earliest` or later, and to be there by `arrive_by` if that matters.

    `places` are those of origin and destination that are no stops, but places of the rider's own.
    """

    day: date
    origin: str
    destination: str
    earliest: float
    seats: int = 1
    wheelchairs: int = 0
    arrive_by: float | None = None
    places: tuple[Stop, ...] = ()


@dataclass(frozen=True)
class Promise:
    """What the city keeps: the bus is there between `pickup_from` and `pickup_until`, and arrives by `arrive_by`."""

    pickup_from: float
    pickup_until: float
    arrive_by: float


@dataclass(frozen=True)
class Breach:
    """A promise that could not be kept, because of which recorded breakdown or closure, and since when that is known.

    What was promised instead is the booking's promise.
    """

    promise: Promise
    because: str
    at: datetime


class BookingState(StrEnum):
    """A promise is broken only by a recorded breakdown or closure."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"
    BROKEN = "broken"


@dataclass(frozen=True)
class Booking:
    """A ride promised to somebody. `rider` is a rider's id, or the caller's own reference to the person.

    `fare` is yen for all who ride, `direct` the minutes of the direct drive when it was booked; `series` joins what one
    request booked. `vehicle`, `boarded_at` and `alighted_at` are what the driver reported. `breaches` are earlier
    promises of this ride that were broken, the first one first.
    """

    id: str
    rider: str
    ask: Ask
    promise: Promise
    state: BookingState = BookingState.BOOKED
    broken_because: str | None = None
    fare: int = 0
    payment: str = "cash"
    direct: float = 0.0
    series: str | None = None
    vehicle: str | None = None
    boarded_at: datetime | None = None
    alighted_at: datetime | None = None
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True)
class Wish:
    """A ride to be booked: at the `promise` that a quote gave, or (None) at the first that is free.

    `twice`: staff know that the rider has the very same ride already, and mean it.
    """

    ask: Ask
    promise: Promise | None = None
    payment: str = "cash"
    twice: bool = False


@dataclass(frozen=True)
class StopTime:
    """A planned stop of a vehicle: for whom, getting on (False: off), and the planned start of service."""

    booking: str
    boards: bool
    at: float


@dataclass(frozen=True)
class Rest:
    """When the driver's break begins, the vehicle's `number`-th; `begun`: it is had, or the bus drives to it."""

    number: int
    at: float
    begun: bool = False


@dataclass(frozen=True)
class Tour:
    """A vehicle's day: it leaves its depot at `left`; its first `fixed` stops are done or being driven to.

    The `rests` lie between the stops by their times.
    """

    left: float
    fixed: int
    stops: tuple[StopTime, ...]
    rests: tuple[Rest, ...] = ()

    def had(self, rest: Rest) -> bool:
        """Whether the rest is over, or the bus drives to it: also where a stop behind it is done."""
        return rest.begun or self._made(rest) < self.fixed

    def before(self, rest: Rest) -> int:
        """How many of the stops the vehicle makes before that rest."""
        made = self._made(rest)
        return min(made, self.fixed) if self.had(rest) else max(made, self.fixed)

    def _made(self, rest: Rest) -> int:
        return sum(stop.at <= rest.at for stop in self.stops)


@dataclass(frozen=True)
class Report:
    """What a driver says of a rider: `arrived` at the stop, `boarded`, `alighted` or `no-show`, and when."""

    id: str
    booking: str
    what: str
    at: datetime


@dataclass(frozen=True)
class Heard:
    """What became of a report: accepted (now or before), or why it was not."""

    id: str
    accepted: bool
    because: str = ""


@dataclass(frozen=True)
class ClosureRule:
    """`stops` and `roads` close while the gauge (its FloodMonitoring entity) stands at `stage` or above.

    `now` is its last stage.
    """

    gauge: str
    stage: Stage
    stops: tuple[str, ...]
    now: Stage = Stage.UNKNOWN
    roads: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether they are to be closed."""
        return self.now.rank >= self.stage.rank


def clock(minutes: float) -> str:
    """Minutes after midnight as people write them."""
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}"


@dataclass(frozen=True)
class Appointment:
    """What a clinic tells: who (a rider's id) comes to which stop, from when until when. `cancelled`: nobody comes.

    `home` is where the rider is fetched from and brought to; the rider's usual stop if it is not given.
    """

    rider: str
    stop: str
    at: datetime
    until: datetime
    home: str | None = None
    cancelled: bool = False
