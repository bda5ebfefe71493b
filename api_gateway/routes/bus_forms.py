"""How rides, bookings and boards look outside, and who may ask: shared by all of the buses' routes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from access.policy import Action
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from schemas.clock import JST, iso
from services.dispatch.values import Ask, Booking, Promise, Stop

if TYPE_CHECKING:
    from services.dispatch.reroute import Anew
    from services.dispatch.service import BusService
    from services.dispatch.zones import Located

PREFIX = "/api/v1/buses"
Id = Annotated[str, Field(min_length=1, max_length=100)]
Why = Annotated[str, Field(min_length=1, max_length=500)]
Minute = Annotated[float, Field(ge=0, lt=1800, description="minutes after midnight in Japan")]


class Body(BaseModel):
    """What every body of these routes is like."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Place(Body):
    """Anywhere in a zone."""

    longitude: float = Field(ge=-180, le=180)
    latitude: float = Field(ge=-90, le=90)


class Ride(Body):
    """What a rider wants, from and to stops or places in zones. `earliest` decides the day, in Japan's time."""

    origin: Id | Place
    destination: Id | Place
    earliest: AwareDatetime
    seats: int = Field(default=1, ge=0, le=50)
    wheelchairs: int = Field(default=0, ge=0, le=20)
    arrive_by: AwareDatetime | None = None


class Offer(Body):
    """One of a quote's offers, as it was given."""

    pickup_from: AwareDatetime
    pickup_until: AwareDatetime
    arrive_by: AwareDatetime
    fare: int = 0


class Trouble(Body):
    """What went wrong, on which day."""

    day: date
    because: Why


def service_of(request: Request) -> BusService:
    """The city's buses."""
    buses = gateway_of(request).buses
    assert buses is not None, "the buses' routes exist only where the city runs buses"
    return buses


async def caller_of(request: Request, action: Action, service: str = "buses") -> Caller:
    """Who asks. Raises unless they may do so."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, f"service:{service}")
    return caller


async def ask_of(request: Request, tenant: str, ride: Ride) -> tuple[Ask, dict[str, Located]]:
    """The ride in minutes of its day, between stops; and where people get on and off for ends that are places."""
    day = ride.earliest.astimezone(JST).date()
    arrive_by = None if ride.arrive_by is None else minute(day, ride.arrive_by)
    ends = (ride.origin, ride.destination)
    origin, destination = ("" if isinstance(end, Place) else end for end in ends)
    ask = Ask(day, origin, destination, minute(day, ride.earliest), ride.seats, ride.wheelchairs, arrive_by)
    places = ((end.longitude, end.latitude) if isinstance(end, Place) else None for end in ends)
    return await service_of(request).area.located(tenant, ask, *places)


def promise_of(day: date, offer: Offer) -> Promise:
    """The offer in minutes of its day."""
    return Promise(*(minute(day, at) for at in (offer.pickup_from, offer.pickup_until, offer.arrive_by)))


def offer_form(day: date, promise: Promise) -> dict[str, Any]:
    """A promise with times."""
    return {to_camel(name): time(day, value) for name, value in asdict(promise).items()}


def located_form(located: Located) -> dict[str, Any]:
    """Where to wait or to get off for a place that was asked for: a stop some metres away, or the place itself."""
    stop = located.stop
    where = {"id": stop.id, "name": stop.name, "longitude": stop.longitude, "latitude": stop.latitude}
    return {**where, "door": stop.zone is not None, "metres": round(located.metres)}


def booking_form(booking: Booking) -> dict[str, Any]:
    """A booking as its rider and the operators see it."""
    ask = booking.ask
    return {
        "id": booking.id,
        "rider": booking.rider,
        "origin": ask.origin,
        "destination": ask.destination,
        "seats": ask.seats,
        "wheelchairs": ask.wheelchairs,
        "promise": offer_form(ask.day, booking.promise),
        "state": booking.state.value,
        "because": booking.broken_because,
        "fare": booking.fare,
        "payment": booking.payment,
        "series": booking.series,
        "breaches": [
            {"promise": offer_form(ask.day, b.promise), "because": b.because, "at": iso(b.at)} for b in booking.breaches
        ],
        "boardedAt": booking.boarded_at and iso(booking.boarded_at),
        "alightedAt": booking.alighted_at and iso(booking.alighted_at),
    }


def stop_form(stop: Stop) -> dict[str, Any]:
    """A stop, with why it is closed."""
    return {
        "id": stop.id,
        "name": stop.name,
        "longitude": stop.longitude,
        "latitude": stop.latitude,
        "closedBecause": stop.closed_because,
        "closedBy": stop.closed_by,
    }


def anew_form(anew: Anew) -> dict[str, Any]:
    """Whose promise is broken, and who is promised another ride."""
    return {name: [booking_form(b) for b in found] for name, found in (("broken", anew.broken), ("moved", anew.moved))}


def minute(day: date, at: datetime) -> float:
    """Minutes from the day's midnight in Japan."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return (at - midnight) / timedelta(minutes=1)


def time(day: date, minutes: float) -> str:
    """To the microsecond, so that an offer sent back is the offer given."""
    return iso(datetime(day.year, day.month, day.day, tzinfo=JST) + timedelta(minutes=minutes))
