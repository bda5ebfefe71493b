"""Limits and quotas, who used what, and the yearly report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from access.policy import Action
from api_gateway.asking import asked, note
from api_gateway.context import gateway_of
from api_gateway.oauth.server import PORTAL
from api_gateway.openapi import PROBLEMS
from api_gateway.usage import metering, report
from api_gateway.usage.quotas import Quota, Rate
from broker.catalogue import flat
from broker.errors import Invalid, NotFound

router = APIRouter(prefix="/api/v1", tags=["staff"], responses=PROBLEMS)

_Year = Annotated[int, Query(ge=2020, le=2100, description="年度, which begins in April; the present one if left out")]
_Encoding = Annotated[Literal["utf-8", "cp932"], Query(description="of the table")]
_Format = Annotated[Literal["json", "csv"], Query(description="csv has a byte order mark, for spreadsheets")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Body):
    """So many requests a second and at once (both or neither), so many a month (UTC)."""

    per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    per_month: Annotated[int, Field(ge=0, le=10**15)] | None = None


class Target(_Body):
    target: Annotated[float, Field(ge=0, le=1e15)]


class Revenue(_Body):
    source: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
    yen: Annotated[int, Field(ge=-(10**15), le=10**15)]


@router.get("/usage", summary="Who used what, and how much")
async def usage_report(
    request: Request,
    since: Annotated[date | None, Query(description="first day (UTC); thirty days ago if left out")] = None,
    until: Annotated[date | None, Query(description="last day (UTC); today if left out")] = None,
    format: _Format = "json",
) -> Response:
    """Calls per app, operation, data set and day; a batch is one call. Needs usage:read."""
    last = until or gateway_of(request).clock().astimezone(UTC).date()
    first = since or last - timedelta(days=30)
    if first > last:
        raise Invalid("the time ends before it begins", field="until")
    async with asked(request, Action.READ, "usage") as (_, tx):
        lines = await metering.usage(tx, first, last)
    if format == "csv":
        heads = ["day", "client", "name", "operation", "dataSet", "calls", "refused", "failed"]
        return _csv([heads, *(list(line.values()) for line in lines)])
    return JSONResponse({"usage": [{**line, "day": line["day"].isoformat()} for line in lines]})


@router.get("/reports/usage", summary="The yearly usage report")
async def yearly_report(
    request: Request, year: _Year | None = None, format: _Format = "json", encoding: _Encoding = "utf-8"
) -> Response:
    """Targets against what was reached, months, services and revenue of a 年度. Needs usage:read."""
    now = gateway_of(request).clock()
    chosen = report.Year(year or report.year_of(now))
    async with asked(request, Action.READ, "usage") as (caller, tx):
        made = await report.yearly(tx, chosen, caller.city, f"{caller.city}.{PORTAL}", now)
    return _csv(report.sheet(made), encoding) if format == "csv" else JSONResponse(made)


@router.put("/reports/usage/{year}/targets/{measure}", summary="Set what a measure should reach")
async def set_target(request: Request, year: int, measure: str, body: Target) -> dict[str, Any]:
    """Needs usage:write."""
    _check_year(year)
    if measure not in report.MEASURES:
        raise Invalid(f"there is no measure {measure!r}; there are {', '.join(report.MEASURES)}", field="measure")
    async with asked(request, Action.WRITE, "usage") as (caller, tx):
        await report.put_target(tx, year, measure, body.target)
        await note(tx, request, caller, "usage.target", f"{year}/{measure}", str(body.target))
    return {"year": year, "measure": measure, "target": body.target}


@router.put("/reports/usage/{year}/revenue", summary="Enter what a year brought in")
async def set_revenue(request: Request, year: int, body: Revenue) -> dict[str, Any]:
    """By source, in yen. Needs usage:write."""
    _check_year(year)
    async with asked(request, Action.WRITE, "usage") as (caller, tx):
        await report.put_revenue(tx, year, body.source, body.yen, caller.subject.id, gateway_of(request).clock())
        await note(tx, request, caller, "usage.revenue", f"{year}/{body.source}", str(body.yen))
    return {"year": year, "source": body.source, "yen": body.yen}


@router.get("/quotas", summary="The limits of apps and of the city")
async def list_quotas(request: Request) -> dict[str, Any]:
    """`client` is an app; * every app without limits of its own; empty the city, strangers included. usage:read."""
    async with asked(request, Action.READ, "usage") as (_, tx):
        return {"quotas": await metering.quotas(tx)}


@router.put("/quotas/{client}", summary="Limit an app, every app (*) or the city (city)")
async def set_quota(request: Request, client: str, body: Limits) -> dict[str, Any]:
    """In force within five seconds, in every process. Needs usage:write."""
    if (body.per_second is None) != (body.burst is None):
        raise Invalid("per_second and burst go together", field="burst")
    rate = Rate(body.per_second, body.burst) if body.per_second and body.burst else None
    async with asked(request, Action.WRITE, "usage") as (caller, tx):
        now = gateway_of(request).clock()
        await metering.put_quota(tx, _client(client), Quota(rate, body.per_month), caller.subject.id, now)
        await note(tx, request, caller, "quota.set", client, str(body.model_dump(exclude_none=True)))
    return {"client": _client(client), **body.model_dump()}


@router.delete("/quotas/{client}", summary="Take limits away")
async def drop_quota(request: Request, client: str) -> dict[str, str]:
    """What is left are those of every app, or the settings'. Needs usage:write."""
    async with asked(request, Action.WRITE, "usage") as (caller, tx):
        if not await metering.drop_quota(tx, _client(client)):
            raise NotFound(f"there are no limits for {client}")
        await note(tx, request, caller, "quota.drop", client)
    return {"client": _client(client)}


def _client(named: str) -> str:
    if len(named) > 200 or "\x00" in named:
        raise Invalid("an app's id has at most 200 letters", field="client")
    return "" if named == "city" else named


def _check_year(year: int) -> None:
    if not 2020 <= year <= 2100:
        raise Invalid("year is a 年度 from 2020 to 2100", field="year")


def _csv(lines: Iterable[Sequence[Any]], encoding: str = "utf-8") -> Response:
    out = io.StringIO()
    csv.writer(out).writerows([flat.shielded(v) if isinstance(v, str) else v for v in line] for line in lines)
    mark = "\ufeff" if encoding == "utf-8" else ""
    name = "utf-8" if encoding == "utf-8" else "shift_jis"
    return Response(flat.encoded(mark + out.getvalue(), encoding), media_type=f"text/csv; charset={name}")
