"""見守りタグ for families: a guardian's own pages, by session cookie. Each look at a place passes the consent gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of
from api_gateway.session import signed_in
from broker.consent.gate import Gate
from broker.consent.register import add_person
from broker.errors import Invalid
from broker.ports import Transaction
from services.presence.desk import Asker, FamilyDesk
from services.presence.rules import Rule

router = APIRouter(prefix="/account/tags", tags=["personal"], responses=PROBLEMS)

_Tag = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="the tag's id in this city, not its code")]
_Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewTag(_Body):
    """A tag by the code printed on it, such as ``iBeacon:UUID:major:minor``, and who wears it."""

    person: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]
    code: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]
    name: _Name


class NewPlace(_Body):
    """A place of the wearer's: a GeoJSON Polygon, longitude before latitude."""

    name: _Name
    polygon: dict[str, Any]


class Rules(_Body):
    """Of what the family is told, whole (`services.presence.rules.Rule`)."""

    rules: Annotated[list[dict[str, Any]], Field(max_length=50)]


class _Acting(NamedTuple):
    asker: Asker
    tx: Transaction
    desk: FamilyDesk
    gate: Gate


@asynccontextmanager
async def _acting(request: Request) -> AsyncIterator[_Acting]:
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    assert gateway.tags is not None, "the tags' routes exist only with tags"
    async with gateway.database.transaction(me.tenant) as tx:
        await add_person(tx, me.tenant, me.id, gateway.clock(), name=me.name or me.login)
        yield _Acting(Asker(me.tenant, me.id), tx, gateway.tags, desk_of(request).gate)


@router.get("", summary="The tags that a person in my care wears")
async def tags(
    request: Request, person: Annotated[str, Query(description="whose; mine if left out", max_length=200)] = ""
) -> Response:
    """Names and ids; a tag's code is never shown again."""
    async with _acting(request) as acting:
        found = await acting.desk.tags_of(acting.tx, acting.asker, person or acting.asker.id)
    return answer({"tags": found})


@router.get("/shared", summary="The tags of persons who let me see where they are")
async def shared(request: Request) -> Response:
    """By their consent to me (`location`, `family-watch`), until they take it back: to look at, not to change."""
    async with _acting(request) as acting:
        found = await acting.desk.shared_with(acting.tx, acting.gate, acting.asker)
    return answer({"tags": found})


@router.post("", status_code=201, summary="Register a tag by its code")
async def register(request: Request, body: NewTag) -> Response:
    """For myself or somebody in my care. The code is kept sealed."""
    async with _acting(request) as acting:
        id = await acting.desk.register(acting.tx, acting.asker, body.person, body.code, body.name)
        await note(acting.tx, request, Line("tag.register", id, acting.asker.id))
    return answer({"id": id}, 201)


@router.get("/{tag}", summary="Where the wearer is")
async def presence(request: Request, tag: _Tag) -> Response:
    """Last known place with its accuracy; `status`: at-place, staying, moving, unseen, unknown. The look is booked."""
    async with _acting(request) as acting:
        found = await acting.desk.presence(acting.tx, acting.gate, acting.asker, tag)
    return answer(found)


@router.get("/{tag}/history", summary="The path and the events of one day")
async def history(
    request: Request, tag: _Tag, day: Annotated[date, Query(description="a day in Japan, such as 2026-11-24")]
) -> Response:
    """As long as the city keeps them. The look is booked."""
    async with _acting(request) as acting:
        found = await acting.desk.history(acting.tx, acting.gate, acting.asker, tag, day)
    return answer(found)


@router.get("/{tag}/settings", summary="The places and rules of a tag")
async def settings(request: Request, tag: _Tag) -> Response:
    """What the family has set."""
    async with _acting(request) as acting:
        found = await acting.desk.settings(acting.tx, acting.asker, tag)
    return answer(found)


@router.post("/{tag}/places", status_code=201, summary="Add a place: school, home, station")
async def add_place(request: Request, tag: _Tag, body: NewPlace) -> Response:
    """At most twenty; name and polygon are kept sealed."""
    async with _acting(request) as acting:
        id = await acting.desk.add_place(acting.tx, acting.asker, tag, body.name, body.polygon)
    return answer({"id": id}, 201)


@router.delete("/{tag}/places/{place}", status_code=204, summary="Remove a place and the rules about it")
async def remove_place(request: Request, tag: _Tag, place: Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]) -> Response:
    """Nothing of it is kept."""
    async with _acting(request) as acting:
        await acting.desk.remove_place(acting.tx, acting.asker, tag, place)
    return Response(status_code=204)


@router.put("/{tag}/rules", status_code=204, summary="Of what the family is told")
async def set_rules(request: Request, tag: _Tag, body: Rules) -> Response:
    """All rules at once; those left out are gone."""
    try:
        rules = msgspec.convert(body.rules, list[Rule])
    except msgspec.ValidationError as error:
        raise Invalid(str(error), field="rules") from error
    async with _acting(request) as acting:
        await acting.desk.set_rules(acting.tx, acting.asker, tag, rules)
    return Response(status_code=204)


@router.delete("/{tag}", status_code=204, summary="End a tag")
async def forget(request: Request, tag: _Tag) -> Response:
    """Its link, places, rules, presence and detections are deleted at once."""
    async with _acting(request) as acting:
        await acting.desk.forget(acting.tx, acting.asker, tag)
        await note(acting.tx, request, Line("tag.forget", tag, acting.asker.id))
    return Response(status_code=204)
