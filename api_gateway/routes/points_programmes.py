"""A municipality's campaigns: the earning rules, trying them on the past, and what is left in the funds."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.points_forms import Aware, Name, asked, books, caller_with, town_of
from services.points.dry_run import dry_run
from services.points.effect import effect
from services.points.overview import funds
from services.points.rulebook import check_rules

router = APIRouter(prefix="/api/v1/points/staff", tags=["points", "staff"], responses=PROBLEMS)


class DryRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to try on what happened from `start` until before `end`, with a budget for each campaign."""

    rules: dict[str, Any]
    start: Aware
    end: Aware
    budgets: dict[str, int] = {}


@router.get("/rules", summary="The earning rules in force")
async def rules(request: Request) -> Response:
    """With their version, which every award names. Needs points:staff."""
    caller = await caller_with(request, "points-staff", Action.READ)
    version, found = await town_of(request).rules(caller.tenant)
    return answer({"version": version, "rules": found})


@router.put("/rules", summary="Replace the earning rules")
async def put_rules(request: Request) -> Response:
    """Checked whole, kept as a new version; an error names the path. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    document = await asked(request, dict[str, Any])
    await town_of(request).open_books(caller.tenant)
    return answer({"version": await town_of(request).put_rules(caller.tenant, document, caller.subject.id)})


@router.post("/rules/dry-run", summary="Try rules on the past")
async def try_rules(request: Request) -> Response:
    """Nothing is kept or moved. Needs points:staff."""
    caller = await caller_with(request, "points-staff", Action.READ)
    body = await asked(request, DryRun)
    past = await town_of(request).occasions(caller.tenant, body.start, body.end)
    outcome = dry_run(check_rules(body.rules), past, body.budgets)
    return answer({"occasions": len(past), "campaigns": outcome})


@router.get("/campaigns", summary="The campaigns' funds")
async def campaigns(request: Request) -> Response:
    """What was put in, given and is left of each. Needs points:staff or points:treasury."""
    async with books(request, "points-desk") as (_, _, tx):
        found = await funds(tx)
    return answer({"campaigns": [fund._asdict() for fund in found]})


@router.get("/campaigns/{campaign}/effect", summary="What a campaign moved")
async def moved(request: Request, campaign: Name) -> Response:
    """Spending by shop, area, category and age band, against as many days before; groups of fewer than ten people are
    null. Needs points:staff or points:treasury."""
    caller, town = await caller_with(request, "points-desk", Action.READ), town_of(request)
    _, in_force = await town.rules(caller.tenant)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await effect(tx, in_force, campaign, town.clock())
    return answer({**found._asdict(), "groups": [group._asdict() for group in found.groups]})
