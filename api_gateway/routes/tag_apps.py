"""Watch tags for vendors' apps, which share the city's detectors: each sees the tags that it registered, and no others.

A person uses the app and allows it (`tags:own`); that it learns where somebody is needs the consent of that person, or
of who stands for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.audit import Line, note
from api_gateway.auth import gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of, recipient_of
from api_gateway.routes.tags import NewTag
from broker.consent.gate import Gate
from broker.consent.register import add_person
from broker.errors import Forbidden
from broker.ports import Transaction
from services.presence.desk import Asker, FamilyDesk

router = APIRouter(prefix="/api/v1/tags", tags=["personal"], responses=PROBLEMS)

_Tag = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="the tag's id in this city, not its code")]


class _Acting(NamedTuple):
    asker: Asker
    tx: Transaction
    desk: FamilyDesk
    gate: Gate


@asynccontextmanager
async def _acting(request: Request) -> AsyncIterator[_Acting]:
    """The app, and the person who uses it. Raises `Forbidden` for an app that nobody uses."""
    gate, gateway = gate_of(request), gateway_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.WRITE, "service:tags-own")
    subject, now = caller.subject, gateway.clock()
    if subject.kind != "person" or recipient_of(subject) == subject.id:
        raise Forbidden("this is for apps that a family uses; the family itself uses the city's page")
    assert gateway.tags is not None, "the tags' routes exist only with tags"
    app = recipient_of(subject)
    async with gateway.database.transaction(caller.tenant) as tx:
        await add_person(tx, caller.tenant, subject.id, now)
        asker = Asker(caller.tenant, subject.id, by=subject.id, recipient=app, vendor=app)
        yield _Acting(asker, tx, gateway.tags, desk_of(request).gate)


@router.get("", summary="The tags that this app registered for a person")
async def tags(
    request: Request, person: Annotated[str, Query(description="whose; the user's if left out", max_length=200)] = ""
) -> Response:
    """Needs tags:own."""
    async with _acting(request) as acting:
        found = await acting.desk.tags_of(acting.tx, acting.asker, person or acting.asker.id)
    return answer({"tags": found})


@router.post("", status_code=201, summary="Register a tag by its code")
async def register(request: Request, body: NewTag) -> Response:
    """For the user or somebody in their care. No other app sees it; the family's own page does. Needs tags:own."""
    async with _acting(request) as acting:
        id = await acting.desk.register(acting.tx, acting.asker, body.person, body.code, body.name)
        await note(acting.tx, request, Line("tag.register", id, acting.asker.id, acting.asker.recipient))
    return answer({"id": id}, 201)


@router.get("/{tag}", summary="Where the wearer is")
async def presence(request: Request, tag: _Tag) -> Response:
    """With the consent of the wearer, or of who stands for them, for this app. Booked. Needs tags:own."""
    async with _acting(request) as acting:
        found = await acting.desk.presence(acting.tx, acting.gate, acting.asker, tag)
    return answer(found)


@router.get("/{tag}/history", summary="The path and the events of one day")
async def history(
    request: Request, tag: _Tag, day: Annotated[date, Query(description="a day in Japan, such as 2026-11-24")]
) -> Response:
    """As `GET /api/v1/tags/{tag}`."""
    async with _acting(request) as acting:
        found = await acting.desk.history(acting.tx, acting.gate, acting.asker, tag, day)
    return answer(found)


@router.delete("/{tag}", status_code=204, summary="End a tag")
async def forget(request: Request, tag: _Tag) -> Response:
    """Everything about it is deleted at once. Needs tags:own."""
    async with _acting(request) as acting:
        await acting.desk.forget(acting.tx, acting.asker, tag)
        await note(acting.tx, request, Line("tag.forget", tag, acting.asker.id, acting.asker.recipient))
    return Response(status_code=204)
