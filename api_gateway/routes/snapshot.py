"""`/api/v1/public/snapshot`: everything a resident's map needs, in one answer that a cache or CDN may keep."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api_gateway.auth import gate_of
from api_gateway.context import Gateway
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.city import city_time
from api_gateway.shared import has_it
from api_gateway.snapshot import Make, Snapshots
from services.evacuation import reading
from services.evacuation.shelters.desk import public_shelters

router = APIRouter(tags=["flood"], responses=PROBLEMS)
_CACHE = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"


def maker(gateway: Gateway) -> Make:
    """What makes the picture: only what anybody may read."""

    async def make(tenant: str) -> bytes:
        async with gateway.database.transaction(tenant) as tx:
            gauges = msgspec.to_builtins(list(await gateway.flood.gauges(tx))) if gateway.flood else []
            alerts = list(await gateway.flood.alerts(tx, True)) if gateway.flood else []
            notices = await reading.public_view(tx, gateway.evacuation) if gateway.evacuation else {"orders": []}
            shelters = await public_shelters(tx) if gateway.evacuation else []
            now = await city_time(gateway, tx)
        shown = [{**gauge, "suspectStage": None} for gauge in gauges]
        return msgspec.json.encode({"now": now, "gauges": shown, "alerts": alerts, "shelters": shelters, **notices})

    return make


@router.get("/api/v1/public/snapshot", summary="The city at a glance, for caches")
async def snapshot(request: Request) -> Response:
    """Gauges, alerts and evacuation notices in force. `Age` says how many seconds old it is: it goes on being served
    while the database is away. Answers 304 to who has it."""
    caller = await gate_of(request).caller(request)
    snapshots: Snapshots = request.app.state.snapshots
    kept, age = await snapshots.get(caller.tenant)
    headers = {
        "Cache-Control": _CACHE,
        "ETag": kept.etag,
        "Age": str(age),
        "Vary": "Accept-Encoding, NGSILD-Tenant",
    }
    if has_it(request, kept.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(kept.packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(kept.body, media_type="application/json", headers=headers)
