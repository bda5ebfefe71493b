"""The buses for whoever answers for them: figures, fares, and which rising river closes which stops."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.body import read_body
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.bus_forms import PREFIX, Body, Id, caller_of, service_of
from schemas.river import Stage
from services.dispatch.values import ClosureRule

router = APIRouter(prefix=PREFIX, tags=["buses"], responses=PROBLEMS)

_MOST = 256 * 1024
_First = Annotated[date, Query(alias="from")]
_Last = Annotated[date, Query(alias="to")]
_HEADS = {
    "booked": "予約", "ridden": "乗車", "cancelled": "取消", "no_show": "無断キャンセル", "broken": "運休",
    "waiting": "平均待ち時間（分）", "waiting_p90": "待ち時間90%値（分）", "ride_ratio": "乗車時間比",
    "kept": "約束を守った割合", "shared": "相乗り率", "kilometres": "走行km", "empty_kilometres": "空車km",
    "fares": "運賃（円）",
}  # fmt: skip


class ClosureForm(Body):
    """Stops and roads that close when the gauge reaches the stage."""

    stage: Stage
    stops: list[Id] = Field(default=[], max_length=500)
    roads: list[Id] = Field(default=[], max_length=500)


@router.get("/figures", summary="How well the buses serve")
async def figures(request: Request, first: _First, last: _Last) -> Response:
    """Of the whole period and of each day: waiting, ride-time ratio, promises kept, sharing, empty kilometres."""
    caller = await caller_of(request, Action.READ)
    whole, days = await service_of(request).figures(caller.tenant, first, last)
    return answer({"whole": _form(whole), "days": {day.isoformat(): _form(found) for day, found in days.items()}})


@router.get("/figures.csv", summary="The figures for a spreadsheet")
async def figures_csv(request: Request, first: _First, last: _Last) -> Response:
    """A row for each day, in Japanese, with a byte order mark so that Excel reads it as UTF-8."""
    caller = await caller_of(request, Action.READ)
    _, days = await service_of(request).figures(caller.tenant, first, last)
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["日付", *_HEADS.values()])
    for day, found in days.items():
        rows.writerow([day.isoformat(), *(_cell(getattr(found, name)) for name in _HEADS)])
    return Response(
        text.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename=buses-{first}-{last}.csv", "Cache-Control": "no-store"},
    )


@router.get("/fares", summary="The fares in force")
async def get_fares(request: Request) -> Response:
    """Open: what a ride costs is no secret."""
    caller = await caller_of(request, Action.READ, "bus-stops")
    return answer(msgspec.to_builtins(await service_of(request).fares(caller.tenant)))


@router.put("/fares", summary="Put fares in force")
async def put_fares(request: Request) -> Response:
    """For bookings from now on. `flat`, `zones` (stop to zone), `between` (yen between zones), `memberOff` (percent),
    `freeFrom` and `freeUntil` (minutes after midnight), `points`."""
    caller = await caller_of(request, Action.WRITE)
    rules = await service_of(request).set_fares(caller.tenant, await read_body(request, _MOST))
    return answer(msgspec.to_builtins(rules))


@router.get("/closures", summary="Which gauge closes which stops and roads")
async def closures(request: Request) -> Response:
    """With the stage each gauge stands at, as it was heard last."""
    caller = await caller_of(request, Action.READ)
    rules = await service_of(request).closure_rules(caller.tenant)
    return answer({"closures": [{**asdict(rule), "closed": rule.holds} for rule in rules]})


@router.put("/closures/{gauge}", summary="Close stops and roads by a gauge", status_code=204)
async def put_closure(request: Request, gauge: str, body: ClosureForm) -> Response:
    """`gauge` is the id of its FloodMonitoring entity. They open again when the water has fallen below."""
    caller = await caller_of(request, Action.WRITE)
    rule = ClosureRule(gauge, body.stage, tuple(body.stops), roads=tuple(body.roads))
    await service_of(request).set_closure_rule(caller.tenant, rule)
    return Response(status_code=204)


def _form(figures: Any) -> dict[str, Any]:
    return {to_camel(name): value for name, value in asdict(figures).items()}


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
