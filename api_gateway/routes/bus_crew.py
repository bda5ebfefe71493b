"""The buses on the road: the driver's tablet and the dispatcher's board."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, Body, Id, booking_form, caller_of, service_of, stop_form, time
from api_gateway.routes.bus_roads import road_form
from broker.errors import NotFound
from schemas.clock import iso
from services.dispatch.values import Report, Vehicle

if TYPE_CHECKING:
    from services.dispatch.crew import Board

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)


class ReportForm(Body):
    """What a driver says of a rider. `id` is made on the tablet: the same again counts once."""

    id: Annotated[str, Field(min_length=8, max_length=80)]
    booking: Id
    what: Literal["arrived", "boarded", "alighted", "no-show"]
    at: AwareDatetime


class Reports(Body):
    """What the tablet has kept, in order."""

    reports: list[ReportForm] = Field(min_length=1, max_length=200)


@router.get("/vehicles", summary="The buses")
async def vehicles(request: Request) -> Response:
    """For the driver to say which one they drive."""
    caller = await caller_of(request, Action.READ, "bus-driving")
    _, found = await service_of(request).town(caller.tenant)
    return answer({"vehicles": [_vehicle(vehicle) for vehicle in found]})


@router.get("/vehicles/{vehicle}/trip", summary="What a driver has to do today")
async def trip(request: Request, vehicle: str) -> Response:
    """Every stop of the day in order: who gets on or off, their needs, when it was planned and is expected."""
    caller = await caller_of(request, Action.READ, "bus-driving")
    service = service_of(request)
    today = service.days.today()
    board = await service.crew.board(caller.tenant, today)
    if vehicle not in board.expected:
        raise NotFound(f"there is no vehicle {vehicle!r}")
    stops = {stop.id: stop for stop in board.day.town.stops}
    used = {e.stop for e in board.expected[vehicle]}
    return answer(
        {
            "day": today.isoformat(),
            "vehicle": next(_vehicle(v) for v in board.day.town.vehicles if v.id == vehicle),
            "stops": {name: stop_form(stops[name]) for name in sorted(used)},
            "tasks": _tasks(board, vehicle, today),
            **_breaks(board, vehicle, today),
        }
    )


@router.post("/vehicles/{vehicle}/reports", summary="What a driver has seen")
async def report(request: Request, vehicle: str, body: Reports) -> Response:
    """Each report stands for itself and counts once; the answer says of each whether it was accepted, and why not."""
    caller = await caller_of(request, Action.WRITE, "bus-driving")
    reports = [Report(r.id, r.booking, r.what, r.at) for r in body.reports]
    heard = await service_of(request).crew.hear(caller.tenant, vehicle, reports)
    return answer({"heard": [{"id": h.id, "accepted": h.accepted, "because": h.because} for h in heard]})


@router.get("/board", summary="The day as the dispatcher sees it")
async def board(request: Request, day: date | None = None) -> Response:
    """Where every bus is, what it has to do, what is late, which stops are closed, whose promise was broken."""
    caller = await caller_of(request, Action.READ)
    service = service_of(request)
    shown = day or service.days.today()
    found = await service.crew.board(caller.tenant, shown)
    broken = [booking_form(b) for b in found.bookings.values() if b.state == "broken"]
    return answer(
        {
            "day": shown.isoformat(),
            "now": iso(service.days.now()),
            "stops": [stop_form(stop) for stop in found.day.town.stops],
            "vehicles": [
                {
                    **_vehicle(vehicle),
                    "shiftFrom": time(shown, vehicle.shift_from),
                    "shiftUntil": time(shown, vehicle.shift_until),
                    "position": _position(found, vehicle.id),
                    "tasks": _tasks(found, vehicle.id, shown),
                    **_breaks(found, vehicle.id, shown),
                }
                for vehicle in found.day.town.vehicles
            ],
            "roads": [road_form(road) for road in await service.roads(caller.tenant)],
            "moved": [
                {**booking_form(b), "name": _name(found, b.rider)} for b in found.bookings.values() if b.breaches
            ],
            "broken": [{**form, "name": _name(found, form["rider"])} for form in broken],
        }
    )


def _vehicle(vehicle: Vehicle) -> dict[str, Any]:
    return {
        "id": vehicle.id,
        "name": vehicle.name,
        "seats": vehicle.seats,
        "wheelchairs": vehicle.wheelchairs,
        "brokenBecause": vehicle.broken_because,
    }


def _breaks(board: Board, name: str, day: date) -> dict[str, Any]:
    """The driver's breaks as they are planned, and how many of them fit nowhere."""
    vehicle = next(vehicle for vehicle in board.day.town.vehicles if vehicle.id == name)
    rests = board.day.tour(name).rests
    missing = 0 if vehicle.broken_because is not None else len(vehicle.breaks) - len(rests)
    planned = [
        {
            "from": time(day, rest.at),
            "until": time(day, rest.at + vehicle.breaks[rest.number].minutes),
            "begun": rest.begun,
        }
        for rest in rests
    ]
    return {"breaks": planned, "breaksMissing": missing}


def _position(board: Board, vehicle: str) -> dict[str, Any] | None:
    place = board.positions.get(vehicle)
    if place is None:
        return None
    doubted = place.doubts > 0
    return {"longitude": place.longitude, "latitude": place.latitude, "at": iso(place.at), "doubted": doubted}


def _name(board: Board, rider: str) -> str:
    known = board.riders.get(rider)
    return known.name if known else rider


def _tasks(board: Board, vehicle: str, day: date) -> list[dict[str, Any]]:
    return [
        {
            "booking": expected.booking,
            "boards": expected.boards,
            "stop": expected.stop,
            "planned": time(day, expected.planned),
            "expected": time(day, expected.at),
            "done": None if expected.done is None else time(day, expected.done),
            "lateMinutes": round(board.late(expected), 1),
            "arrived": expected.booking in board.arrived,
            **_who(board, expected.booking),
        }
        for expected in board.expected[vehicle]
    ]


def _who(board: Board, booking: str) -> dict[str, Any]:
    known = board.bookings[booking]
    rider = board.riders.get(known.rider)
    return {
        "name": rider.name if rider else known.rider,
        "kana": rider.kana if rider else "",
        "phone": rider.phone if rider else "",
        "note": rider.note if rider else "",
        "seats": known.ask.seats,
        "wheelchairs": known.ask.wheelchairs,
        "fare": known.fare,
        "payment": known.payment,
        "state": known.state.value,
        "promisedFrom": time(known.ask.day, known.promise.pickup_from),
        "promisedUntil": time(known.ask.day, known.promise.pickup_until),
        "arriveBy": time(known.ask.day, known.promise.arrive_by),
    }
