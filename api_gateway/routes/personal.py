"""What is known about me: a resident's own page, and a guardian's for a child.

These routes take the session's cookie and never a token: no app that a person uses can consent in their name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from access.consent import Disclosure
from access.personal import CATEGORIES, PURPOSES
from api_gateway.answers import answer
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.accounts import names
from api_gateway.personal.desk import PersonalDesk, desk_of
from api_gateway.session import signed_in
from broker.consent import reading
from broker.consent.register import Wish, add_person, demand_right_to_act, find_person
from broker.errors import NotFound
from broker.ports import Transaction

router = APIRouter(prefix="/account/personal", tags=["personal"], responses=PROBLEMS)

_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
_Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._:-]+$")]
_Whom = Annotated[str, Query(description="whose page: mine if left out, else a child in my care", max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewConsent(_Body):
    """What I allow. `person`: a child in my care; me if left out."""

    person: _Id | None = None
    recipient: _Id
    category: _Id
    purpose: _Id
    until: AwareDatetime
    sensitive: bool = False


class NewDeletion(_Body):
    person: _Id | None = None
    categories: Annotated[list[_Id], Field(min_length=1, max_length=20)]
    reason: _Text = ""


class Invitation(_Body):
    """Whom I invite to stand for a child in my care, such as 祖母."""

    person: _Id
    relation: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]


class Acceptance(_Body):
    code: Annotated[str, Field(min_length=1, max_length=60)]


class Acting(NamedTuple):
    """Who is logged in, for whom they act, when, and in which transaction."""

    tenant: str
    actor: str
    person: str
    now: datetime
    tx: Transaction
    desk: PersonalDesk


@asynccontextmanager
async def _acting(request: Request, whom: str | None) -> AsyncIterator[Acting]:
    """The person logged in, acting for themself or for a child in their care. Raises `NotFound` for anybody else."""
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    now = gateway.clock()
    async with gateway.database.transaction(me.tenant) as tx:
        await add_person(tx, me.tenant, me.id, now, name=me.name or me.login)
        await demand_right_to_act(tx, me.tenant, me.id, whom or me.id, now)
        yield Acting(me.tenant, me.id, whom or me.id, now, tx, desk_of(request))


async def _note(acting: Acting, request: Request, action: str, detail: str = "") -> None:
    await note(acting.tx, request, Line(action, acting.person, acting.actor, detail=detail))


@router.get("/words", summary="The kinds of personal data, and what they may be wanted for")
async def words() -> JSONResponse:
    """In Japanese and English. `sensitive` is 要配慮個人情報."""
    categories = {
        name: {"ja": one.title, "en": one.title_en, "sensitive": one.sensitive} for name, one in CATEGORIES.items()
    }
    purposes = {name: {"ja": ja, "en": en} for name, (ja, en) in PURPOSES.items()}
    return JSONResponse({"categories": categories, "purposes": purposes})


@router.get("", summary="What is known about me")
async def overview(request: Request, person: _Whom = "") -> Response:
    """Consents, emergency accesses with their review, requests for deletion, records and guardians; and in `children`
    whose page I may open too."""
    async with _acting(request, person or None) as acting:
        tx, tenant, whom = acting.tx, acting.tenant, acting.person
        about = await find_person(tx, tenant, whom)
        care = await reading.guardianships(tx, tenant, acting.actor)
        own = await reading.guardianships(tx, tenant, whom)
        given = await reading.consents(tx, tenant, whom)
        looked = await reading.emergencies(tx, tenant, whom)
        body = {
            "person": about._asdict(),
            "me": acting.actor,
            "children": [_child(one) for one in care if one["guardian"] == acting.actor and _stands(one, acting.now)],
            "guardians": [one for one in own if one["child"] == whom],
            "consents": given,
            "emergencies": looked,
            "deletions": [one._asdict() for one in await acting.desk.holdings.requests(tx, tenant, whom)],
            "records": await reading.links(tx, tenant, whom),
            "names": await names(tx, [*(c["recipient"] for c in given), *(e["officer"] for e in looked)]),
        }
    return answer(body)


def _stands(guardianship: dict[str, Any], now: datetime) -> bool:
    return guardianship["ended_at"] is None and guardianship["since"] <= now < guardianship["until"]


def _child(guardianship: dict[str, Any]) -> dict[str, Any]:
    return {"id": guardianship["child"], "name": guardianship["child_name"], "until": guardianship["until"]}


@router.get("/disclosures", summary="Who was given what about me, and who was refused")
async def disclosures(
    request: Request,
    person: _Whom = "",
    before: Annotated[int | None, Query(description="`id` to continue below")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    own: Annotated[bool, Query(description="with what I looked at and carried away myself")] = False,
) -> Response:
    """Newest first, each with its ground."""
    async with _acting(request, person or None) as acting:
        found = await reading.disclosures(acting.tx, acting.tenant, acting.person, before=before, limit=limit, own=own)
        known = await names(acting.tx, [who for line in found for who in (line["recipient"], line["by"])])
    return answer({"disclosures": found, "names": known, "next": found[-1]["id"] if len(found) == limit else None})


@router.get("/recipients/{recipient}", summary="Who asks for my consent")
async def recipient_named(request: Request, recipient: str) -> Response:
    """The name behind an app's or a person's id, for the question whether to allow it."""
    async with _acting(request, None) as acting:
        name = (await names(acting.tx, [recipient])).get(recipient)
    if name is None:
        raise NotFound("there is no app or person with that id in this city")
    return answer({"id": recipient, "name": name})


@router.post("/consents", status_code=201, summary="Allow a recipient to have data for a purpose until a day")
async def consent(request: Request, body: NewConsent) -> Response:
    """Opt-in, kept as signed evidence. 要配慮個人情報 must be named: `sensitive` true."""
    async with _acting(request, body.person) as acting:
        wish = Wish(
            recipient=body.recipient,
            category=body.category,
            purpose=body.purpose,
            until=body.until,
            sensitive=body.sensitive,
        )
        made = await acting.desk.book.grant(acting.tx, acting.tenant, acting.person, wish, acting.actor, acting.now)
        await _note(acting, request, "consent.grant", f"{body.recipient} {body.category} {body.purpose}")
    return answer(made, 201)


@router.post("/consents/{consent_id}/withdrawal", summary="Take a consent back")
async def withdrawal(request: Request, consent_id: str) -> Response:
    """From this moment: the next read and the next notification are refused."""
    async with _acting(request, None) as acting:
        done = await acting.desk.book.withdraw(acting.tx, acting.tenant, consent_id, acting.actor, acting.now)
        line = Line("consent.withdraw", done.person, acting.actor, detail=consent_id)
        await note(acting.tx, request, line)
    return answer(done)


@router.get("/export", summary="All that is held about me, to carry away")
async def export(
    request: Request, person: _Whom = "", form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json"
) -> Response:
    """Every service's records, consents, disclosures and the signed evidence. As CSV: one line for each record."""
    async with _acting(request, person or None) as acting:
        tx, tenant, whom = acting.tx, acting.tenant, acting.person
        for category in CATEGORIES:
            asked = Disclosure(
                tenant=tenant,
                person=whom,
                recipient=acting.actor,
                category=category,
                purpose="own-access",
                at=acting.now,
                reference=f"export.{form}",
            )
            await acting.desk.gate.disclose(tx, asked)
        body = {
            "person": (await find_person(tx, tenant, whom))._asdict(),
            "at": acting.now,
            "services": await acting.desk.holdings.export(tx, tenant, whom),
            "consents": await reading.consents(tx, tenant, whom),
            "guardianships": await reading.guardianships(tx, tenant, whom),
            "emergencies": await reading.emergencies(tx, tenant, whom),
            "disclosures": await reading.disclosures(tx, tenant, whom, limit=100_000),
            "evidence": await reading.evidence(tx, tenant, whom),
        }
        await _note(acting, request, "personal.export", form)
    name = f"my-data-{acting.now:%Y%m%d}.{form}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    if form == "csv":
        return Response(as_csv(body), headers=headers, media_type="text/csv; charset=utf-8")
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")


def as_csv(body: dict[str, Any]) -> bytes:
    """One line for each record: where it is held, the category, the record as JSON. UTF-8 with BOM, for Excel."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["保有するところ", "区分", "内容"])
    for service in body["services"]:
        writer.writerows(_lines(service["service"], service["category"], service["records"]))
    for kind in ("consents", "guardianships", "emergencies", "disclosures", "evidence"):
        writer.writerows(_lines("consent", kind, body[kind]))
    return out.getvalue().encode("utf-8-sig")


def _lines(service: str, category: str, records: Iterable[Any]) -> Iterable[list[str]]:
    for record in records:
        plain = msgspec.to_builtins(record)
        yield [service, category, json.dumps(plain, ensure_ascii=False)]


@router.post("/deletions", status_code=201, summary="Ask that data about me be erased")
async def ask_deletion(request: Request, body: NewDeletion) -> Response:
    """Staff decide, with a reason that I can read; what a law keeps is named."""
    async with _acting(request, body.person) as acting:
        words = (body.categories, body.reason, acting.actor, acting.now)
        id = await acting.desk.holdings.ask_deletion(acting.tx, acting.tenant, acting.person, *words)
        await _note(acting, request, "deletion.ask", " ".join(body.categories))
    return answer({"id": id}, 201)


@router.post("/invitations", status_code=201, summary="Invite somebody to stand for a child in my care")
async def invite(request: Request, body: Invitation) -> Response:
    """The code is shown this once and is good for seven days and one person."""
    async with _acting(request, body.person) as acting:
        code, expires = await acting.desk.care.invite(
            acting.tx, acting.tenant, acting.person, body.relation, acting.actor, acting.now
        )
        await _note(acting, request, "guardianship.invite", body.relation)
    return answer({"code": code, "expiresAt": expires}, 201)


@router.post("/invitations/acceptance", status_code=201, summary="Take up an invitation")
async def accept(request: Request, body: Acceptance) -> Response:
    """From now on I stand for the child as the inviting guardian does."""
    async with _acting(request, None) as acting:
        made = await acting.desk.care.accept(acting.tx, acting.tenant, body.code, acting.actor, acting.now)
        await note(acting.tx, request, Line("guardianship.begin", made.child, acting.actor))
    return answer(made, 201)


@router.post("/guardianships/{guardianship}/end", summary="Stand for a child no longer")
async def end_guardianship(request: Request, guardianship: str) -> Response:
    """By the guardian, by another guardian of the child, or by the grown child."""
    async with _acting(request, None) as acting:
        await acting.desk.care.end(acting.tx, acting.tenant, guardianship, acting.actor, acting.now)
        await note(acting.tx, request, Line("guardianship.end", guardianship, acting.actor))
    return answer({})
