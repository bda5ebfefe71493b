"""Cameras beside gauges: images come in, the latest one goes out. Residents see only what was masked."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from access.policy import Action
from api_gateway.auth import gate_of
from api_gateway.body import read_body
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.officers import PREFIX, answer_json, demand_caller
from broker.errors import NotFound
from broker.ports import Transaction
from services.evacuation import cameras, store

router = APIRouter(tags=["evacuation"], responses=PROBLEMS)
_IMAGE = {"requestBody": {"content": {"image/jpeg": {}, "image/png": {}}, "required": True}}


async def _known(tx: Transaction) -> set[str]:
    return {camera for district in await store.load_districts(tx) for camera in district.cameras}


@router.put(f"{PREFIX}/cameras/{{camera}}/stills", summary="An image of a camera's", openapi_extra=_IMAGE)
async def take(
    request: Request,
    camera: str,
    at: Annotated[AwareDatetime, Query(description="when it was taken")],
    masked: Annotated[bool, Query(description="faces and number plates were made unreadable")] = False,
) -> Response:
    """A JPEG or PNG of 1 MiB at most, from the camera's gateway. The same moment sent again changes nothing.

    What is not marked as masked is for staff alone. Needs the scope cameras:write.
    """
    caller = await demand_caller(request, Action.WRITE, "cameras")
    now = gateway_of(request).clock()
    still = cameras.read_still(await read_body(request, cameras.LARGEST), at, now, masked=masked)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        new = await cameras.keep(tx, camera, still, await _known(tx), now)
    return answer_json({"camera": camera, "kept": new})


@router.get(f"{PREFIX}/cameras", summary="Cameras and when their latest image was taken")
async def listing(request: Request) -> Response:
    """With the districts that each stands for, and those districts' gauges. Anybody sees the masked ones; holders of
    evacuation:read all."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    staff = gate_of(request).may(caller, Action.READ, "service:evacuation").allowed
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        districts = await store.load_districts(tx)
        known = {camera for district in districts for camera in district.cameras}
        found = await cameras.newest_times(tx, known, masked_only=not staff)
    return answer_json({"cameras": [{**one, **cameras.stands_for(one["camera"], districts)} for one in found]})


@router.get(f"{PREFIX}/cameras/{{camera}}/still", summary="A camera's latest image", response_class=Response)
async def still(request: Request, camera: str) -> Response:
    """`Last-Modified` is when it was taken. Anybody sees the latest masked one, holders of evacuation:read the latest
    of all."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    staff = gate_of(request).may(caller, Action.READ, "service:evacuation").allowed
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await cameras.newest(tx, camera, masked_only=not staff) if camera in await _known(tx) else None
    if found is None:
        raise NotFound(f"there is no image of the camera {camera!r}")
    headers = {
        "Cache-Control": "no-store" if staff else "public, max-age=60",
        "Last-Modified": format_datetime(found.at.astimezone(UTC), usegmt=True),
        "X-Content-Type-Options": "nosniff",
        "Vary": "Authorization",
    }
    return Response(found.body, media_type=found.media_type, headers=headers)
