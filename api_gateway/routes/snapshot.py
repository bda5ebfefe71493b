"""`/api/v1/public/snapshot`: everything a resident's map needs, in one answer that a cache or CDN may keep."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from access.policy import ANYONE, Action
from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import Gateway
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.city import city_time
from api_gateway.routes.flood import HIDDEN_HERE, TO_THE_MINUTE
from api_gateway.shared import Answer, respond, tag_of
from api_gateway.snapshot import Make, Snapshots
from services.evacuation import reading
from services.evacuation.shelters.desk import public_shelters

router = APIRouter(tags=["flood"], responses=PROBLEMS)
_CACHE = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"


def maker(gateway: Gateway, gate: Gate) -> Make:
    """What makes the picture: only what anybody may read, by the city's policy."""

    async def make(tenant: str) -> Answer:
        anyone = Caller(ANYONE, tenant)
        water = all(gate.may_whole(anyone, type_, HIDDEN_HERE) for type_ in ("FloodMonitoring", "WaterObserved"))
        warned, orders = gate.may_whole(anyone, "Alert"), gate.may(anyone, Action.READ, "service:evacuation-public")
        evacuation = gateway.evacuation if orders.allowed else None
        async with gateway.database.transaction(tenant) as tx:
            gauges = msgspec.to_builtins(list(await gateway.flood.gauges(tx))) if gateway.flood and water else []
            alerts = list(await gateway.flood.alerts(tx, True)) if gateway.flood and warned else []
            notices = await reading.public_view(tx, evacuation) if evacuation else {"orders": []}
            shelters = await public_shelters(tx) if gateway.evacuation else []
            now = await city_time(gateway, tx)
        shown = [{**gauge, "suspectStage": None} for gauge in gauges]
        told = {"gauges": shown, "alerts": alerts, "shelters": shelters, **notices}
        # As for the gauges alone: within a minute the same is the same answer, though `now` has moved on.
        tag = tag_of(msgspec.json.encode(told), now[:TO_THE_MINUTE].encode())
        return Answer(msgspec.json.encode({"now": now, **told}), tag)

    return make


@router.get("/api/v1/public/snapshot", summary="The city at a glance, for caches")
async def snapshot(request: Request) -> Response:
    """Gauges, alerts and evacuation notices in force. `Age` says how many seconds old it is: it goes on being served
    while the database is away. Answers 304 to who has it."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    snapshots: Snapshots = request.app.state.snapshots
    kept, age = await snapshots.get(caller.tenant, gate.policy_of(caller).version)
    return respond(request, kept, {"Cache-Control": _CACHE, "Age": str(age), "Vary": "Accept-Encoding, NGSILD-Tenant"})
