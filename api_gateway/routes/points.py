"""Points for apps: a resident's wallet under consent, and open totals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of, recipient_of
from api_gateway.routes.points_forms import ACCOUNT, Id, Name, Points, asked, caller_with, town_of
from broker.errors import Invalid
from services.points.closing import outstanding
from services.points.consent import demand_consent
from services.points.credentials import issue_code
from services.points.wallet import movements, wallet

router = APIRouter(prefix="/api/v1/points", tags=["points"], responses=PROBLEMS)


class HandOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points for a member of the family (`to`, a resident's id), or for the city's donation account."""

    id: Id
    points: Points
    to: Id | None = None


@router.get("/outstanding", summary="Unused points by issuer, kind and programme (open)")
async def unused(
    request: Request, at: Annotated[datetime | None, Query(description="now if left out")] = None
) -> Response:
    """未使用残高. Totals only: nothing about a person can be read from them."""
    gate, gateway = gate_of(request), gateway_of(request)
    caller = await gate.caller(request)
    if at is not None and at.tzinfo is None:
        raise Invalid("a time needs its offset, such as 2026-09-30T23:59:59+09:00", field="at")
    time = at or town_of(request).clock()
    async with gateway.database.transaction(caller.tenant) as tx:
        rows = [row._asdict() for row in await outstanding(tx, time)]
    return answer({"at": time, "total": sum(row["points"] for row in rows), "outstanding": rows})


async def _consented(request: Request, resident: str) -> tuple[Caller, str]:
    """The caller and the resident's account, where the resident has consented to this app."""
    caller = await caller_with(request, "points-wallet")
    account = ACCOUNT + resident
    subject, now = caller.subject, gateway_of(request).clock()
    by = subject.id if subject.kind == "person" else ""
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        gate = desk_of(request).gate
        reference = request.url.path.rpartition("/")[2]
        await demand_consent(tx, gate, caller.tenant, account, recipient_of(subject), reference, now, by)
    return caller, account


@router.get("/residents/{resident}/wallet", summary="A resident's points, under consent")
async def own_wallet(request: Request, resident: Name) -> Response:
    """In the national model's names: money* was bought, point* was given. Needs points:wallet and consent."""
    caller, account = await _consented(request, resident)
    gateway = gateway_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        found = await wallet(tx, account, town_of(request).clock())
    return answer({**found._asdict(), "lots": [lot._asdict() for lot in found.lots]})


@router.get("/residents/{resident}/movements", summary="A resident's history, each line with its reason")
async def own_movements(
    request: Request,
    resident: Name,
    before: Annotated[int | None, Query(description="`seq` to continue below")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first. Needs points:wallet and consent."""
    caller, account = await _consented(request, resident)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await movements(tx, account, before, limit)
    return answer({"movements": [line._asdict() for line in found]})


@router.post("/residents/{resident}/codes", summary="A one-time code to show at a till")
async def own_code(request: Request, resident: Name) -> Response:
    """Good for three minutes and one payment. Needs points:wallet and consent."""
    caller, account = await _consented(request, resident)
    gateway = gateway_of(request)
    code, expires = await issue_code(gateway.database, caller.tenant, account, town_of(request).clock())
    return answer({"code": code, "expiresAt": expires})


@router.post("/residents/{resident}/transfers", summary="Hand points on within the family, or donate them")
async def hand_on(request: Request, resident: Name) -> Response:
    """Without `to` the points go to the city's donation account. Needs points:wallet and consent."""
    caller, account = await _consented(request, resident)
    return await hand_points_on(request, caller.tenant, account, await asked(request, HandOn))


async def hand_points_on(request: Request, tenant: str, account: str, body: HandOn) -> Response:
    """Out of an account to a member of the family, or to the city's donation account."""
    town = town_of(request)
    if body.to is None:
        done = await town.donate(tenant, body.id, account, body.points)
    else:
        done = await town.hand_on(tenant, body.id, account, ACCOUNT + body.to, body.points)
    return answer({"id": body.id, "points": done.amount, "at": done.at})
