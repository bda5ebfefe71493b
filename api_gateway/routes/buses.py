"""Demand-responsive buses: quote, book, change, cancel; and for the dispatcher stops, vehicles, plan, what goes wrong.

Bookings are personal data: these routes ask for the scopes buses:read and buses:write and are no part of the open data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from access.policy import Action
from api_gateway.auth import Caller, gate_of
from api_gateway.context import BusDesk, gateway_of
from api_gateway.openapi import PROBLEMS
from schemas.clock import JST, iso
from services.dispatch.values import Ask, Booking, Promise, Stop, Tour, Vehicle

router = APIRouter(prefix="/api/v1/buses", tags=["buses"], responses=PROBLEMS)

_Id = Annotated[str, Field(min_length=1, max_length=100)]
_Why = Annotated[str, Field(min_length=1, max_length=500)]
_Minute = Annotated[float, Field(ge=0, lt=1800, description="minutes after midnight in Japan")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Ride(_Body):
    """What a rider wants. `earliest` decides the day, in Japan's time."""

    origin: _Id
    destination: _Id
    earliest: AwareDatetime
    seats: int = Field(default=1, ge=0, le=50)
    wheelchairs: int = Field(default=0, ge=0, le=20)
    arrive_by: AwareDatetime | None = None


class Offer(_Body):
    """One of a quote's offers, as it was given."""

    pickup_from: AwareDatetime
    pickup_until: AwareDatetime
    arrive_by: AwareDatetime


class NewBooking(_Body):
    """The ride, the offer chosen, and the caller's own reference to the rider."""

    ride: Ride
    offer: Offer
    rider: _Id


class Change(_Body):
    ride: Ride
    offer: Offer


class NewStop(_Body):
    name: _Id
    longitude: float = Field(ge=-180, le=180)
    latitude: float = Field(ge=-90, le=90)


class NewVehicle(_Body):
    name: _Id
    seats: int = Field(ge=0, le=100)
    wheelchairs: int = Field(ge=0, le=20)
    depot: _Id
    shift_from: _Minute
    shift_until: _Minute


class Trouble(_Body):
    day: date
    because: _Why


@router.post("/quotes", summary="Pickup windows that could be promised")
async def quote(request: Request, ride: Ride) -> Response:
    """Nothing is held. 409 when no bus has room; 400 names the field and what would do."""
    caller = await _caller(request, Action.READ)
    ask = _ask(ride)
    offers = await _desk(request).quote(caller.tenant, ask)
    return _json({"offers": [_offer(ask.day, offer) for offer in offers]})


@router.post("/bookings", summary="Book an offer", status_code=201)
async def book(
    request: Request, body: NewBooking, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """The promise holds once this is answered. The same Idempotency-Key again is the same booking."""
    caller = await _caller(request, Action.WRITE)
    ask = _ask(body.ride)
    key = f"{caller.subject.id}:{idempotency_key}" if idempotency_key else None
    made = await _desk(request).book(caller.tenant, ask, _promise(ask.day, body.offer), body.rider, asked_as=key)
    return _json(_booking(made), 201)


@router.put("/bookings/{booking}", summary="Change a booking to another offer")
async def change(request: Request, booking: str, body: Change) -> Response:
    """The old booking ends and the new one begins, or nothing changes. The answer has the new booking's id."""
    caller = await _caller(request, Action.WRITE)
    ask = _ask(body.ride)
    return _json(_booking(await _desk(request).change(caller.tenant, booking, ask, _promise(ask.day, body.offer))))


@router.delete("/bookings/{booking}", summary="Cancel a booking", status_code=204)
async def cancel(request: Request, booking: str) -> Response:
    """Again is no error. 409 once the bus is on its way."""
    caller = await _caller(request, Action.WRITE)
    await _desk(request).cancel(caller.tenant, booking)
    return Response(status_code=204)


@router.get("/plan", summary="Who drives what, by vehicle")
async def plan(request: Request, day: date) -> Response:
    """`fixed` stops are done or being driven to."""
    caller = await _caller(request, Action.READ)
    tours = await _desk(request).plan(caller.tenant, day)
    return _json({"day": day.isoformat(), "vehicles": {name: _tour(day, tour) for name, tour in tours.items()}})


@router.put("/stops/{stop}", summary="Add a stop, or open it again", status_code=204)
async def put_stop(request: Request, stop: str, body: NewStop) -> Response:
    """Where riders get on and off."""
    caller = await _caller(request, Action.WRITE)
    await _desk(request).set_stop(caller.tenant, Stop(stop, body.name, body.longitude, body.latitude))
    return Response(status_code=204)


@router.put("/vehicles/{vehicle}", summary="Add a vehicle, or say that it runs again", status_code=204)
async def put_vehicle(request: Request, vehicle: str, body: NewVehicle) -> Response:
    """Its room and its driver's shift."""
    caller = await _caller(request, Action.WRITE)
    await _desk(request).set_vehicle(caller.tenant, Vehicle(id=vehicle, **body.model_dump()))
    return Response(status_code=204)


@router.post("/vehicles/{vehicle}/breakdown", summary="A vehicle drives no further")
async def breakdown(request: Request, vehicle: str, body: Trouble) -> Response:
    """Everybody is planned anew; the answer has those whose promise is broken, to be told at once."""
    caller = await _caller(request, Action.WRITE)
    lost = await _desk(request).report_breakdown(caller.tenant, body.day, vehicle, body.because)
    return _json({"broken": [_booking(booking) for booking in lost]})


@router.post("/stops/{stop}/closure", summary="Nobody gets on or off at a stop any more")
async def closure(request: Request, stop: str, body: Trouble) -> Response:
    """As for a breakdown."""
    caller = await _caller(request, Action.WRITE)
    lost = await _desk(request).close_stop(caller.tenant, body.day, stop, body.because)
    return _json({"broken": [_booking(booking) for booking in lost]})


def _desk(request: Request) -> BusDesk:
    desk = gateway_of(request).buses
    assert desk is not None, "the buses' routes exist only with a booking desk"
    return desk


async def _caller(request: Request, action: Action) -> Caller:
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, "service:buses")
    return caller


def _json(body: Mapping[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


def _ask(ride: Ride) -> Ask:
    day = ride.earliest.astimezone(JST).date()
    arrive_by = None if ride.arrive_by is None else _minute(day, ride.arrive_by)
    return Ask(day, ride.origin, ride.destination, _minute(day, ride.earliest), ride.seats, ride.wheelchairs, arrive_by)


def _promise(day: date, offer: Offer) -> Promise:
    return Promise(*(_minute(day, at) for at in (offer.pickup_from, offer.pickup_until, offer.arrive_by)))


def _offer(day: date, promise: Promise) -> dict[str, str]:
    return {to_camel(name): _time(day, minute) for name, minute in asdict(promise).items()}


def _booking(booking: Booking) -> dict[str, Any]:
    ask = booking.ask
    return {
        "id": booking.id,
        "rider": booking.rider,
        "origin": ask.origin,
        "destination": ask.destination,
        "seats": ask.seats,
        "wheelchairs": ask.wheelchairs,
        "promise": _offer(ask.day, booking.promise),
        "state": booking.state.value,
    }


def _tour(day: date, tour: Tour) -> dict[str, Any]:
    stops = [{"booking": s.booking, "boards": s.boards, "at": _time(day, s.at)} for s in tour.stops]
    return {"fixed": tour.fixed, "stops": stops}


def _minute(day: date, at: datetime) -> float:
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return (at - midnight) / timedelta(minutes=1)


def _time(day: date, minute: float) -> str:
    """To the microsecond, so that an offer sent back is the offer given."""
    return iso(datetime(day.year, day.month, day.day, tzinfo=JST) + timedelta(minutes=minute))
