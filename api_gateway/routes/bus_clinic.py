"""Appointments of clinics, which make, move and cancel the rides there and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, Body, Id, booking_form, caller_of, service_of
from services.dispatch.values import Appointment

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)

_Name = Annotated[str, Path(min_length=1, max_length=100)]


class AppointmentForm(Body):
    """The appointment as it stands now. `rider` is the buses' id of the patient, `stop` where they get off."""

    rider: Id
    stop: Id
    at: AwareDatetime
    until: AwareDatetime
    home: Id | None = Field(default=None, description="where they are fetched, if not at their usual stop")
    cancelled: bool = False


@router.put("/appointments/{name}", summary="Rides for an appointment")
async def put_appointment(request: Request, name: _Name, body: AppointmentForm) -> Response:
    """The same again changes nothing; a moved one moves the rides, a cancelled one cancels them.

    403 without the patient's consent (appointments, for clinic-visit, to service:dispatch); 409 when no bus has room,
    and then the rides are as before. The rides are told to an app that the patient allows to know of rides.
    """
    caller = await caller_of(request, Action.WRITE, "bus-appointments")
    appointment = Appointment(**body.model_dump())
    made = await service_of(request).clinic.hear(caller.tenant, caller.subject.client, name, appointment)
    rides = [booking_form(ride) for ride in made.rides] if made.shared else None
    return answer({"booked": len(made.rides), "rides": rides})
