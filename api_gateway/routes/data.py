"""For staff: the accounting of what arrived, and the registry of devices."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from access.policy import Action
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from broker.store import accounting, reading

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)

_EXAMPLE = {
    "since": "2026-11-14",
    "balanced": True,
    "total": {"received": 144, "stored": 143, "duplicate": 1, "rejected": {}, "discarded": 0},
    "devices": [
        {"day": "2026-11-20", "device": "gauge-1", "received": 144, "stored": 143, "duplicate": 1, "rejected": {},
         "discarded": 0, "balanced": True}
    ],
}  # fmt: skip


@router.get(
    "/accounting",
    summary="Received = stored + duplicate + rejected + discarded",
    responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
async def accounts(
    request: Request,
    device: Annotated[str | None, Query(description="one device only")] = None,
    since: Annotated[date | None, Query(description="first day of arrival (UTC); a week ago if left out")] = None,
) -> dict[str, Any]:
    """Per device and day of arrival (UTC), and in total. `balanced` false is an alarm: something was lost or counted
    twice. `discarded`: given up by an operator, with the reason kept (`cityos parked discard`).
    Needs the scope accounting:read."""
    gateway, gate = gateway_of(request), gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.READ, "service:accounting")
    first = since or (gateway.clock().astimezone(UTC) - timedelta(days=7)).date()
    async with gateway.database.transaction(caller.tenant) as tx:
        lines = await accounting.summary(tx, tenant=caller.tenant, device=device, since=first)
    counted = ("received", "stored", "duplicate", "discarded")
    total: dict[str, Any] = {name: sum(line[name] for line in lines) for name in counted}
    reasons = sorted({reason for line in lines for reason in line["rejected"]})
    total["rejected"] = {reason: sum(line["rejected"].get(reason, 0) for line in lines) for reason in reasons}
    return {
        "since": first.isoformat(),
        "balanced": all(line["balanced"] for line in lines),
        "total": total,
        "devices": lines,
    }


@router.get("/devices", summary="Registered devices")
async def devices(
    request: Request,
    after: Annotated[str, Query(description="continue after this id")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    status: Annotated[Literal["approved", "quarantined", "suspended"] | None, Query()] = None,
    overdue: Annotated[bool, Query(description="of this page only those that should have been heard by now")] = False,
) -> dict[str, Any]:
    """The tenant's devices in order of id, without their secrets, with when each was last heard (to the minute).

    Needs the scope devices:read.
    """
    gateway, gate = gateway_of(request), gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.READ, "service:devices")
    async with gateway.database.transaction(caller.tenant) as tx:
        found = await reading.devices(tx, gateway.clock(), after=after, limit=limit, status=status)
    shown = [device for device in found if device["overdue"]] if overdue else found
    return {"devices": shown, "next": found[-1]["id"] if len(found) == limit else None}
