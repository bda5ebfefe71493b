"""Evacuation: the officer's desk, the districts, the record of the night, and what the public may read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.officers import (
    JSON_BODY,
    PREFIX,
    answer_file,
    answer_json,
    demand_caller,
    desk_of,
    officer_of,
    read_as,
    read_document,
    span_of,
)
from api_gateway.shared import Answer, SharedAnswers, conditional, tag_of
from broker.errors import NotFound
from schemas.river import MODE_NAMES, Mode
from services.evacuation import night_record, reading, store
from services.evacuation.areas import District
from services.evacuation.orders import Wish
from services.evacuation.store import Event

router = APIRouter(tags=["evacuation"], responses=PROBLEMS)

_LONGEST = timedelta(days=31)
_From = Annotated[AwareDatetime | None, Query(alias="from", description="a day before `to` if left out")]
_To = Annotated[AwareDatetime | None, Query(alias="to", description="now if left out")]
_Limit = Annotated[int | None, Query(ge=1, le=1000, description="only so many of the newest lines; all if left out")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answered(_Body):
    """Districts whose proposals somebody has seen."""

    districts: list[str] = Field(min_length=1, max_length=500)


class Remark(_Body):
    """A line that an officer adds to the record: an observation, or what the next shift must know."""

    kind: str = Field(default="note", pattern="^(note|handover)$")
    text: str = Field(min_length=1, max_length=4000)


@router.get(f"{PREFIX}/desk", summary="What an officer decides by")
async def desk(request: Request) -> Response:
    """Districts with proposals and evidence, what is in force, and notices. Needs the scope evacuation:read."""
    caller = await demand_caller(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer_json(await reading.desk_view(tx, desk_of(request)))


@router.put(f"{PREFIX}/districts", summary="Load the districts", openapi_extra=JSON_BODY)
async def load_districts(
    request: Request, check: Annotated[bool, Query(description="only say what loading would do")] = False
) -> Response:
    """A GeoJSON FeatureCollection replaces all; text/csv changes the figures of those there are. Answers with what
    somebody should look at, such as gauges that stand for no district. With `check` nothing is stored, and the answer
    has the borders for looking at them on a map. Needs evacuation:manage."""
    caller = await demand_caller(request, Action.WRITE, "evacuation-districts")
    document = await read_document(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        if check:
            read = await desk_of(request).read(tx, document)
            told = {"districts": len(read.districts), "warnings": read.warnings}
            return answer_json({**told, "borders": _borders(read.districts)})
        loaded = await desk_of(request).load(tx, await officer_of(tx, caller), document)
        await note(
            tx,
            request,
            Line("evacuation.districts", str(len(loaded.districts)), caller.subject.id, caller.subject.client),
        )
    return answer_json({"districts": len(loaded.districts), "warnings": loaded.warnings})


@router.get(f"{PREFIX}/districts", summary="The districts as GeoJSON")
async def districts(request: Request) -> Response:
    """Open data: borders, names and gauges, not how many people need help."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await store.load_districts(tx)
    return answer_json(_borders(found))


def _borders(districts: Sequence[District]) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "id": one.id,
            "geometry": one.polygon,
            "properties": {"id": one.id, "name": one.name, "nameEn": one.name_en, "gauges": one.gauges,
                           "shelters": one.shelters, "depthM": one.depth_m},
        }
        for one in districts
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


@router.post(f"{PREFIX}/preview", summary="What a notice would say, and to whom", openapi_extra=JSON_BODY)
async def preview(request: Request) -> Response:
    """Nothing is stored or sent. Needs the scope evacuation:issue."""
    caller = await demand_caller(request, Action.WRITE)
    wish = await read_as(request, Wish)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer_json(await desk_of(request).preview(tx, caller.tenant, wish))


@router.post(f"{PREFIX}/orders", summary="Issue, correct, lift or withdraw a notice", openapi_extra=JSON_BODY)
async def ask(request: Request) -> Response:
    """`seen` holds each district's revision from the desk: 409 when another officer has changed one meanwhile. The same
    body sent again issues nothing twice. Where the city wants a second person, the notice waits."""
    caller = await demand_caller(request, Action.WRITE)
    wish = await read_as(request, Wish)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await officer_of(tx, caller)
        order = await desk_of(request).ask(tx, caller.tenant, officer, wish)
        await note(
            tx, request, Line(f"evacuation.{wish.kind}", order.id, officer.id, caller.subject.client, wish.reason)
        )
    return answer_json(reading.order_form(order))


@router.post(f"{PREFIX}/orders/{{order_id}}/{{word}}", summary="The second person's word")
async def decide(request: Request, order_id: str, word: str) -> Response:
    """`word` is confirm or refuse; nobody confirms what they asked for."""
    caller = await demand_caller(request, Action.WRITE)
    if word not in ("confirm", "refuse"):
        raise NotFound(f"{word!r} is neither confirm nor refuse")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await officer_of(tx, caller)
        order = await desk_of(request).decide(tx, caller.tenant, officer, order_id, allow=word == "confirm")
        await note(tx, request, Line(f"evacuation.{word}", order.id, officer.id, caller.subject.client))
    return answer_json(reading.order_form(order))


@router.get(f"{PREFIX}/orders/{{order_id}}", summary="A notice and how its delivery goes")
async def order(request: Request, order_id: str) -> Response:
    """Per channel how many are done, waiting or dead."""
    caller = await demand_caller(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await store.load_order(tx, order_id)
        if found is None:
            raise NotFound(f"there is no notice {order_id!r}")
        return answer_json({**reading.order_form(found[0]), "deliveries": await reading.progress(tx, found[0])})


@router.post(f"{PREFIX}/answers", summary="Somebody has seen these proposals")
async def answer(request: Request, body: Answered) -> Response:
    """So they are not escalated. Answering decides nothing."""
    caller = await demand_caller(request, Action.WRITE)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return answer_json(
            {"answered": await desk_of(request).answer(tx, await officer_of(tx, caller), body.districts)}
        )


@router.post(f"{PREFIX}/record", summary="Add a line to the record", status_code=204)
async def remark(request: Request, body: Remark) -> Response:
    """`kind` is note or handover. The record is append-only."""
    caller = await demand_caller(request, Action.WRITE)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await officer_of(tx, caller)
        await desk_of(request).note(tx, Event(body.kind, officer, [], body.text.strip()))
    return Response(status_code=204)


async def _record(
    request: Request, start: _From, end: _To, newest: int | None = None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The lines, and the districts' names."""
    caller = await demand_caller(request, Action.READ)
    last = end or gateway_of(request).clock() + timedelta(seconds=1)
    first, last = span_of(start, last, _LONGEST)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        lines = await reading.record(tx, desk_of(request).mode, first, last, newest)
        return lines, {district.id: district.name for district in await store.load_districts(tx)}


@router.get(f"{PREFIX}/record", summary="The record of the night")
async def record(request: Request, start: _From = None, end: _To = None, limit: _Limit = None) -> Response:
    """Who did what, when and on what evidence, newest first. Needs the scope evacuation:read."""
    lines, _ = await _record(request, start, end, limit)
    return answer_json({"lines": lines})


@router.get(f"{PREFIX}/record.csv", summary="The record for a spreadsheet", response_class=Response)
async def record_csv(request: Request, start: _From = None, end: _To = None) -> Response:
    """Oldest first, in Japan's time, with what each notice was decided on."""
    lines, names = await _record(request, start, end)
    return answer_file(night_record.as_csv(lines, names), "text/csv; charset=utf-8", "record.csv")


@router.get(f"{PREFIX}/record.pdf", summary="The record on paper", response_class=Response)
async def record_pdf(request: Request, start: _From = None, end: _To = None) -> Response:
    """Oldest first, in Japan's time, with what each notice was decided on."""
    mode = desk_of(request).mode
    title = "時系列記録" if mode is Mode.ACTUAL else f"時系列記録（{MODE_NAMES[mode].ja}）"
    lines, names = await _record(request, start, end)
    # In a thread: a long night is seconds of work, and the residents' pages are served meanwhile.
    paper = await asyncio.to_thread(night_record.as_pdf, lines, names, title)
    return answer_file(paper, "application/pdf", "record.pdf")


@router.get(f"{PREFIX}/public", summary="Notices in force")
async def public(request: Request) -> Response:
    """Actual ones only, with texts in Japanese, plain Japanese and English, and the districts' borders."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    shared: SharedAnswers = request.app.state.shared

    async def make() -> Answer:
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            body = msgspec.json.encode(await reading.public_view(tx, desk_of(request)))
        return Answer(body, tag_of(body))

    return conditional(request, await shared.get(("evacuation", caller.tenant), make))


@router.get("/feeds/evacuation.atom", summary="Evacuation notices as an Atom feed", response_class=Response)
async def feed(request: Request) -> Response:
    """Actual ones; entries link to the CAP documents."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    gateway = gateway_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        body = await reading.public_feed(tx, gateway.settings.public_url.rstrip("/"), gateway.clock())
    return Response(body, media_type="application/atom+xml", headers={"Cache-Control": "public, max-age=15"})


@router.get("/feeds/evacuation.txt", summary="Notices in force as lines of text", response_class=Response)
async def flash(request: Request) -> Response:
    """For cable television's L-shaped screen: at most 40 characters a line, empty where nothing is in force."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        text = await reading.flash_text(tx, desk_of(request))
    return Response(text, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "public, max-age=5"})


@router.get("/cap/evacuation/{number}.xml", summary="A notice as CAP 1.2", response_class=Response)
async def cap(request: Request, number: int) -> Response:
    """With the districts' polygons. Exercises have no public document."""
    caller = await demand_caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        body = await reading.public_cap(tx, number) if 0 < number < 2**31 else None
    if body is None:
        raise NotFound(f"there is no notice {number}")
    return Response(body, media_type="application/cap+xml", headers={"Cache-Control": "public, max-age=15"})
