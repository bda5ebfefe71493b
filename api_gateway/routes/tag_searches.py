"""A missing person who wears a tag: the family reports by session, named officers look by token; looks are booked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.answers import answer
from api_gateway.audit import Line, note
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.accounts import names
from api_gateway.personal.desk import PersonalDesk, desk_of
from api_gateway.routes.tag_desk import TagId
from api_gateway.session import signed_in
from broker.errors import Forbidden
from broker.ports import Transaction
from services.presence.desk import Asker
from services.presence.searching import SearchDesk, searcher

family = APIRouter(prefix="/account/tags", tags=["personal"], responses=PROBLEMS)
staff = APIRouter(prefix="/api/v1/tag-searches", tags=["personal", "staff"], responses=PROBLEMS)

_Search = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="the search's id")]
_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewReport(_Body):
    """What helps to find them: clothes, a cane, where they may be going. Kept sealed, deleted when it is over."""

    words: _Text = ""


class Opening(_Body):
    """Why this officer looks, in their own words (the family reads it), and for how long: 1 to 1440 minutes."""

    reason: _Text
    minutes: int = 120


class _Acting(NamedTuple):
    asker: Asker
    tx: Transaction
    searches: SearchDesk
    personal: PersonalDesk
    caller: Caller | None = None


@asynccontextmanager
async def _relative(request: Request) -> AsyncIterator[_Acting]:
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    assert gateway.searches is not None, "the searches' routes exist only with tags"
    async with gateway.database.transaction(me.tenant) as tx:
        yield _Acting(Asker(me.tenant, me.id), tx, gateway.searches, desk_of(request))


@asynccontextmanager
async def _officer(request: Request) -> AsyncIterator[_Acting]:
    """A person of the municipality with searches:use. Raises `Forbidden` for an app, whatever its scopes."""
    gate, gateway = gate_of(request), gateway_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, Action.WRITE, "service:searches")
    if caller.subject.kind != "person":
        raise Forbidden("a search is a named officer's, never an app's")
    assert gateway.searches is not None, "the searches' routes exist only with tags"
    async with gateway.database.transaction(caller.tenant) as tx:
        asker = searcher(caller.tenant, caller.subject.id)
        yield _Acting(asker, tx, gateway.searches, desk_of(request), caller)


async def _note(acting: _Acting, request: Request, action: str, object_: str, detail: str = "") -> None:
    client = acting.caller.subject.client if acting.caller else ""
    await note(acting.tx, request, Line(action, object_, acting.asker.id, client, acting.asker.purpose, True, detail))


@family.post("/{tag}/search", status_code=201, summary="Report the wearer missing")
async def report(request: Request, tag: TagId, body: NewReport) -> Response:
    """From now on a named officer may open a search; 409 where one is open."""
    async with _relative(request) as acting:
        id = await acting.searches.report(acting.tx, acting.asker, tag, body.words)
        await _note(acting, request, "search.report", id)
    return answer({"id": id}, 201)


@family.get("/{tag}/search", summary="The search for the wearer, and who may look")
async def search_of(request: Request, tag: TagId) -> Response:
    """`search` null where none is open. Each look itself stands in the record of disclosures."""
    async with _relative(request) as acting:
        found = await acting.searches.shown(acting.tx, acting.asker, tag)
        known = await names(acting.tx, [one["officer"] for one in found["officers"]] if found else [])
    return answer({"search": found, "names": known})


@family.delete("/{tag}/search", status_code=204, summary="They are found: end the search")
async def withdraw(request: Request, tag: TagId) -> Response:
    """No officer sees anything any more, and what I wrote is deleted."""
    async with _relative(request) as acting:
        await acting.searches.withdraw(acting.tx, acting.personal.exceptions, acting.asker, tag)
        await _note(acting, request, "search.withdraw", tag)
    return Response(status_code=204)


@staff.get("", summary="Searches that are open")
async def searches(request: Request) -> Response:
    """Without names; `mine` is until when I may look. Needs searches:use."""
    async with _officer(request) as acting:
        found = await acting.searches.waiting(acting.tx, acting.asker.id)
    return answer({"searches": [one._asdict() for one in found]})


@staff.post("/{search}/opening", status_code=201, summary="Begin to look, with a reason and an end")
async def opening(request: Request, search: _Search, body: Opening) -> Response:
    """Under my own name; reviewed afterwards by somebody else. The family is told. Needs searches:use."""
    async with _officer(request) as acting:
        gate, exceptions = acting.personal.gate, acting.personal.exceptions
        until = await acting.searches.open(acting.tx, gate, exceptions, acting.asker, search, body.reason, body.minutes)
        await _note(acting, request, "search.open", search, body.reason)
    return answer({"until": until}, 201)


@staff.get("/{search}", summary="Where the missing person was last seen")
async def look(request: Request, search: _Search) -> Response:
    """Booked and shown to the family; 403 where I have not opened it or my time is over. Needs searches:use."""
    async with _officer(request) as acting:
        found = await acting.searches.look(acting.tx, acting.personal.gate, acting.asker, search)
        await _note(acting, request, "search.look", search)
    return answer(found)


@staff.get("/{search}/history", summary="The missing person's path and events of one day")
async def path(
    request: Request, search: _Search, day: Annotated[date, Query(description="a day in Japan, such as 2026-11-24")]
) -> Response:
    """As `GET /api/v1/tag-searches/{search}`."""
    async with _officer(request) as acting:
        found = await acting.searches.path(acting.tx, acting.personal.gate, acting.asker, search, day)
        await _note(acting, request, "search.look", search, day.isoformat())
    return answer(found)


@staff.post("/{search}/closing", summary="Close a search that I opened")
async def closing(request: Request, search: _Search) -> Response:
    """Every officer's access ends, what the family wrote is deleted. Needs searches:use."""
    async with _officer(request) as acting:
        await acting.searches.close(acting.tx, acting.personal.exceptions, acting.asker, search)
        await _note(acting, request, "search.close", search)
    return answer({})
