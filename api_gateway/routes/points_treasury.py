"""The points' treasury: budgets, sales, closings, settlements with their statements, and the proof of the books."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.points_forms import (
    ACCOUNT,
    Aware,
    Body,
    Budget,
    Id,
    Name,
    asked,
    books,
    caller_with,
    shop_named,
    town_of,
)
from broker.errors import Invalid, NotFound
from services.points.closing import Closing, close
from services.points.leaving import settle_last
from services.points.overview import closings, settlements
from services.points.settlement import Settlement, find, lines, settle
from services.points.statement import as_csv, as_pdf
from services.points.verify import verify

router = APIRouter(prefix="/api/v1/points/staff", tags=["points", "staff"], responses=PROBLEMS)


class Fund(Body, frozen=True):
    """Points for a campaign's fund."""

    id: Id
    points: Budget


class Sale(Body, frozen=True):
    """Premium points: bought ones and a bonus, good until `expires_at`."""

    id: Id
    resident: Id
    points: Budget
    expires_at: Aware
    programme: Id
    bonus: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


@router.post("/campaigns/{campaign}/funds", summary="Put points into a campaign's fund")
async def fund(request: Request, campaign: Name) -> Response:
    """The fund is the campaign's budget and is never exceeded. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury")
    body = await asked(request, Fund)
    done = await town_of(request).fund(caller.tenant, body.id, f"campaign/{campaign}", body.points)
    return answer({"id": body.id, "points": done.amount, "at": done.at})


@router.post("/sales", summary="Sell premium points")
async def sell(request: Request) -> Response:
    """Bought points and bonus are lots apart. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury")
    body = await asked(request, Sale)
    await town_of(request).sell(
        caller.tenant, body.id, ACCOUNT + body.resident, body.points, body.bonus, body.expires_at, body.programme
    )
    return answer({"id": body.id, "points": body.points, "bonus": body.bonus})


@router.get("/closings", summary="The days closed")
async def closed_days(request: Request, limit: Annotated[int, Query(ge=1, le=400)] = 31) -> Response:
    """Newest first, each as it was closed. Needs points:treasury."""
    async with books(request, "points-treasury") as (_, _, tx):
        found = await closings(tx, limit)
    return answer({"closings": [_closing(made) for made in found]})


@router.post("/closings/{day}", summary="Close a day, or show its closing")
async def closing(request: Request, day: date) -> Response:
    """日次締め. `head` is the digest to publish. Needs points:treasury."""
    caller, gateway = await caller_with(request, "points-treasury"), gateway_of(request)
    made = await close(gateway.database, caller.tenant, day, town_of(request).clock())
    return answer(_closing(made))


@router.get("/verify", summary="Prove the books")
async def prove(request: Request, anchor: str | None = None) -> Response:
    """Balances, lots and seals from the journal alone. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury", Action.READ)
    proof = await verify(gateway_of(request).database, caller.tenant, anchor)
    return answer({**proof._asdict(), "whole": not proof.faults})


@router.get("/settlements/{month}", summary="A month's settlements so far")
async def month_settled(request: Request, month: str) -> Response:
    """`month` as 2026-07. Needs points:treasury."""
    async with books(request, "points-treasury") as (_, _, tx):
        found = await settlements(tx, _month(month))
    return answer({"settlements": [_settlement(made) for made in found]})


@router.post("/settlements/{shop}/{month}", summary="Settle a shop's month, or show its settlement")
async def settlement(request: Request, shop: Name, month: str) -> Response:
    """`month` as 2026-07. Once, however often asked. Needs points:treasury."""
    async with books(request, "points-treasury", Action.WRITE) as (caller, town, tx):
        found = await shop_named(tx, town, shop)
    made = await settle(town.database, town.ledger, caller.tenant, found, _month(month), town.clock())
    return answer(_settlement(made))


@router.post("/shops/{shop}/last-settlement", summary="Settle a shop that leaves for the last time")
async def last_settlement(request: Request, shop: Name) -> Response:
    """Its account is closed and this month settled up to now; its statement is the month's. The same again answers the
    same. 409 while it takes payments, or the month before is not settled. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury")
    return answer(_settlement(await settle_last(town_of(request), caller.tenant, shop)))


@router.get(
    "/settlements/{shop}/{month}/statement.{form}", summary="The statement as csv or pdf", response_class=Response
)
async def statement(request: Request, shop: Name, month: str, form: str) -> Response:
    """精算書, `form` csv or pdf. Needs points:treasury."""
    async with books(request, "points-treasury") as (caller, town, tx):
        found = await shop_named(tx, town, shop)
        made = await find(tx, shop, _month(month))
        if made is None or form not in ("csv", "pdf"):
            raise NotFound(f"{month} of {shop} is not settled, or the form is neither csv nor pdf")
        trades = await lines(tx, found, _month(month))
        issuer = await tx.fetchval("select title from tenant where name = $1", caller.tenant)
    body = as_pdf(made, issuer) if form == "pdf" else as_csv(made, trades)
    name = f'attachment; filename="statement-{shop}-{month}.{form}"'
    kind = "application/pdf" if form == "pdf" else "text/csv; charset=utf-8"
    return Response(body, media_type=kind, headers={"Content-Disposition": name, "Cache-Control": "no-store"})


def _closing(made: Closing) -> dict[str, object]:
    rows = [row._asdict() for row in made.outstanding]
    return {**msgspec.to_builtins(made), "outstanding": rows, "unused": made.unused}


def _settlement(made: Settlement) -> dict[str, object]:
    return {**msgspec.to_builtins(made), "fees": made.fees}


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise Invalid(f"{text!r} is not a month; write it as 2026-07", field="month") from error
