"""Stops, vehicles, what a rider asks, what is promised. Minutes count from midnight in Japan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


@dataclass(frozen=True)
class Stop:
    """A place (乗降場所) where riders get on and off."""

    id: str
    name: str
    longitude: float
    latitude: float
    closed_because: str | None = None


@dataclass(frozen=True)
class Vehicle:
    """A bus, its room and its driver's shift. `broken_because`: it drives no further today."""

    id: str
    name: str
    seats: int
    wheelchairs: int
    depot: str
    shift_from: float
    shift_until: float
    broken_because: str | None = None


@dataclass(frozen=True)
class Ask:
    """What a rider wants: to be fetched at `earliest` or later, and to be there by `arrive_by` if that matters."""

    day: date
    origin: str
    destination: str
    earliest: float
    seats: int = 1
    wheelchairs: int = 0
    arrive_by: float | None = None


@dataclass(frozen=True)
class Promise:
    """What the city keeps: the bus is there between `pickup_from` and `pickup_until`, and arrives by `arrive_by`."""

    pickup_from: float
    pickup_until: float
    arrive_by: float


class BookingState(StrEnum):
    """A promise is broken only by a recorded breakdown or closure."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"
    BROKEN = "broken"


@dataclass(frozen=True)
class Booking:
    """A ride promised to somebody. `rider` is the caller's own reference to the person."""

    id: str
    rider: str
    ask: Ask
    promise: Promise
    state: BookingState = BookingState.BOOKED
    broken_because: str | None = None


@dataclass(frozen=True)
class StopTime:
    """A planned stop of a vehicle: for whom, getting on (False: off), and the planned start of service."""

    booking: str
    boards: bool
    at: float


@dataclass(frozen=True)
class Tour:
    """A vehicle's day: it leaves its depot at `left`; its first `fixed` stops are done or being driven to."""

    left: float
    fixed: int
    stops: tuple[StopTime, ...]
