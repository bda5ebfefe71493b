"""Where and when buses may be booked: zones in which people ride from any place, and the days of service."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.body import read_body
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, Body, Id, Place, caller_of, located_form, service_of
from broker.errors import Invalid
from services.dispatch.calendar import ServiceCalendar, told
from services.dispatch.roads import read_geometry
from services.dispatch.zones import Edge, Missed, Zone

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)

_MOST = 256 * 1024
_AHEAD = timedelta(days=60)
_First = Annotated[date | None, Query(alias="from")]
_Last = Annotated[date | None, Query(alias="to")]


class NewZone(Body):
    """A Polygon without holes. `door`: buses come to the place; else riders walk up to `walk` metres to a stop."""

    name: Id
    geometry: dict[str, Any]
    door: bool = True
    walk: int = Field(default=300, ge=0, le=2000)


class Sought(Place):
    """A place from which, or to which, somebody wants to ride; today if no `day` is given."""

    day: date | None = None


@router.post("/places", summary="Where somebody at a place gets on or off")
async def look(request: Request, body: Sought) -> Response:
    """`served`: at the place itself (`door`), or at a stop so many metres away. Else why not: the `zone` in which no
    stop is near enough, or the nearest zone's `edge`; and the nearest open stop. Nothing is kept of the place."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    service = service_of(request)
    found = await service.area.look(caller.tenant, body.day or service.days.today(), (body.longitude, body.latitude))
    if not isinstance(found, Missed):
        return answer({"served": True, "stop": located_form(found)})
    form = {"served": False, "because": found.told(), "zone": found.zone and _form(found.zone)}
    nearest = found.nearest and located_form(found.nearest)
    return answer({**form, "edge": found.edge and _edge(found.edge), "nearest": nearest})


@router.get("/zones", summary="Zones in which people ride from any place")
async def get_zones(request: Request) -> Response:
    """Open data, as the stops are."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    return answer({"zones": [_form(zone) for zone in await service_of(request).area.zones(caller.tenant)]})


@router.put("/zones/{zone}", summary="Draw a zone", status_code=204)
async def put_zone(request: Request, zone: str, body: NewZone) -> Response:
    """For bookings from now on; what is booked stands."""
    caller = await caller_of(request, Action.WRITE)
    area, border = read_geometry(body.geometry)
    if not area:
        raise Invalid("a zone is a GeoJSON Polygon", field="geometry")
    await service_of(request).area.set_zone(caller.tenant, Zone(zone, body.name, border, body.door, body.walk))
    return Response(status_code=204)


@router.delete("/zones/{zone}", summary="Forget a zone", status_code=204)
async def delete_zone(request: Request, zone: str) -> Response:
    """What is booked in it stands."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).area.drop_zone(caller.tenant, zone)
    return Response(status_code=204)


@router.get("/calendar", summary="On which days buses run")
async def get_calendar(request: Request, first: _First = None, last: _Last = None) -> Response:
    """Open data: the rules, and `closed`: the days without service in the period (the next sixty days if left out)."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    service = service_of(request)
    begin = first or service.days.today()
    return answer(_calendar(await service.area.calendar(caller.tenant), begin, last or begin + _AHEAD))


@router.put("/calendar", summary="Say on which days buses run")
async def put_calendar(request: Request) -> Response:
    """`weekdays` (1: Monday … 7), `onHolidays`, `without` (day to reason), `extra` (days with service all the same).

    409 names the days that would lose their service with rides promised on them.
    """
    caller = await caller_of(request, Action.WRITE)
    service, document = service_of(request), await read_body(request, _MOST)
    today = service.days.today()
    return answer(_calendar(await service.area.set_calendar(caller.tenant, document), today, today + _AHEAD))


@router.put("/calendar/holidays", summary="Take the list of public holidays")
async def put_holidays(request: Request) -> Response:
    """The Cabinet Office's CSV file (国民の祝日・休日), as it is published; in place of the list known."""
    caller = await caller_of(request, Action.WRITE)
    service, file = service_of(request), await read_body(request, _MOST)
    today = service.days.today()
    return answer(_calendar(await service.area.set_holidays(caller.tenant, file), today, today + _AHEAD))


def _calendar(calendar: ServiceCalendar, first: date, last: date) -> dict[str, Any]:
    until = calendar.holidays_until
    return {
        "weekdays": list(calendar.weekdays),
        "onHolidays": calendar.on_holidays,
        "without": {day.isoformat(): why for day, why in sorted(calendar.without.items())},
        "extra": [day.isoformat() for day in calendar.extra],
        "holidaysUntil": until and until.isoformat(),
        "closed": {day.isoformat(): why for day, why in told(calendar, first, last).items()},
    }


def _edge(edge: Edge) -> dict[str, Any]:
    place = {"longitude": edge.longitude, "latitude": edge.latitude}
    return {"zone": _form(edge.zone), "metres": round(edge.metres), "side": edge.side, **place}


def _form(zone: Zone) -> dict[str, Any]:
    border = [list(point) for point in zone.border]
    geometry = {"type": "Polygon", "coordinates": [border]}
    return {"id": zone.id, "name": zone.name, "geometry": geometry, "door": zone.door, "walk": zone.walk}
