"""見守りタグ for families: a guardian's own pages, by session cookie. Each look at a place passes the consent gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.personal.desk import desk_of
from api_gateway.routes.tag_desk import Acting, Name, TagId, add_routes
from api_gateway.session import signed_in
from broker.consent.register import add_person
from broker.errors import Invalid
from services.presence.desk import Asker
from services.presence.rules import Rule

router = APIRouter(prefix="/account/tags", tags=["personal"], responses=PROBLEMS)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewPlace(_Body):
    """A place of the wearer's: a GeoJSON Polygon, longitude before latitude."""

    name: Name
    polygon: dict[str, Any]


class Rules(_Body):
    """Of what the family is told, whole (`services.presence.rules.Rule`)."""

    rules: Annotated[list[dict[str, Any]], Field(max_length=50)]


@asynccontextmanager
async def _acting(request: Request) -> AsyncIterator[Acting]:
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    assert gateway.tags is not None, "the tags' routes exist only with tags"
    async with gateway.database.transaction(me.tenant) as tx:
        await add_person(tx, me.tenant, me.id, gateway.clock(), name=me.name or me.login)
        yield Acting(Asker(me.tenant, me.id), tx, gateway.tags, desk_of(request).gate)


@router.get("/shared", summary="The tags of persons who let me see where they are")
async def shared(request: Request) -> Response:
    """By their consent to me (`location`, `family-watch`), until they take it back: to look at, not to change."""
    async with _acting(request) as acting:
        found = await acting.desk.shared_with(acting.tx, acting.gate, acting.asker)
    return answer({"tags": found})


add_routes(router, _acting, whose="a person in my care wears", needs="")


@router.get("/{tag}/settings", summary="The places and rules of a tag")
async def settings(request: Request, tag: TagId) -> Response:
    """What the family has set."""
    async with _acting(request) as acting:
        found = await acting.desk.settings(acting.tx, acting.asker, tag)
    return answer(found)


@router.post("/{tag}/places", status_code=201, summary="Add a place: school, home, station")
async def add_place(request: Request, tag: TagId, body: NewPlace) -> Response:
    """At most twenty; name and polygon are kept sealed."""
    async with _acting(request) as acting:
        id = await acting.desk.add_place(acting.tx, acting.asker, tag, body.name, body.polygon)
    return answer({"id": id}, 201)


@router.delete("/{tag}/places/{place}", status_code=204, summary="Remove a place and the rules about it")
async def remove_place(
    request: Request, tag: TagId, place: Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
) -> Response:
    """Nothing of it is kept."""
    async with _acting(request) as acting:
        await acting.desk.remove_place(acting.tx, acting.asker, tag, place)
    return Response(status_code=204)


@router.put("/{tag}/rules", status_code=204, summary="Of what the family is told")
async def set_rules(request: Request, tag: TagId, body: Rules) -> Response:
    """All rules at once; those left out are gone."""
    try:
        rules = msgspec.convert(body.rules, list[Rule])
    except msgspec.ValidationError as error:
        raise Invalid(str(error), field="rules") from error
    async with _acting(request) as acting:
        await acting.desk.set_rules(acting.tx, acting.asker, tag, rules)
    return Response(status_code=204)
