"""The buses' riders: found by telephone number at the operator's desk, and on the rider's own page."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.auth import Caller
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import (
    PREFIX,
    Body,
    Id,
    Ride,
    booking_form,
    caller_of,
    service_of,
    stop_form,
    time,
)
from api_gateway.routes.buses import Change, Journey, arranged, changed, quoted
from broker.errors import Conflict, Forbidden, NotFound
from schemas.clock import iso
from services.dispatch.people import Rider, digits
from services.dispatch.values import Booking

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)


class RiderForm(Body):
    """What is known of a rider. `home` is the stop that they usually ride from."""

    name: Id
    kana: str = Field(default="", max_length=100)
    phone: str = Field(default="", max_length=30, pattern=r"^[0-9０-９+()\- ‐－ー]*$")
    mail: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    wheelchairs: int = Field(default=0, ge=0, le=5)
    home: Id | None = None
    member: bool = False
    note: str = Field(default="", max_length=500)


class OwnForm(Body):
    """What a rider says of themselves; whether they are members the operator says."""

    name: Id
    phone: str = Field(min_length=9, max_length=30, pattern=r"^[0-9０-９+()\- ‐－ー]*$")
    mail: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    wheelchairs: int = Field(default=0, ge=0, le=5)
    home: Id | None = None


@router.get("/riders", summary="Riders by telephone number")
async def find_riders(request: Request, phone: Annotated[str, Query(max_length=30)]) -> Response:
    """Those whose number begins so: three digits or more, written in any way."""
    caller = await caller_of(request, Action.READ)
    found = await service_of(request).riders(caller.tenant, phone)
    return answer({"riders": [rider_form(rider) for rider in found]})


@router.post("/riders", summary="Add a rider", status_code=201)
async def add_rider(request: Request, body: RiderForm) -> Response:
    """A new caller."""
    caller = await caller_of(request, Action.WRITE)
    rider = _rider(uuid4().hex, body)
    await service_of(request).save_rider(caller.tenant, rider)
    return answer(rider_form(rider), 201)


@router.put("/riders/{rider}", summary="Change what is known of a rider")
async def put_rider(request: Request, rider: str, body: RiderForm) -> Response:
    """Everything but the rider's account."""
    caller = await caller_of(request, Action.WRITE)
    known = await service_of(request).rider(caller.tenant, rider)
    changed = replace(_rider(rider, body), account=known.account)
    await service_of(request).save_rider(caller.tenant, changed)
    return answer(rider_form(changed))


@router.get("/riders/{rider}/bookings", summary="A rider's bookings")
async def riders_bookings(request: Request, rider: str) -> Response:
    """From yesterday on; and `places`: those of their own, in zones, that they rode from or to within a year."""
    caller = await caller_of(request, Action.READ)
    service = service_of(request)
    found = await service.bookings_of(caller.tenant, rider)
    places = await service.places_of(caller.tenant, rider)
    return answer({"bookings": [booking_form(b) for b in found], "places": [stop_form(place) for place in places]})


@router.get("/calls", summary="Whom to ring")
async def calls(request: Request) -> Response:
    """Riders without mail whose bus is late or does not come."""
    caller = await caller_of(request, Action.READ)
    found = await service_of(request).calls(caller.tenant)
    return answer({"calls": [{**row, "at": iso(row["at"])} for row in found]})


@router.post("/calls/{notice}/done", summary="Somebody has rung", status_code=204)
async def called(request: Request, notice: str) -> Response:
    """Again is no error."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).called(caller.tenant, notice, caller.subject.id)
    return Response(status_code=204)


@router.get("/me", summary="Myself as a rider")
async def me(request: Request) -> Response:
    """My details, my bookings with when the bus is expected, what I was told, and the places of my own, in zones, that
    I rode from or to within a year. `rider` is null before I said who I am."""
    caller = await _person(request, Action.READ)
    service = service_of(request)
    rider = await service.rider_of(caller.tenant, caller.subject.id)
    if rider is None:
        return answer({"rider": None, "bookings": [], "told": [], "places": []})
    bookings = await service.bookings_of(caller.tenant, rider.id)
    expected = await _expected(request, caller.tenant, bookings)
    told = await service.told(caller.tenant, rider.id)
    return answer(
        {
            "rider": rider_form(rider),
            "bookings": [{**booking_form(b), **expected.get(b.id, {})} for b in bookings],
            "told": [{**row, "at": iso(row["at"])} for row in told],
            "places": [stop_form(place) for place in await service.places_of(caller.tenant, rider.id)],
        }
    )


@router.put("/me", summary="Say who I am")
async def put_me(request: Request, body: OwnForm) -> Response:
    """A person who rode by telephone before is joined with that rider by the operator, not by claiming a number."""
    caller = await _person(request, Action.WRITE)
    service = service_of(request)
    known = await service.rider_of(caller.tenant, caller.subject.id)
    rider = known or Rider(uuid4().hex, body.name, account=caller.subject.id)
    changed = replace(rider, **{**body.model_dump(), "phone": digits(body.phone)})
    await service.save_rider(caller.tenant, changed)
    return answer(rider_form(changed))


@router.post("/me/quotes", summary="Pickup windows that I could be promised")
async def my_quote(request: Request, ride: Ride) -> Response:
    """As for operators, at my fare."""
    caller, rider = await _rider_of(request, Action.READ)
    return answer(await quoted(request, caller.tenant, ride, rider.id))


class OwnJourney(Journey):
    """A journey of my own: the rider is who asks."""

    rider: Id = "me"
    twice: Literal[False] = Field(default=False, description="the operator may book the very same ride again")


class OwnChange(Change):
    """Another ride of my own in place of one."""

    twice: Literal[False] = Field(default=False, description="the operator may book the very same ride again")


@router.post("/me/journeys", summary="Book my rides together", status_code=201)
async def my_journey(
    request: Request, body: OwnJourney, idempotency_key: Annotated[str, Header(max_length=200)]
) -> Response:
    """The same Idempotency-Key again is the same journey."""
    caller, rider = await _rider_of(request, Action.WRITE)
    return answer(await arranged(request, caller.tenant, body, rider.id, f"{caller.subject.id}:{idempotency_key}"), 201)


@router.put("/me/bookings/{booking}", summary="Change my booking to another offer")
async def my_change(request: Request, booking: str, body: OwnChange) -> Response:
    """The old booking ends and the new one begins, or nothing changes."""
    caller, rider = await _rider_of(request, Action.WRITE)
    await _mine(request, caller, rider, booking)
    return answer(await changed(request, caller.tenant, booking, body))


@router.delete("/me/bookings/{booking}", summary="Cancel my booking", status_code=204)
async def my_cancel(request: Request, booking: str) -> Response:
    """Again is no error. 409 once the bus is on its way."""
    caller, rider = await _rider_of(request, Action.WRITE)
    await _mine(request, caller, rider, booking)
    await service_of(request).desk.cancel(caller.tenant, booking)
    return Response(status_code=204)


async def _mine(request: Request, caller: Caller, rider: Rider, booking: str) -> None:
    """Raises `NotFound` for what somebody else booked, as for what nobody did."""
    if (await service_of(request).booking(caller.tenant, booking)).rider != rider.id:
        raise NotFound(f"there is no booking {booking!r}")


async def _person(request: Request, action: Action) -> Caller:
    caller = await caller_of(request, action, "bus-rides")
    if caller.subject.kind != "person":
        raise Forbidden("only a person has rides of their own; apps use the operators' routes")
    return caller


async def _rider_of(request: Request, action: Action) -> tuple[Caller, Rider]:
    caller = await _person(request, action)
    rider = await service_of(request).rider_of(caller.tenant, caller.subject.id)
    if rider is None:
        raise Conflict("say first who you are: name and telephone number")
    return caller, rider


async def _expected(request: Request, tenant: str, bookings: list[Booking]) -> dict[str, dict[str, Any]]:
    """When the bus is expected at both ends of today's rides, and which bus it is."""
    service = service_of(request)
    today = service.days.today()
    mine = {b.id for b in bookings if b.ask.day == today and b.state == "booked" and b.alighted_at is None}
    if not mine:
        return {}
    board = await service.crew.board(tenant, today)
    names = {vehicle.id: vehicle.name for vehicle in board.day.town.vehicles}
    found: dict[str, dict[str, Any]] = {}
    for vehicle, stops in board.expected.items():
        for stop in stops:
            if stop.booking in mine:
                known = found.setdefault(stop.booking, {"vehicle": names[vehicle]})
                known["pickupExpected" if stop.boards else "arrivalExpected"] = time(today, stop.at)
    return found


def _rider(rider: str, body: RiderForm) -> Rider:
    return Rider(rider, **{**body.model_dump(), "phone": digits(body.phone)})


def rider_form(rider: Rider) -> dict[str, Any]:
    """A rider without the account."""
    return {name: value for name, value in asdict(rider).items() if name != "account"}
