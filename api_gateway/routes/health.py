"""Live, ready and metrics: for supervisors, load balancers and Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from api_gateway.context import Gateway, gateway_of
from broker.errors import CityError
from broker.ports import CHANGES

router = APIRouter(tags=["operation"])

_SECONDS = 1.0


@router.get("/health/live", summary="The process lives")
async def live() -> dict[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "pass"}


@router.get("/health/ready", summary="Database and log answer", responses={503: {"description": "one does not"}})
async def ready(request: Request) -> Response:
    """200 if the database and the log each answer within a second, else 503 saying which does not."""
    gateway = gateway_of(request)
    checks = await asyncio.gather(_within(_database(gateway)), _within(_log(gateway)))
    output = dict(zip(("database", "log"), checks, strict=True))
    passed = all(check == "pass" for check in checks)
    body = {"status": "pass" if passed else "fail", "checks": output}
    return JSONResponse(body, 200 if passed else 503, {"Cache-Control": "no-store"})


async def _database(gateway: Gateway) -> None:
    async with gateway.database.transaction(gateway.settings.default_tenant) as tx:
        await tx.fetchval("select 1")


async def _log(gateway: Gateway) -> None:
    await gateway.log.ends(CHANGES)


async def _within(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, _SECONDS)
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s"
    except CityError as error:
        return type(error).__name__
    return "pass"


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """The gateway's metrics and, where one machine runs all roles, everybody's, in Prometheus' text format."""
    gateway = gateway_of(request)
    others = await asyncio.to_thread(gateway.other_metrics) if gateway.other_metrics else ""
    return Response(generate_latest(gateway.metrics) + others.encode(), media_type=CONTENT_TYPE_LATEST)
