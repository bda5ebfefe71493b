"""A resident's own points: what they have and why, the one-time code, paying a shop, handing on, checking in."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.auth import Caller
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of, recipient_of
from api_gateway.routes.points import HandOn, hand_points_on
from api_gateway.routes.points_forms import ACCOUNT, asked, caller_with, town_of
from broker.errors import Conflict, Forbidden
from services.points.checkin import check_in
from services.points.consent import demand_consent
from services.points.credentials import issue_code
from services.points.membership import account_of, join
from services.points.till import pay_shop
from services.points.wallet import movements, wallet

router = APIRouter(prefix="/api/v1/points/me", tags=["points"], responses=PROBLEMS)


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points for the shop whose code was scanned. `id` is the app's own, for this payment alone."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=36, pattern=r"^[A-Za-z0-9._-]+$")]
    code: Annotated[str, msgspec.Meta(max_length=512)]
    points: Annotated[int, msgspec.Meta(ge=1, le=10**8)]


class Scan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of an event."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class _Mine(NamedTuple):
    caller: Caller
    account: str


async def _person(request: Request, action: Action) -> Caller:
    caller = await caller_with(request, "points-own", action)
    if caller.subject.kind != "person":
        raise Forbidden("only a person has points of their own; apps ask for points:wallet and the person's consent")
    return caller


async def _mine(request: Request, action: Action = Action.WRITE) -> _Mine:
    """The person's account. An app that they use passes the gate for personal data; the city's own page shows them
    their own and tells nobody."""
    caller = await _person(request, action)
    subject, gateway = caller.subject, gateway_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        account = await account_of(tx, caller.tenant, subject.id)
        if account is None:
            raise Conflict("you have no points account yet; open one first")
        if recipient_of(subject) != subject.id:
            gate, reference = desk_of(request).gate, request.url.path.rpartition("/")[2]
            await demand_consent(
                tx, gate, caller.tenant, account, recipient_of(subject), reference, gateway.clock(), subject.id
            )
    return _Mine(caller, account)


@router.get("", summary="My points")
async def me(request: Request) -> Response:
    """In the national model's names: money* was bought, point* was given. `resident` is null before I join."""
    caller = await _person(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        known = await account_of(tx, caller.tenant, caller.subject.id)
    if known is None:
        return answer({"resident": None})
    mine = await _mine(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await wallet(tx, mine.account, town_of(request).clock())
    lots = [lot._asdict() for lot in found.lots]
    return answer({"resident": mine.account.removeprefix(ACCOUNT), **found._asdict(), "lots": lots})


@router.put("", summary="Open my account")
async def open_account(request: Request) -> Response:
    """Again is no error."""
    caller = await _person(request, Action.WRITE)
    now = gateway_of(request).clock()
    account = await join(town_of(request), caller.tenant, caller.subject.id, "", now)
    return answer({"resident": account.removeprefix(ACCOUNT)})


@router.get("/movements", summary="My history, each line with its reason")
async def history(
    request: Request,
    before: Annotated[int | None, Query(description="`seq` to continue below")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Response:
    """Newest first."""
    mine = await _mine(request, Action.READ)
    async with gateway_of(request).database.transaction(mine.caller.tenant) as tx:
        found = await movements(tx, mine.account, before, limit)
    return answer({"movements": [line._asdict() for line in found]})


@router.post("/codes", summary="A one-time code to show at a till")
async def code(request: Request) -> Response:
    """Good for three minutes and one payment."""
    mine, gateway = await _mine(request), gateway_of(request)
    made, expires = await issue_code(gateway.database, mine.caller.tenant, mine.account, town_of(request).clock())
    return answer({"code": made, "expiresAt": expires})


@router.post("/payments", summary="Pay a shop whose code I scanned")
async def pay(request: Request) -> Response:
    """All in points, so it earns none. Safe to repeat under the same id."""
    mine, body = await _mine(request), await asked(request, Payment)
    town = town_of(request)
    shop, receipt = await pay_shop(town, mine.caller.tenant, mine.account, body.id, body.code, body.points)
    return answer({"shop": shop.name, "points": receipt.points, "balance": receipt.balance, "at": receipt.at})


@router.post("/transfers", summary="Hand points on within my family, or donate them")
async def hand_on(request: Request) -> Response:
    """Without `to` the points go to the city's donation account."""
    mine = await _mine(request)
    return await hand_points_on(request, mine.caller.tenant, mine.account, await asked(request, HandOn))


@router.post("/checkins", summary="I was there: scan an event's code")
async def checkin(request: Request) -> Response:
    """What the event earns, once for each person; again answers the same."""
    mine, body = await _mine(request), await asked(request, Scan)
    title, earned = await check_in(town_of(request), mine.caller.tenant, mine.account, body.code)
    return answer({"title": title, "earned": [one._asdict() for one in earned]})
