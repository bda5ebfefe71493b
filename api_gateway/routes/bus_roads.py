"""Roads that buses go around while they are closed (通行止め)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, Body, Id, Trouble, anew_form, caller_of, service_of
from services.dispatch.roads import Road, geometry, read_geometry

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)


class NewRoad(Body):
    """A stretch of road (a GeoJSON LineString) or ground (a Polygon without holes)."""

    name: Id
    geometry: dict[str, Any]


@router.get("/roads", summary="Roads that may be closed")
async def get_roads(request: Request) -> Response:
    """Open data, as the stops are: which of them are closed, and why."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    return answer({"roads": [road_form(road) for road in await service_of(request).roads(caller.tenant)]})


@router.put("/roads/{road}", summary="Draw a road", status_code=204)
async def put_road(request: Request, road: str, body: NewRoad) -> Response:
    """It is open until somebody, or a gauge, closes it. 409 while it is closed."""
    caller = await caller_of(request, Action.WRITE)
    area, points = read_geometry(body.geometry)
    await service_of(request).draw_road(caller.tenant, Road(road, body.name, area, points))
    return Response(status_code=204)


@router.delete("/roads/{road}", summary="Forget a road", status_code=204)
async def delete_road(request: Request, road: str) -> Response:
    """409 while a gauge's rule names it."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).drop_road(caller.tenant, road)
    return Response(status_code=204)


@router.post("/roads/{road}/closure", summary="Nobody drives on a road any more")
async def closure(request: Request, road: str, body: Trouble) -> Response:
    """Buses go around it, stops on it are closed, and the day is planned anew; as for a breakdown."""
    caller = await caller_of(request, Action.WRITE)
    anew = await service_of(request).desk.close_road(caller.tenant, body.day, road, body.because)
    return answer(anew_form(anew))


@router.delete("/roads/{road}/closure", summary="Open a road again", status_code=204)
async def opening(request: Request, road: str) -> Response:
    """Buses drive there again; promises stay as they were given."""
    caller = await caller_of(request, Action.WRITE)
    await service_of(request).desk.open_road(caller.tenant, road)
    return Response(status_code=204)


def road_form(road: Road) -> dict[str, Any]:
    """A road, with why it is closed."""
    form = {"id": road.id, "name": road.name, "geometry": geometry(road), "closedBecause": road.closed_because}
    return {**form, "closedBy": road.closed_by}
