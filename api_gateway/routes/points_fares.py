"""Bus fares booked in points that points did not cover: what is owed, and how it was collected."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.points_forms import ACCOUNT, Body, asked, books, caller_with, town_of
from broker.errors import Invalid
from services.points.fares import UnpaidFare, collect, owed, settle, unpaid

router = APIRouter(prefix="/api/v1/points/staff/unpaid-fares", tags=["points", "staff"], responses=PROBLEMS)
_Ride = Annotated[str, Path(pattern=r"^[A-Za-z0-9:._-]{1,200}$", description="the RideBooking's id")]


class Collected(Body, frozen=True):
    """How a fare was collected: in `points` (now), in `cash`, or `waived`: nobody collects it (`note`: why)."""

    how: Literal["points", "cash", "waived"]
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


@router.get("", summary="Bus fares that points did not cover")
async def list_fares(
    request: Request,
    ended: Annotated[bool, Query(description="those that were collected instead, the last first")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """The oldest first, with the sum of all that is owed. Needs points:treasury."""
    async with books(request, "points-treasury") as (_, _, tx):
        found, sum_of = await unpaid(tx, limit, ended=ended), await owed(tx)
    return answer({"owed": sum_of._asdict(), "fares": [_shown(one) for one in found]})


@router.post("/{ride}", summary="Collect a fare that points did not cover")
async def collected(request: Request, ride: _Ride) -> Response:
    """Safe to repeat. `points` is refused as at a till while the balance does not cover it. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury")
    body, town, by = await asked(request, Collected), town_of(request), caller.subject.id
    if body.how == "points":
        await collect(town, caller.tenant, ride, by)
    elif body.how == "waived" and not body.note.strip():
        raise Invalid("say why nobody collects this fare", field="note")
    else:
        await settle(town, caller.tenant, ride, body.how, by, body.note.strip())
    return answer({"ride": ride, "how": body.how})


def _shown(one: UnpaidFare) -> dict[str, object]:
    resident = None if one.account is None else one.account.removeprefix(ACCOUNT)
    return {
        "ride": one.ride,
        "resident": resident,
        "yen": one.yen,
        "why": one.why,
        "at": one.at,
        "how": one.how,
        "by": one.by,
        "note": one.note,
        "endedAt": one.ended_at,
    }
