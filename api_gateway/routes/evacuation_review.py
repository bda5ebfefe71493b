"""Afterwards: how a night went, for the page and for a spreadsheet; and rules tried on it before they are changed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from access.policy import Action
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.officers import (
    JSON_BODY,
    PREFIX,
    answer_file,
    answer_json,
    demand_caller,
    desk_of,
    read_rules,
    span_of,
)
from services.evacuation import store
from services.evacuation.afterwards import Night, as_csv, moments, review, review_gauges, totals

router = APIRouter(tags=["evacuation"], responses=PROBLEMS)
_LONGEST = timedelta(days=14)
_Span = tuple[datetime, datetime]
_From = Annotated[AwareDatetime | None, Query(alias="from", description="a day before `to` if left out")]
_By = Annotated[Literal["district", "gauge"], Query(description="what each line is about")]
_To = Annotated[AwareDatetime | None, Query(alias="to", description="the city's present if left out")]


async def _night(request: Request, start: datetime | None, end: datetime | None) -> tuple[_Span, Night]:
    caller = await demand_caller(request, Action.READ)
    desk = desk_of(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        last = end or (await desk.times(tx)).city + timedelta(seconds=1)
        span = span_of(start, last, _LONGEST)
        return span, await store.load_night(tx, desk.mode, *span)


@router.get(f"{PREFIX}/review", summary="How a night went")
async def review_night(request: Request, start: _From = None, end: _To = None) -> Response:
    """Per district and level (`lines`), and per gauge (`gauges`): when a river was there, when it was proposed and
    issued, the lead, misses and false alarms; and everything in order of time, for drawing the night again. Needs the
    scope evacuation:read."""
    span, night = await _night(request, start, end)
    lines = review(night)
    body: dict[str, Any] = {"from": span[0], "to": span[1], "mode": desk_of(request).mode}
    found = {"lines": lines, "totals": totals(lines), "gauges": review_gauges(night), "moments": moments(night)}
    return answer_json({**body, **found})


@router.get(f"{PREFIX}/review.csv", summary="How a night went, for a spreadsheet", response_class=Response)
async def review_csv(request: Request, start: _From = None, end: _To = None, by: _By = "district") -> Response:
    """One line for each district and level, or for each gauge of it, in Japan's time."""
    _, night = await _night(request, start, end)
    lines = review(night) if by == "district" else review_gauges(night)
    name = "review.csv" if by == "district" else "review-gauges.csv"
    return answer_file(as_csv(lines), "text/csv; charset=utf-8", name)


@router.post(f"{PREFIX}/review/rules", summary="Try alerting rules on a night", openapi_extra=JSON_BODY)
async def try_rules(request: Request, start: _From = None, end: _To = None) -> Response:
    """The rules in force beside those sent, on the readings as they arrived: alarms, misses, false alarms and leads of
    each gauge and stage. Nothing is stored. The body is a rules document as in `PUT /api/v1/flood/rules`.

    Needs the scopes evacuation:read and rules:read.
    """
    await demand_caller(request, Action.READ)
    caller = await demand_caller(request, Action.READ, "rules")
    document = await read_rules(request)
    gateway = gateway_of(request)
    assert gateway.rules is not None, "the evacuation routes exist beside the rules"
    async with gateway.database.transaction(caller.tenant) as tx:
        last = end or (await desk_of(request).times(tx)).city + timedelta(seconds=1)
        span = span_of(start, last, _LONGEST)
        run = await gateway.rules.trial(tx, caller.tenant, document, *span)
    # One at a time: it takes a second or two of a core that the residents' pages need.
    trials: asyncio.Lock = request.app.state.trials
    async with trials:
        found = await asyncio.to_thread(run)
    return answer_json({"from": span[0], "to": span[1], **found})
