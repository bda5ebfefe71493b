"""The flood map's routes: gauges, hydrographs, alerts, CAP documents and the Atom feed; and the alerting rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.auth import Caller, gate_of
from api_gateway.body import read_json
from api_gateway.context import FloodViews, RuleStore, gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.city import city_time
from api_gateway.shared import Answer, SharedAnswers, conditional, tag_of
from broker.errors import Invalid, NotFound
from broker.ports import Transaction

router = APIRouter(tags=["flood"], responses=PROBLEMS)
rules_router = APIRouter(prefix="/api/v1/flood", tags=["staff"], responses=PROBLEMS)

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=93)
_YEARS = (1900, 2999)
TO_THE_MINUTE = len("2023-07-13T02:20")
_MOST_RULES = 256 * 1024


def _shared(request: Request) -> SharedAnswers:
    shared: SharedAnswers = request.app.state.shared
    return shared


HIDDEN_HERE = frozenset({"suspectStage"})
"""What is left out of the gauges for those who may not see it. A policy that hides more closes the whole list."""


def _views(request: Request) -> FloodViews:
    views = gateway_of(request).flood
    assert views is not None, "the flood routes exist only with flood views"
    return views


async def _reader(request: Request, *types: str) -> Caller:
    """The caller, who may read all there is of these types (or may this, of a service)."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    for type_ in types:
        gate.demand_whole(caller, type_, HIDDEN_HERE)
    return caller


@router.get("/api/v1/flood/gauges", summary="All gauges with level, stage, trend and quality")
async def gauges(request: Request) -> Response:
    """`stage` none means that no thresholds are set, unknown that the gauge is silent; neither means safe."""
    gateway, gate = gateway_of(request), gate_of(request)
    caller = await _reader(request, "FloodMonitoring", "WaterObserved")
    hide = "suspectStage" in gate.hidden(caller, ["FloodMonitoring"])

    async def make() -> Answer:
        async with gateway.database.transaction(caller.tenant) as tx:
            found = msgspec.to_builtins(list(await _views(request).gauges(tx)))
            now = await city_time(gateway, tx)
        if hide:
            found = [{**gauge, "suspectStage": None} for gauge in found]
        # The tag is weak: within a minute the same gauges are the same answer, though `now` has moved on.
        tag = tag_of(msgspec.json.encode(found), now[:TO_THE_MINUTE].encode())
        return Answer(msgspec.json.encode({"now": now, "gauges": found}), tag)

    return conditional(request, await _shared(request).get(("gauges", caller.tenant, hide), make))


@router.get("/api/v1/flood/gauges/{gauge_id}/hydrograph", summary="A gauge's levels over time")
async def hydrograph(
    request: Request,
    gauge_id: str,
    start: Annotated[datetime | None, Query(alias="from", description="a day before `to` if left out")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="the city's present if left out")] = None,
) -> Response:
    """Levels with quality and 暫定/確定 marks, and the stages, from `from` until before `to`; at most 93 days.

    `forecast` holds levels ahead, for staff, and for everybody where the city's policy opens WaterLevelForecast.
    """
    caller = await _reader(request, "WaterObserved", "FloodMonitoring")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        first, last = await _span(request, tx, start, end)
        found = await _views(request).hydrograph(tx, gauge_id, first, last)
    if found is None:
        raise NotFound(f"there is no gauge {gauge_id}")
    shown = gate_of(request).may(caller, Action.READ, "WaterLevelForecast").allowed
    return answer(found if shown else {**found, "forecast": []})


async def _span(
    request: Request, tx: Transaction, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """From and until before; by default the day up to and with the city's present. Raises `Invalid`."""
    last = _aware(end, "to")
    if last is None:
        last = datetime.fromisoformat(await city_time(gateway_of(request), tx)) + timedelta(minutes=1)
    first = _aware(start, "from") or last - _DAY
    if not timedelta() < last - first <= _LONGEST:
        raise Invalid("from must be before to, by at most 93 days", field="from")
    return first, last


def _aware(at: datetime | None, field: str) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise Invalid("a time needs its offset, such as 2023-07-13T02:20:00Z", field=field)
    if at is not None and not _YEARS[0] <= at.year <= _YEARS[1]:
        raise Invalid(f"the year must be from {_YEARS[0]} to {_YEARS[1]}", field=field)
    return at


@router.get("/api/v1/flood/alerts", summary="Alerts, newest first")
async def alerts(request: Request, active: bool = True) -> Response:
    """`status` tells 本番 (actual) from 訓練 (exercise) and テスト (test)."""
    caller = await _reader(request, "Alert")

    async def make() -> Answer:
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            body = msgspec.json.encode({"alerts": list(await _views(request).alerts(tx, active))})
        return Answer(body, tag_of(body))

    return conditional(request, await _shared(request).get(("alerts", caller.tenant, active), make))


@router.get("/feeds/alerts.atom", summary="Alerts as an Atom feed", response_class=Response)
async def feed(request: Request) -> Response:
    """Entries link to the CAP documents."""
    caller = await _reader(request, "Alert")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        body = await _views(request).feed(tx)
    return Response(body, media_type="application/atom+xml", headers={"Cache-Control": "public, max-age=15"})


@router.get("/cap/{alert_id}.xml", summary="An alert as CAP 1.2", response_class=Response)
async def cap(request: Request, alert_id: str) -> Response:
    """A Common Alerting Protocol document."""
    caller = await _reader(request, "Alert")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        body = await _views(request).cap(tx, alert_id)
    if body is None:
        raise NotFound(f"there is no alert {alert_id}")
    return Response(body, media_type="application/cap+xml", headers={"Cache-Control": "public, max-age=15"})


@router.get("/api/v1/flood/decisions", summary="Why stages were raised and lowered", tags=["staff"])
async def decisions(
    request: Request,
    gauge: Annotated[str | None, Query(description="one gauge only, by its entity's id")] = None,
    start: Annotated[datetime | None, Query(alias="from", description="a day before `to` if left out")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="the city's present if left out")] = None,
) -> Response:
    """Every decision with its inputs and the version of the rules, newest first. Needs the scope flood:staff."""
    caller = await _reader(request, "service:decisions")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        first, last = await _span(request, tx, start, end)
        return answer({"decisions": list(await _views(request).decisions(tx, gauge, first, last))})


def _rules(request: Request) -> RuleStore:
    rules = gateway_of(request).rules
    assert rules is not None, "the rules routes exist only with a rule store"
    return rules


@rules_router.get("/rules", summary="The alerting rules in force")
async def read_rules(request: Request) -> Response:
    """With their version, which every decision names. Needs the scope rules:read."""
    caller = await _reader(request, "service:rules")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer(await _rules(request).current(tx))


@rules_router.put(
    "/rules",
    summary="Replace the alerting rules",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}},
)
async def replace_rules(request: Request) -> Response:
    """Checked before they are kept, as a new version; an error names the path in the rules. Needs rules:write."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.WRITE, "service:rules")
    document = await read_json(request, _MOST_RULES)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer(await _rules(request).replace(tx, caller.tenant, document, caller.subject.id))
