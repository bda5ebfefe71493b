"""Shelters: the officers' and the keepers' book, the count at the door, and what anybody may see."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.policy import Action
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.officers import (
    JSON_BODY,
    PREFIX,
    answer_json,
    demand_caller,
    desk_of,
    officer_of,
    read_as,
    read_document,
)
from api_gateway.shared import Answer, SharedAnswers, conditional, tag_of
from api_gateway.shelter_power import power_of
from services.charging.desk import shelter_feeds
from services.evacuation.shelters import desk as book
from services.evacuation.shelters.safety import counts
from services.evacuation.shelters.shelter import Change, Passing

router = APIRouter(tags=["evacuation"], responses=PROBLEMS)


class Passings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a counter at a door sends: people who came or left, each with an id of its own."""

    passings: tuple[Passing, ...]


@router.put(f"{PREFIX}/shelters", summary="Load the shelters", openapi_extra=JSON_BODY)
async def load_shelters(
    request: Request, check: Annotated[bool, Query(description="only say what loading would do")] = False
) -> Response:
    """A GeoJSON FeatureCollection of points, or text/csv (自治体標準オープンデータセット too), replaces all.

    Answers with what somebody should look at, such as districts without a shelter. Needs evacuation:manage.
    """
    caller = await demand_caller(request, Action.WRITE, "evacuation-districts")
    document = await read_document(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        if check:
            loaded = await book.read_document(tx, document)
        else:
            loaded = await book.load_document(
                tx, caller.tenant, desk_of(request), await officer_of(tx, caller), document
            )
            line = Line("evacuation.shelters", str(len(loaded.shelters)), caller.subject.id, caller.subject.client)
            await note(tx, request, line)
    told: dict[str, Any] = {"shelters": len(loaded.shelters), "warnings": loaded.warnings}
    return answer_json({**told, "read": loaded.shelters} if check else told)


@router.get(f"{PREFIX}/shelters", summary="Shelters as they stand")
async def shelters(request: Request) -> Response:
    """Open data: where they are, whether they are open, how full, what they offer. Exercises are not among it."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    shared: SharedAnswers = request.app.state.shared

    async def make() -> Answer:
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            body = msgspec.json.encode({"shelters": await book.public_shelters(tx)})
        return Answer(body, tag_of(body))

    return conditional(request, await shared.get(("shelters", caller.tenant), make))


@router.get(f"{PREFIX}/desk/shelters", summary="Shelters as staff see them")
async def desk_shelters(request: Request) -> Response:
    """As they stand in the desk's mode, with how many residents said where and how they are; in a city with charging
    stations `feed` is what vehicles there could give the shelter (kWh, watts, hours). Needs shelters:run."""
    caller = await demand_caller(request, Action.READ, "shelters")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await book.standings(tx, desk_of(request).mode)
        said = await counts(tx, caller.tenant)
        feeds = await shelter_feeds(tx) if gateway_of(request).chargers else []
    power = power_of((shelter for shelter, _ in found), feeds)
    shown = [{**book.public_form(shelter, now), "feed": power.get(shelter.id)} for shelter, now in found]
    return answer_json({"mode": desk_of(request).mode, "shelters": shown, "safety": said})


@router.patch(f"{PREFIX}/shelters/{{shelter_id}}", summary="Open, close or count a shelter", openapi_extra=JSON_BODY)
async def change(request: Request, shelter_id: str) -> Response:
    """What is left out stays. `seen` is the revision that was looked at: 409 when somebody has changed it meanwhile.
    A count by hand replaces what was counted before. Needs shelters:run, and a person."""
    caller = await demand_caller(request, Action.WRITE, "shelters")
    wish = await read_as(request, Change)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await officer_of(tx, caller)
        after = await book.change(tx, caller.tenant, desk_of(request), officer, shelter_id, wish)
        await note(tx, request, Line("evacuation.shelter", shelter_id, officer.id, caller.subject.client, after.state))
    return answer_json(after)


@router.post(
    f"{PREFIX}/shelters/{{shelter_id}}/passings", summary="People counted at the door", openapi_extra=JSON_BODY
)
async def passings(request: Request, shelter_id: str) -> Response:
    """For a reception's app or a counter: `id` is the sender's own, so a repetition counts once; those before the last
    count by hand are in that count already. Needs shelters:run."""
    caller = await demand_caller(request, Action.WRITE, "shelters")
    told = await read_as(request, Passings)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer_json(await book.count(tx, caller.tenant, desk_of(request), shelter_id, told.passings))
