"""Points for those who run them: residents, shops, rules and their dry run, sales, closings, settlements, the proof."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of
from api_gateway.routes.points import ACCOUNT, Aware, Name, answer, asked, caller_with, shop_named, town_of
from broker.errors import Invalid, NotFound
from services.points.closing import close
from services.points.consent import note_consent
from services.points.credentials import issue_card, unlock_card
from services.points.dry_run import dry_run
from services.points.earning import Occasion
from services.points.rulebook import check_rules
from services.points.settlement import find, lines, settle
from services.points.statement import as_csv, as_pdf
from services.points.town import Shop
from services.points.verify import verify
from services.points.wallet import expiring

router = APIRouter(prefix="/api/v1/points/staff", tags=["points", "staff"], responses=PROBLEMS)
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$")]
_Points = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Resident(_Body, frozen=True):
    """A resident to enrol, with only what rules may ask about."""

    id: _Id
    household: str | None = None
    born: date | None = None
    residence: str | None = None
    family: str | None = None


class Card(_Body, frozen=True):
    """A card to print for a resident."""

    pin: str


class Unlock(_Body, frozen=True):
    """A card to let be used again."""

    card: str


class Consent(_Body, frozen=True):
    """A resident's word about an app."""

    client_id: str
    given: bool


class Till(_Body, frozen=True):
    """An API client that shall act for a shop."""

    client_id: str
    name: str


class Fund(_Body, frozen=True):
    """Points for a campaign's fund."""

    id: _Id
    points: _Points


class Sale(_Body, frozen=True):
    """Premium points: bought ones and a bonus, good until `expires_at`."""

    id: _Id
    resident: _Id
    points: _Points
    expires_at: Aware
    programme: _Id
    bonus: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


class Claim(_Body, frozen=True):
    """A fixed grant (`campaign`, `proof`) or taking part in something (`event`, `event_id`)."""

    id: _Id
    resident: _Id
    campaign: str | None = None
    proof: str | None = None
    event: str | None = None
    event_id: str | None = None


class DryRun(_Body, frozen=True):
    """Rules to try on what happened from `start` until before `end`, with a budget for each campaign."""

    rules: dict[str, Any]
    start: Aware
    end: Aware
    budgets: dict[str, int] = {}


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


@router.post("/shops/{shop}/tills", summary="Let an API client act for a shop")
async def add_till(request: Request, shop: Name) -> Response:
    """Needs points:staff."""
    caller = await caller_with(request, "points-staff")
    body = await asked(request, Till)
    await town_of(request).add_till(caller.tenant, shop, body.client_id, body.name)
    return answer({"shop": shop, "clientId": body.client_id})


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


@router.get("/expiring", summary="Whom to tell of points that expire soon")
async def soon(
    request: Request,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    limit: Annotated[int, Query(ge=1, le=50_000)] = 1000,
) -> Response:
    """期限のお知らせ. Needs points:staff."""
    caller = await caller_with(request, "points-staff", Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await expiring(tx, town_of(request).clock(), days, limit)
    return answer({"expiring": [row._asdict() for row in found]})


@router.post("/closings/{day}", summary="Close a day, or show its closing")
async def closing(request: Request, day: date) -> Response:
    """日次締め. `head` is the digest to publish. Needs points:treasury."""
    caller, gateway = await caller_with(request, "points-treasury"), gateway_of(request)
    made = await close(gateway.database, caller.tenant, day, town_of(request).clock())
    rows = [row._asdict() for row in made.outstanding]
    return answer({**msgspec.to_builtins(made), "outstanding": rows, "unused": made.unused})


@router.get("/verify", summary="Prove the books")
async def prove(request: Request, anchor: str | None = None) -> Response:
    """Balances, lots and seals from the journal alone. Needs points:treasury."""
    caller = await caller_with(request, "points-treasury", Action.READ)
    proof = await verify(gateway_of(request).database, caller.tenant, anchor)
    return answer({**proof._asdict(), "whole": not proof.faults})


@router.post("/settlements/{shop}/{month}", summary="Settle a shop's month, or show its settlement")
async def settlement(request: Request, shop: Name, month: str) -> Response:
    """`month` as 2026-07. Once, however often asked. Needs points:treasury."""
    caller, gateway, town = await caller_with(request, "points-treasury"), gateway_of(request), town_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        found = await shop_named(tx, town, shop)
    made = await settle(gateway.database, town.ledger, caller.tenant, found, _month(month), town_of(request).clock())
    return answer({**msgspec.to_builtins(made), "fees": made.fees})


@router.get(
    "/settlements/{shop}/{month}/statement.{form}", summary="The statement as csv or pdf", response_class=Response
)
async def statement(request: Request, shop: Name, month: str, form: str) -> Response:
    """精算書, `form` csv or pdf. Needs points:treasury."""
    caller, gateway, town = (
        await caller_with(request, "points-treasury", Action.READ),
        gateway_of(request),
        town_of(request),
    )
    async with gateway.database.transaction(caller.tenant) as tx:
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


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise Invalid(f"{text!r} is not a month; write it as 2026-07", field="month") from error
