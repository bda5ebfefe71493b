"""Points at the till of a member shop: its code, taking points, refunding, cancelling, and what it took."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.auth import Caller
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.points_forms import Aware, Body, Points, asked, caller_with, town_of
from broker.errors import Invalid
from services.points.credentials import Presented
from services.points.emv import ShopCode, build
from services.points.till import cancel, purchases
from services.points.till import refund as refund_points
from services.points.town import Checkout, Shop

router = APIRouter(prefix="/api/v1/points/till", tags=["points"], responses=PROBLEMS)
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=59, pattern=r"^[A-Za-z0-9._-]+$")]
"""The till's own id of a sale or refund: "cancel:" and the shop go before it."""


class Sold(Body, frozen=True):
    """A purchase at a till. Either `code` (the resident's one-time code) or `card` with `pin`."""

    id: _Id
    yen: int
    points: int = 0
    code: str | None = None
    card: str | None = None
    pin: str | None = None
    till_clock: Aware | None = None


class Refund(Body, frozen=True):
    """Points of a payment to be given back."""

    id: _Id
    payment: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[A-Za-z0-9:._-]+$")]
    points: Points


class Cancellation(Body, frozen=True):
    """A purchase (by the till's id of it) that is to be undone."""

    purchase: _Id


async def _till(request: Request) -> tuple[Caller, Shop]:
    caller = await caller_with(request, "points-till")
    return caller, await town_of(request).shop_of(caller.tenant, caller.subject.id)


@router.get("/shop", summary="The till's shop and the code to show")
async def shop(
    request: Request,
    yen: Annotated[int | None, Query(ge=1, le=100_000_000)] = None,
    reference: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9]{1,25}$")] = None,
) -> Response:
    """`code` is the text of an EMVCo merchant-presented QR: static, or dynamic for `yen`. Needs points:till."""
    caller, mine = await _till(request)
    code = build(ShopCode(caller.tenant, mine.id, mine.name, mine.area or "-", yen, reference))
    return answer({"shop": mine, "code": code})


@router.get("/purchases", summary="What the shop took of late")
async def taken(
    request: Request,
    hours: Annotated[int, Query(ge=1, le=24 * 62)] = 24,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first; nothing about who bought. Needs points:till."""
    caller, mine = await _till(request)
    since = town_of(request).clock() - timedelta(hours=hours)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await purchases(tx, mine, since, limit)
    return answer({"purchases": [one._asdict() for one in found]})


@router.post("/purchases", summary="Take points for a purchase and give what it earns")
async def purchase(request: Request) -> Response:
    """Safe to repeat under the same id. A refusal says in Japanese what to tell the customer. Needs points:till."""
    caller, mine = await _till(request)
    body = await asked(request, Sold)
    if (body.code is None) == (body.card is None):
        raise Invalid("give either code, or card with pin", field="code")
    shown = Presented(body.code, body.card, body.pin)
    wanted = Checkout(body.id, shown, body.yen, body.points, body.till_clock)
    receipt = await town_of(request).checkout(caller.tenant, mine, wanted)
    return answer({**receipt._asdict(), "earned": [earned._asdict() for earned in receipt.earned]})


@router.post("/refunds", summary="Give points of a payment back")
async def refund(request: Request) -> Response:
    """In parts up to the whole; the very lots are restored. Needs points:till."""
    caller, mine = await _till(request)
    body = await asked(request, Refund)
    done = await refund_points(town_of(request), caller.tenant, mine, body.id, body.payment, body.points)
    return answer({"id": body.id, "points": done.amount, "at": done.at})


@router.post("/cancellations", summary="Cancel a purchase")
async def cancellation(request: Request) -> Response:
    """All that was paid in points goes back; what it earned is taken back as far as it has not been spent. Safe to
    repeat. Needs points:till."""
    caller, mine = await _till(request)
    body = await asked(request, Cancellation)
    done = await cancel(town_of(request), caller.tenant, mine, body.purchase)
    return answer({"refunded": done.refunded, "takenBack": done.taken_back})
