"""What whoever asks about tags may ask, a family by session or a vendor's app by token: one list of routes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.audit import Line, note
from broker.consent.gate import Gate
from broker.ports import Transaction
from services.presence.desk import Asker, FamilyDesk

TagId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="the tag's id in this city, not its code")]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


class NewTag(BaseModel):
    """A tag by the code printed on it, such as ``iBeacon:UUID:major:minor``, and who wears it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]
    code: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]
    name: Name


class Acting(NamedTuple):
    """Who asks, in a transaction of their city's, with the desk and the gate that every look passes."""

    asker: Asker
    tx: Transaction
    desk: FamilyDesk
    gate: Gate


def add_routes(
    router: APIRouter, acting: Callable[[Request], AbstractAsyncContextManager[Acting]], *, whose: str, needs: str
) -> None:
    """The routes that both have. `whose` are the tags listed, `needs` is what their descriptions end with."""

    @router.get("", summary=f"The tags that {whose}", description=f"Names and ids; a code is never shown again.{needs}")
    async def tags(
        request: Request, person: Annotated[str, Query(description="whose; mine if left out", max_length=200)] = ""
    ) -> Response:
        async with acting(request) as here:
            found = await here.desk.tags_of(here.tx, here.asker, person or here.asker.id)
        return answer({"tags": found})

    @router.post(
        "",
        status_code=201,
        summary="Register a tag by its code",
        description=f"For oneself or somebody in one's care. The code is kept sealed.{needs}",
    )
    async def register(request: Request, body: NewTag) -> Response:
        async with acting(request) as here:
            id = await here.desk.register(here.tx, here.asker, body.person, body.code, body.name)
            await note(here.tx, request, Line("tag.register", id, here.asker.id, here.asker.recipient))
        return answer({"id": id}, 201)

    @router.get(
        "/resolver",
        summary="What a tag that exchanges keys is given",
        description="Eddystone-EID, secure key exchange: the city's public key (X25519, hexadecimal as it is written to"
        f" the tag) and the rotation exponents that it takes.{needs}",
    )
    async def resolver(request: Request) -> Response:
        async with acting(request) as here:
            return answer(here.desk.resolver(here.asker.tenant))

    @router.get(
        "/{tag}",
        summary="Where the wearer is",
        description="Last known place with its accuracy; `status`: at-place, staying, moving, unseen, unknown. The look"
        f" is booked.{needs}",
    )
    async def presence(request: Request, tag: TagId) -> Response:
        async with acting(request) as here:
            found = await here.desk.presence(here.tx, here.gate, here.asker, tag)
        return answer(found)

    @router.get(
        "/{tag}/history",
        summary="The path and the events of one day",
        description=f"As long as the city keeps them. The look is booked.{needs}",
    )
    async def history(
        request: Request, tag: TagId, day: Annotated[date, Query(description="a day in Japan, such as 2026-11-24")]
    ) -> Response:
        async with acting(request) as here:
            found = await here.desk.history(here.tx, here.gate, here.asker, tag, day)
        return answer(found)

    @router.delete(
        "/{tag}",
        status_code=204,
        summary="End a tag",
        description=f"Its link, places, rules, presence and detections are deleted at once.{needs}",
    )
    async def forget(request: Request, tag: TagId) -> Response:
        async with acting(request) as here:
            await here.desk.forget(here.tx, here.asker, tag)
            await note(here.tx, request, Line("tag.forget", tag, here.asker.id, here.asker.recipient))
        return Response(status_code=204)
