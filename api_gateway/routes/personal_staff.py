"""Personal data for staff: persons and their records, legal grounds, emergency access and its review, deletions."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.consent import Disclosure
from access.personal import MUNICIPALITY
from access.policy import Action
from api_gateway import audit
from api_gateway.answers import answer
from api_gateway.auth import Caller, gate_of
from api_gateway.body import read_json
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.accounts import account_named, names
from api_gateway.personal.desk import PersonalDesk, desk_of
from broker.consent import reading
from broker.consent.exceptions import NewEmergency, NewGround
from broker.consent.register import add_person, find_person, link, unlink
from broker.errors import Forbidden, Invalid
from broker.ports import Transaction

router = APIRouter(prefix="/api/v1", tags=["personal", "staff"], responses=PROBLEMS)
_MOST = 16 * 1024
_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
_Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._:/-]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewPerson(_Body):
    """Somebody without an account of their own: a child, or an elder whose family looks after their tag."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
    born: date | None = None


class NewLink(_Body):
    """A record of a service (``points``, ``dispatch``, ``tags``…) that is about the person."""

    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    reference: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$")]


class NewGuardian(_Body):
    """The guardian's account, by its address, once staff have seen the proof. `until`: where it ends before 18."""

    login: _Text
    relation: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]
    until: AwareDatetime | None = None


class Review(_Body):
    outcome: Literal["justified", "not-justified"]
    note: _Text


class Deletion(_Body):
    decision: Literal["erase", "keep"]
    explanation: _Text


class Asked(NamedTuple):
    """A member of staff, a transaction of their tenant, and the parts."""

    caller: Caller
    tx: Transaction
    desk: PersonalDesk
    now: datetime

    @property
    def tenant(self) -> str:
        return self.caller.tenant

    @property
    def by(self) -> str:
        return self.caller.subject.id


@asynccontextmanager
async def _asked(request: Request, action: Action, service: str) -> AsyncIterator[Asked]:
    gate, gateway = gate_of(request), gateway_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, f"service:{service}")
    async with gateway.database.transaction(caller.tenant) as tx:
        yield Asked(caller, tx, desk_of(request), gateway.clock())


async def _note(asked: Asked, request: Request, action: str, object_: str, detail: str = "") -> None:
    line = audit.Line(action, object_, asked.by, asked.caller.subject.client, "", True, detail)
    await audit.note(asked.tx, request, line)


async def _body(request: Request, shape: type[Any]) -> Any:
    try:
        return msgspec.convert(await read_json(request, _MOST), shape)
    except msgspec.ValidationError as error:
        path = str(error).rpartition("`$")[2].rstrip("`").strip(".") or None
        raise Invalid(str(error), field=path) from error


@router.get("/persons", summary="Find a person by name or number")
async def persons(
    request: Request,
    q: Annotated[str, Query(description="part of the name, or the number", min_length=1, max_length=100)],
    after: Annotated[str, Query(description="continue after this id", max_length=200)] = "",
) -> Response:
    """Needs persons:read. The search itself stands in the audit trail."""
    async with _asked(request, Action.READ, "persons") as asked:
        found = await reading.search(asked.tx, asked.tenant, q.replace("\x00", ""), after=after)
        await _note(asked, request, "persons.search", q, f"{len(found)} persons")
    return answer({"persons": found})


@router.post("/persons", status_code=201, summary="Register a person without an account")
async def add(request: Request, body: NewPerson) -> Response:
    """Needs persons:write."""
    async with _asked(request, Action.WRITE, "persons") as asked:
        id = f"{asked.tenant}.{secrets.token_urlsafe(12)}"
        await add_person(asked.tx, asked.tenant, id, asked.now, name=body.name, born=body.born)
        await _note(asked, request, "person.add", id)
    return answer({"id": id}, 201)


@router.post("/persons/{person}/links", status_code=201, summary="Note that a record is about a person")
async def add_link(request: Request, person: str, body: NewLink) -> Response:
    """409 where it is somebody else's. Needs persons:write."""
    async with _asked(request, Action.WRITE, "persons") as asked:
        await find_person(asked.tx, asked.tenant, person)
        await link(asked.tx, asked.tenant, person, body.service, body.reference, asked.by, asked.now)
        await _note(asked, request, "person.link", person, f"{body.service} {body.reference}")
    return answer({}, 201)


@router.delete("/persons/{person}/links", status_code=204, summary="Note that it is not")
async def remove_link(request: Request, person: str, service: str, reference: str) -> Response:
    """Needs persons:write."""
    async with _asked(request, Action.WRITE, "persons") as asked:
        await unlink(asked.tx, asked.tenant, person, service, reference)
        await _note(asked, request, "person.unlink", person, f"{service} {reference}")
    return Response(status_code=204)


@router.post("/persons/{person}/guardians", status_code=201, summary="Confirm a guardian")
async def confirm_guardian(request: Request, person: str, body: NewGuardian) -> Response:
    """Staff have seen the proof. It ends when the child is 18, or before at `until`. Needs persons:write."""
    async with _asked(request, Action.WRITE, "persons") as asked:
        tx, tenant, now = asked.tx, asked.tenant, asked.now
        guardian, name = await account_named(tx, body.login)
        await add_person(tx, tenant, guardian, now, name=name)
        made = await asked.desk.care.confirm(tx, tenant, guardian, person, body.relation, asked.by, now, body.until)
        await _note(asked, request, "guardianship.confirm", person, guardian)
    return answer(made, 201)


@router.post("/guardianships/{guardianship}/end", summary="End a guardianship")
async def end_guardianship(request: Request, guardianship: str) -> Response:
    """Needs persons:write."""
    async with _asked(request, Action.WRITE, "persons") as asked:
        await asked.desk.care.end(asked.tx, asked.tenant, guardianship, asked.by, asked.now, staff=True)
        await _note(asked, request, "guardianship.end", guardianship)
    return answer({})


@router.get("/legal-grounds", summary="Grounds other than consent")
async def grounds(request: Request) -> Response:
    """Those revoked too. Needs grounds:read."""
    async with _asked(request, Action.READ, "grounds") as asked:
        found = await asked.desk.exceptions.grounds(asked.tx, asked.tenant)
    return answer({"grounds": found})


@router.post("/legal-grounds", status_code=201, summary="Register a ground of the act, named and justified")
async def add_ground(request: Request) -> Response:
    """`ground`, `recipient`, `category`, `purpose`, `justification`; `law` for law. Needs grounds:write."""
    async with _asked(request, Action.WRITE, "grounds") as asked:
        wish: NewGround = await _body(request, NewGround)
        id = await asked.desk.exceptions.register(asked.tx, asked.tenant, wish, asked.by, asked.now)
        await _note(asked, request, "ground.register", id, f"{wish.ground} {wish.recipient} {wish.category}")
    return answer({"id": id}, 201)


@router.post("/legal-grounds/{ground}/revocation", summary="Revoke a ground")
async def revoke_ground(request: Request, ground: str) -> Response:
    """Disclosures rest on it no more. Needs grounds:write."""
    async with _asked(request, Action.WRITE, "grounds") as asked:
        await asked.desk.exceptions.revoke(asked.tx, asked.tenant, ground, asked.by, asked.now)
        await _note(asked, request, "ground.revoke", ground)
    return answer({})


@router.get("/emergencies", summary="Emergency accesses, those to be reviewed first")
async def emergencies(request: Request) -> Response:
    """Needs emergencies:read."""
    async with _asked(request, Action.READ, "emergencies") as asked:
        found = await asked.desk.exceptions.emergencies(asked.tx, asked.tenant)
        known = await names(asked.tx, [who for one in found for who in (one["officer"], one["person"])])
    return answer({"emergencies": found, "names": known})


@router.post("/emergencies", status_code=201, summary="Open an emergency access to one person's data")
async def open_emergency(request: Request) -> Response:
    """Under the officer's own name, for `minutes` at most 1440, with a reason that the person will read. Needs
    emergencies:use, of a person and not of an app."""
    async with _asked(request, Action.WRITE, "emergencies") as asked:
        _only_people(asked.caller)
        wish: NewEmergency = await _body(request, NewEmergency)
        made = await asked.desk.exceptions.open(asked.tx, asked.tenant, wish, asked.by, asked.now)
        await _note(asked, request, "emergency.open", wish.person, wish.reason)
    return answer(made, 201)


def _only_people(caller: Caller) -> None:
    if caller.subject.kind != "person":
        raise Forbidden("an emergency access is a named officer's, never an app's")


@router.get("/emergencies/{emergency}/data", summary="Look, while it is open")
async def look(
    request: Request, emergency: str, category: Annotated[str, Query(min_length=1, max_length=60)]
) -> Response:
    """Every look is booked and shown to the person. Needs emergencies:use."""
    async with _asked(request, Action.WRITE, "emergencies") as asked:
        _only_people(asked.caller)
        found = await asked.desk.exceptions.find(asked.tx, asked.tenant, emergency)
        question = Disclosure(
            tenant=asked.tenant,
            person=found.person,
            recipient=MUNICIPALITY,
            category=category,
            purpose="missing-person",
            at=asked.now,
            by=asked.by,
            reference=f"emergency {emergency}",
        )
        await asked.desk.gate.disclose(asked.tx, question)
        body = await asked.desk.holdings.export(asked.tx, asked.tenant, found.person, frozenset({category}))
        await _note(asked, request, "emergency.look", found.person, category)
    return answer({"services": body})


@router.post("/emergencies/{emergency}/end", summary="End an emergency access before its time")
async def end_emergency(request: Request, emergency: str) -> Response:
    """By the officer. Needs emergencies:use."""
    async with _asked(request, Action.WRITE, "emergencies") as asked:
        await asked.desk.exceptions.end(asked.tx, asked.tenant, emergency, asked.by, asked.now)
        await _note(asked, request, "emergency.end", emergency)
    return answer({})


@router.post("/emergencies/{emergency}/review", summary="Judge an emergency access afterwards")
async def review(request: Request, emergency: str, body: Review) -> Response:
    """By somebody else than the officer; the person sees the outcome. Needs emergencies:review."""
    async with _asked(request, Action.WRITE, "emergency-reviews") as asked:
        words = (asked.by, asked.now, body.outcome, body.note)
        await asked.desk.exceptions.review(asked.tx, asked.tenant, emergency, *words)
        await _note(asked, request, "emergency.review", emergency, body.outcome)
    return answer({})


@router.get("/deletions", summary="Requests for deletion, those waiting first")
async def deletions(request: Request) -> Response:
    """Needs deletions:read."""
    async with _asked(request, Action.READ, "deletions") as asked:
        found = await asked.desk.holdings.requests(asked.tx, asked.tenant)
        known = await names(asked.tx, [one.person for one in found])
    return answer({"deletions": [one._asdict() for one in found], "names": known})


@router.post("/deletions/{deletion}/decision", summary="Erase, or refuse with a reason")
async def decide_deletion(request: Request, deletion: str, body: Deletion) -> Response:
    """What a law keeps stays and is named. Needs deletions:write."""
    async with _asked(request, Action.WRITE, "deletions") as asked:
        words = (body.decision, body.explanation, asked.by, asked.now)
        done = await asked.desk.holdings.decide_deletion(asked.tx, asked.tenant, deletion, *words)
        await _note(asked, request, "deletion.decide", deletion, body.decision)
    return answer({"erased": done})
