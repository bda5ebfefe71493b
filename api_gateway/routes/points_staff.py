"""The points' counter: residents, cards, consent, shops and their staff, claims, events to check in at."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of
from api_gateway.routes.points_forms import (
    ACCOUNT,
    Aware,
    Body,
    Id,
    Name,
    Points,
    asked,
    books,
    caller_with,
    town_of,
)
from broker.errors import Invalid, NotFound
from services.points.checkin import CheckIn, checkins, open_checkin
from services.points.consent import note_consent
from services.points.credentials import issue_card, unlock_card
from services.points.earning import Occasion
from services.points.leaving import leave, stay
from services.points.overview import shops
from services.points.town import Shop
from services.points.wallet import expiring

router = APIRouter(prefix="/api/v1/points/staff", tags=["points", "staff"], responses=PROBLEMS)


class Resident(Body, frozen=True):
    """A resident to enrol, with only what rules may ask about."""

    id: Id
    household: str | None = None
    born: date | None = None
    residence: str | None = None
    family: str | None = None


class Card(Body, frozen=True):
    """A card to print for a resident."""

    pin: str


class Limits(Body, frozen=True):
    """How many points a resident may pay at once and in a day; null: no limit."""

    per_payment: Points | None = None
    per_day: Points | None = None


class Unlock(Body, frozen=True):
    """A card to let be used again."""

    card: str


class Consent(Body, frozen=True):
    """A resident's word about an app."""

    client_id: str
    given: bool


class Till(Body, frozen=True):
    """Who shall act for a shop: an API client, or a member of the shop's staff by the address they log in with."""

    name: str
    client_id: str | None = None
    login: str | None = None


class Claim(Body, frozen=True):
    """A fixed grant (`campaign`, `proof`) or taking part in something (`event`, `event_id`)."""

    id: Id
    resident: Id
    campaign: str | None = None
    proof: str | None = None
    event: str | None = None
    event_id: str | None = None


class Event(Body, frozen=True):
    """An event where residents check in by its code. `event` is the word of the rules."""

    id: Id
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    starts_at: Aware
    ends_at: Aware


@router.post("/residents", summary="Enrol a resident")
async def enrol(request: Request) -> Response:
    """Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Resident)
    known = {name: getattr(body, name) for name in ("household", "born", "residence", "family")}
    return answer({"account": await town_of(request).enrol(caller.tenant, body.id, known)})


@router.post("/residents/{resident}/cards", summary="Issue a card")
async def card(request: Request, resident: Name) -> Response:
    """The number is shown once, to be printed. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Card)
    await town_of(request).person(caller.tenant, ACCOUNT + resident)
    number = await issue_card(gateway_of(request).database, caller.tenant, ACCOUNT + resident, body.pin)
    return answer({"card": number})


@router.put("/residents/{resident}/limits", summary="Limit what a resident's account may pay")
async def limit(request: Request, resident: Name) -> Response:
    """At once and in a day, from now on; new accounts have the city's limits. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body, ledger = await asked(request, Limits), town_of(request).ledger
    await ledger.set_limits(caller.tenant, ACCOUNT + resident, body.per_payment, body.per_day)
    return answer(body)


@router.post("/cards/unlock", summary="Unlock a card")
async def unlock(request: Request) -> Response:
    """Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Unlock)
    await unlock_card(gateway_of(request).database, caller.tenant, body.card)
    return answer({"unlocked": True})


@router.put("/residents/{resident}/consent", summary="Note a resident's consent for an app, or its withdrawal")
async def consent(request: Request, resident: Name) -> Response:
    """Needs points:staff (the counter, where residents give their word)."""
    caller = await caller_with(request, "points-staff")
    body, gateway = await asked(request, Consent), gateway_of(request)
    await town_of(request).person(caller.tenant, ACCOUNT + resident)
    async with gateway.database.transaction(caller.tenant) as tx:
        book, account, clerk, now = desk_of(request).book, ACCOUNT + resident, caller.subject.id, gateway.clock()
        await note_consent(tx, book, caller.tenant, account, body.client_id, clerk, now, given=body.given)
    return answer({"given": body.given})


@router.post("/shops", summary="Take a shop in")
async def open_shop(request: Request) -> Response:
    """Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Shop)
    await town_of(request).open_books(caller.tenant)
    await town_of(request).open_shop(caller.tenant, body)
    return answer(body)


@router.put("/shops/{shop}/leaving", summary="Let a shop leave: it takes no more payments")
async def let_leave(request: Request, shop: Name) -> Response:
    """Refunds go on until the last settlement. Again is no error. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    return answer({"shop": shop, "leavingAt": await leave(town_of(request), caller.tenant, shop)})


@router.delete("/shops/{shop}/leaving", summary="Let a shop stay after all", status_code=204)
async def let_stay(request: Request, shop: Name) -> Response:
    """It takes payments again. 404 once it was settled for the last time. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    await stay(town_of(request), caller.tenant, shop)
    return Response(status_code=204)


@router.post("/shops/{shop}/tills", summary="Let an API client or a member of staff act for a shop")
async def add_till(request: Request, shop: Name) -> Response:
    """Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Till)
    if (body.client_id is None) == (body.login is None):
        raise Invalid("give either clientId, or login of a member of staff", field="clientId")
    acts = body.client_id or await _account_named(request, caller.tenant, body.login or "")
    await town_of(request).add_till(caller.tenant, shop, acts, body.name)
    return answer({"shop": shop, "clientId": acts})


async def _account_named(request: Request, tenant: str, login: str) -> str:
    async with gateway_of(request).database.transaction(tenant) as tx:
        found: str | None = await tx.fetchval("select id from user_account where login = $1", login.strip().lower())
    if found is None:
        raise NotFound(f"nobody has an account with the address {login!r}; they sign up first")
    return found


@router.post("/claims", summary="Give what a claim or taking part earns")
async def claim(request: Request) -> Response:
    """Once only where the rule says so. Empty `earned`: no rule was met, or it was given before. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body, town = await asked(request, Claim), town_of(request)
    occasion = Occasion(
        id=f"claim/{body.id}",
        person=await town.person(caller.tenant, ACCOUNT + body.resident),
        at=town_of(request).clock(),
        campaign=body.campaign,
        proof=body.proof,
        event=body.event,
        event_id=body.event_id,
    )
    return answer({"earned": [earned._asdict() for earned in await town.earn(caller.tenant, occasion)]})


@router.get("/shops", summary="The member shops")
async def list_shops(request: Request) -> Response:
    """With how many tills act for each. Needs points:staff or points:treasury."""
    async with books(request, "points-desk") as (_, _, tx):
        found = await shops(tx)
    return answer({"shops": [shop._asdict() for shop in found]})


@router.get("/checkins", summary="Events to check in at")
async def list_checkins(request: Request) -> Response:
    """With how many people checked in, the newest first. Needs points:staff."""
    async with books(request, "points-staff") as (_, _, tx):
        found = await checkins(tx)
    return answer({"checkins": [one._asdict() for one in found]})


@router.post("/checkins", summary="Set up an event to check in at")
async def add_checkin(request: Request) -> Response:
    """`code` is what its QR code says; it is shown once. Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Event)
    wanted = CheckIn(body.id, body.event, body.title, body.starts_at, body.ends_at)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        code = await open_checkin(tx, wanted, caller.subject.id)
    return answer({"id": body.id, "code": code})


@router.get("/expiring", summary="Whom to tell of points that expire soon")
async def soon(
    request: Request,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    limit: Annotated[int, Query(ge=1, le=50_000)] = 1000,
) -> Response:
    """期限のお知らせ. Needs points:staff."""
    async with books(request, "points-staff") as (_, town, tx):
        found = await expiring(tx, town.clock(), days, limit)
    return answer({"expiring": [row._asdict() for row in found]})
