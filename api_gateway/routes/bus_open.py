"""The buses as open data: GTFS with Flex, GTFS-Realtime vehicle positions and service alerts. No booking is in it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, caller_of, service_of

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)


@router.get("/gtfs.zip", summary="Stops, zones and booking rules as GTFS with GTFS-Flex", response_class=Response)
async def schedule(request: Request) -> Response:
    """Valid for sixty days from today."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    settings = gateway_of(request).settings
    body = await service_of(request).gtfs(caller.tenant, settings.map.city_name, f"{settings.public_url}/bus.html")
    return _open(body, "application/zip", 300)


@router.get("/gtfs-rt/vehicle-positions", summary="Where the buses are, as GTFS-Realtime", response_class=Response)
async def vehicle_positions(request: Request) -> Response:
    """A FeedMessage (protocol buffers) of the positions of the last five minutes."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    return _open(await service_of(request).vehicle_positions(caller.tenant), "application/x-protobuf", 5)


@router.get("/gtfs-rt/service-alerts", summary="Closed stops, as GTFS-Realtime", response_class=Response)
async def service_alerts(request: Request) -> Response:
    """A FeedMessage (protocol buffers)."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    return _open(await service_of(request).service_alerts(caller.tenant), "application/x-protobuf", 5)


def _open(body: bytes, media_type: str, seconds: int) -> Response:
    headers = {"Cache-Control": f"public, max-age={seconds}", "Access-Control-Allow-Origin": "*"}
    return Response(body, media_type=media_type, headers=headers)
