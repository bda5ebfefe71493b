"""安否: a resident says how they are, and reads how those are who allow it. Staff read what residents let them.

The resident's routes take the session's cookie and never a token: no app speaks for somebody in a flood.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.consent import Disclosure
from access.policy import Action
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.accounts import names
from api_gateway.personal.desk import desk_of
from api_gateway.routes.officers import PREFIX, answer_json, demand_caller, officer_of
from api_gateway.session import signed_in
from broker.consent.register import Wish, add_person
from broker.errors import NotFound
from broker.ports import Transaction
from services.evacuation.shelters import safety
from services.evacuation.shelters.safety import CATEGORY, CITY, PURPOSE, Report, Safety

router = APIRouter(tags=["evacuation"], responses=PROBLEMS)
_CITY_READS = timedelta(days=14)
"""How long the municipality may read a report that was shared with it; then the person is asked again."""


class Said(BaseModel):
    """How I am. `tellCity`: the municipality may read it by name, for the two weeks to come or until I take it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Safety
    shelter: Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")] = ""
    note: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    tell_city: bool = Field(default=False, alias="tellCity")


@router.get("/account/safety", summary="How I am, and those who let me know")
async def mine(request: Request) -> Response:
    """My own word, and those of persons whose consent lets me read theirs; each reading is booked for them to see."""
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    async with gateway.database.transaction(me.tenant) as tx:
        own = await safety.report_of(tx, me.tenant, me.id)
        asked = _asked(me.tenant, me.id, me.id, gateway.clock())
        others = [one for one in await _readable(request, tx, asked) if one["person"] != me.id]
    return answer_json({"mine": own, "others": others})


@router.put("/account/safety", summary="Say how I am")
async def say(request: Request, body: Said) -> Response:
    """In place of what I said before."""
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    now = gateway.clock()
    async with gateway.database.transaction(me.tenant) as tx:
        await add_person(tx, me.tenant, me.id, now, name=me.name or me.login)
        await _withdraw(request, tx, me.tenant, me.id)
        consent = None
        if body.tell_city:
            wish = Wish(recipient=CITY, category=CATEGORY, purpose=PURPOSE, until=now + _CITY_READS)
            consent = (await desk_of(request).book.grant(tx, me.tenant, me.id, wish, me.id, now)).id
        said = Report(
            state=body.state,
            shelter_id=body.shelter or None,
            note=body.note,
            reported_by=me.id,
            reported_at=now,
            consent=consent,
        )
        await safety.save_report(tx, me.tenant, me.id, said)
        await note(tx, request, Line("safety.say", me.id, me.id, detail="shared" if consent else "own"))
    return answer_json(said)


@router.delete("/account/safety", summary="Take back what I said", status_code=204)
async def forget(request: Request) -> Response:
    """It is gone, and the consent that went with it."""
    me = (await signed_in(request)).session.person
    async with gateway_of(request).database.transaction(me.tenant) as tx:
        await _withdraw(request, tx, me.tenant, me.id)
        there, _ = await safety.forget_report(tx, me.tenant, me.id)
        if not there:
            raise NotFound("you have said nothing that could be taken back")
        await note(tx, request, Line("safety.forget", me.id, me.id))
    return Response(status_code=204)


@router.get(f"{PREFIX}/safety", summary="Residents who let the municipality know how they are")
async def for_staff(request: Request) -> Response:
    """By name, only of those whose consent (or another registered ground) allows it; each reading is booked. Needs
    evacuation:read, and a person."""
    caller = await demand_caller(request, Action.READ)
    gateway = gateway_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        officer = await officer_of(tx, caller)
        found = await _readable(request, tx, _asked(caller.tenant, CITY, officer.id, gateway.clock()))
        await note(tx, request, Line("safety.read", str(len(found)), officer.id, caller.subject.client))
    return answer_json({"reports": found})


def _asked(tenant: str, recipient: str, by: str, now: Any) -> Disclosure:
    return Disclosure(
        tenant=tenant, person="", recipient=recipient, category=CATEGORY, purpose=PURPOSE, at=now, by=by,
        reference="safety",
    )  # fmt: skip


async def _readable(request: Request, tx: Transaction, asked: Disclosure) -> list[dict[str, Any]]:
    """The reports that the recipient may have, each booked in `tx`."""
    gate = desk_of(request).gate
    allowed = await gate.permitted_among(tx, asked, await safety.reporters(tx, asked.tenant))
    passed = [
        person for person in allowed if (await gate.tell(tx, msgspec.structs.replace(asked, person=person))).allowed
    ]
    reports = await safety.reports_of(tx, asked.tenant, passed)
    known = await names(tx, reports)
    return [
        {"person": person, "name": known.get(person, ""), **msgspec.to_builtins(report)}
        for person, report in reports.items()
    ]


async def _withdraw(request: Request, tx: Transaction, tenant: str, person: str) -> None:
    """The consent of the word before ends with that word."""
    before = await safety.report_of(tx, tenant, person)
    if before is not None and before.consent is not None:
        now = gateway_of(request).clock()
        await desk_of(request).book.withdraw(tx, tenant, before.consent, person, now)
