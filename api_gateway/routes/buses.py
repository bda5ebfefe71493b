"""Demand-responsive buses: quote, book, change, cancel; and for the dispatcher stops, vehicles, plan, what goes wrong.

Bookings are personal data: these routes ask for the scopes buses:read and buses:write and are no part of the open data.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from pydantic import Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import (
    PREFIX,
    Body,
    Id,
    Minute,
    Offer,
    Ride,
    Trouble,
    anew_form,
    ask_of,
    booking_form,
    caller_of,
    located_form,
    offer_form,
    promise_of,
    service_of,
    stop_form,
    time,
)
from broker.errors import Conflict, Invalid
from services.dispatch.values import Booking, Break, Stop, Tour, Vehicle, Wish

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)

_Key = Annotated[str | None, Header(max_length=200)]
Payment = Literal["cash", "points"]
TWICE = "book it although the rider has the very same ride already (for staff)"


class NewBooking(Body):
    """The ride, the offer chosen, and the rider: one of the city's riders, or the caller's own reference."""

    ride: Ride
    offer: Offer
    rider: Id
    payment: Payment = "cash"
    twice: bool = Field(default=False, description=TWICE)


class Change(Body):
    """Another ride in place of the one booked."""

    ride: Ride
    offer: Offer
    twice: bool = Field(default=False, description=TWICE)


class Part(Body):
    """One ride of a journey. Without an `offer` the first that is free is taken."""

    ride: Ride
    offer: Offer | None = None


class Journey(Body):
    """Rides that are booked together or not at all (there and back), once or again on `weekdays` (1: Monday) …"""

    rides: list[Part] = Field(min_length=1, max_length=4)
    rider: Id
    payment: Payment = "cash"
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default=[], max_length=7)
    until: date | None = Field(default=None, description="… until this day, with `weekdays`")
    twice: bool = Field(default=False, description=TWICE)


class NewStop(Body):
    """A place to get on and off."""

    name: Id
    longitude: float = Field(ge=-180, le=180)
    latitude: float = Field(ge=-90, le=90)


class NewBreak(Body):
    """A driver's break at the depot: it begins within `earliest` … `latest` and lasts `minutes`."""

    earliest: Minute
    latest: Minute
    minutes: float = Field(gt=0, le=480)


class NewVehicle(Body):
    """A bus, its driver's shift and breaks, in their order."""

    name: Id
    seats: int = Field(ge=0, le=100)
    wheelchairs: int = Field(ge=0, le=20)
    depot: Id
    shift_from: Minute
    shift_until: Minute
    breaks: list[NewBreak] = Field(default=[], max_length=8)


@router.post("/quotes", summary="Pickup windows that could be promised")
async def quote(request: Request, ride: Ride, rider: str | None = None) -> Response:
    """Nothing is held. 409 when no bus has room; 400 names the field and what would do. `rider` decides the fare."""
    caller = await caller_of(request, Action.READ)
    return answer(await quoted(request, caller.tenant, ride, rider))


async def quoted(request: Request, tenant: str, ride: Ride, rider: str | None) -> dict[str, Any]:
    """The offers for a ride, with what each costs; and where to wait or get off for ends that are places."""
    (ask, located), desk = await ask_of(request, tenant, ride), service_of(request).desk
    promises = await desk.quote(tenant, ask)
    fares = await desk.price(tenant, ask, promises, rider)
    offers = [{**offer_form(ask.day, p), "fare": yen} for p, yen in zip(promises, fares, strict=True)]
    return {"offers": offers, **{end: located_form(found) for end, found in located.items()}}


@router.post("/bookings", summary="Book an offer", status_code=201)
async def book(request: Request, body: NewBooking, idempotency_key: _Key = None) -> Response:
    """The promise holds once this is answered. The same Idempotency-Key again is the same booking. 409 with `existing`
    names the rider's booking of the very same ride; another number of people makes it another ride."""
    caller = await caller_of(request, Action.WRITE)
    ask, _ = await ask_of(request, caller.tenant, body.ride)
    key = f"{caller.subject.id}:{idempotency_key}" if idempotency_key else None
    promise = promise_of(ask.day, body.offer)
    made = await service_of(request).desk.book(
        caller.tenant, ask, promise, body.rider, asked_as=key, payment=body.payment, twice=body.twice
    )
    return answer(booking_form(made), 201)


@router.post("/journeys", summary="Book rides together, once or every week", status_code=201)
async def arrange(request: Request, body: Journey, idempotency_key: Annotated[str, Header(max_length=200)]) -> Response:
    """All rides of a day or none. Of a weekly journey each day stands for itself, with its bookings or why there are
    none; the same Idempotency-Key again tries only those that failed."""
    caller = await caller_of(request, Action.WRITE)
    return answer(
        await arranged(request, caller.tenant, body, body.rider, f"{caller.subject.id}:{idempotency_key}"), 201
    )


async def arranged(request: Request, tenant: str, body: Journey, rider: str, series: str) -> dict[str, Any]:
    """Book a journey for a rider."""
    service, asks = service_of(request), [(await ask_of(request, tenant, part.ride))[0] for part in body.rides]
    wishes = [
        Wish(ask, None if part.offer is None else promise_of(ask.day, part.offer), body.payment, body.twice)
        for ask, part in zip(asks, body.rides, strict=True)
    ]
    if body.until is None or not body.weekdays:
        if body.until is not None or body.weekdays:
            raise Invalid("weekdays and until belong together", field="until")
        made = await service.desk.arrange(tenant, wishes, rider, series=series)
        return {"days": {made[0].ask.day.isoformat(): {"bookings": [booking_form(b) for b in made]}}}
    chosen = frozenset(number - 1 for number in body.weekdays)
    days = await service.repeat(tenant, wishes, rider, chosen, body.until, series=series)
    return {"days": {day.isoformat(): _outcome(made) for day, made in days.items()}}


def _outcome(made: list[Booking] | Conflict | Invalid) -> dict[str, Any]:
    if isinstance(made, list):
        return {"bookings": [booking_form(b) for b in made]}
    named = {} if isinstance(made, Invalid) or made.existing is None else {"existing": made.existing}
    return {"because": str(made), **named}


@router.put("/bookings/{booking}", summary="Change a booking to another offer")
async def change(request: Request, booking: str, body: Change) -> Response:
    """The old booking ends and the new one begins, or nothing changes. The answer has the new booking's id."""
    caller = await caller_of(request, Action.WRITE)
    return answer(await changed(request, caller.tenant, booking, body))


async def changed(request: Request, tenant: str, booking: str, body: Change) -> dict[str, Any]:
    """Change a booking; the new one."""
    (ask, _), desk = await ask_of(request, tenant, body.ride), service_of(request).desk
    made = await desk.change(tenant, booking, ask, promise_of(ask.day, body.offer), twice=body.twice)
    return booking_form(made)


@router.delete("/bookings/{booking}", summary="Cancel a booking", status_code=204)
async def cancel(request: Request, booking: str) -> Response:
    """Again is no error. 409 once the bus is on its way."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).desk.cancel(caller.tenant, booking)
    return Response(status_code=204)


@router.get("/plan", summary="Who drives what, by vehicle")
async def plan(request: Request, day: date) -> Response:
    """`fixed` stops are done or being driven to."""
    caller = await caller_of(request, Action.READ)
    tours = await service_of(request).desk.plan(caller.tenant, day)
    return answer({"day": day.isoformat(), "vehicles": {name: _tour(day, tour) for name, tour in tours.items()}})


@router.get("/stops", summary="Where riders get on and off")
async def get_stops(request: Request) -> Response:
    """Open data: anyone may know where the buses stop, and which stops are closed."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    stops, _ = await service_of(request).town(caller.tenant)
    return answer({"stops": [stop_form(stop) for stop in stops]})


@router.put("/stops/{stop}", summary="Add a stop, or open it again", status_code=204)
async def put_stop(request: Request, stop: str, body: NewStop) -> Response:
    """Where riders get on and off."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).desk.set_stop(caller.tenant, Stop(stop, body.name, body.longitude, body.latitude))
    return Response(status_code=204)


@router.put("/vehicles/{vehicle}", summary="Add a vehicle, or say that it runs again", status_code=204)
async def put_vehicle(request: Request, vehicle: str, body: NewVehicle) -> Response:
    """Its room and its driver's shift."""
    caller = await caller_of(request, Action.WRITE)
    breaks = tuple(Break(**one.model_dump()) for one in body.breaks)
    made = Vehicle(id=vehicle, **body.model_dump(exclude={"breaks"}), breaks=breaks)
    await service_of(request).desk.set_vehicle(caller.tenant, made)
    return Response(status_code=204)


@router.post("/vehicles/{vehicle}/breakdown", summary="A vehicle drives no further")
async def breakdown(request: Request, vehicle: str, body: Trouble) -> Response:
    """Everybody is planned anew; the answer has those whose promise is broken or moved, who are told at once."""
    caller = await caller_of(request, Action.WRITE)
    anew = await service_of(request).desk.report_breakdown(caller.tenant, body.day, vehicle, body.because)
    return answer(anew_form(anew))


@router.post("/stops/{stop}/closure", summary="Nobody gets on or off at a stop any more")
async def closure(request: Request, stop: str, body: Trouble) -> Response:
    """As for a breakdown."""
    caller = await caller_of(request, Action.WRITE)
    anew = await service_of(request).desk.close_stop(caller.tenant, body.day, stop, body.because)
    return answer(anew_form(anew))


@router.delete("/stops/{stop}/closure", summary="Open a stop again", status_code=204)
async def opening(request: Request, stop: str) -> Response:
    """Riders get on and off there again."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).desk.open_stop(caller.tenant, stop)
    return Response(status_code=204)


def _tour(day: date, tour: Tour) -> dict[str, Any]:
    stops = [{"booking": s.booking, "boards": s.boards, "at": time(day, s.at)} for s in tour.stops]
    return {"fixed": tour.fixed, "stops": stops}
