"""Evacuation: the officer's desk, the districts, the record of the night, and what the public may read."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.policy import Action
from api_gateway.audit import Line, note
from api_gateway.auth import Caller, gate_of
from api_gateway.body import read_body, read_json
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.shared import Answer, SharedAnswers, conditional, tag_of
from broker.errors import Forbidden, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.evacuation import night_record, reading, store
from services.evacuation.desk import EvacuationDesk
from services.evacuation.orders import Officer, Wish
from services.evacuation.store import Event

_ACCOUNTS = load("api_gateway.oauth", "accounts")
router = APIRouter(tags=["evacuation"], responses=PROBLEMS)

PREFIX = "/api/v1/evacuation"
_MOST = 8 * 1024 * 1024
_SMALL = 64 * 1024
_LONGEST = timedelta(days=31)
_JSON_BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}}
_From = Annotated[AwareDatetime | None, Query(alias="from", description="a day before `to` if left out")]
_To = Annotated[AwareDatetime | None, Query(alias="to", description="now if left out")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answered(_Body):
    """Districts whose proposals somebody has seen."""

    districts: list[str] = Field(min_length=1, max_length=500)


class Remark(_Body):
    """A line that an officer adds to the record: an observation, or what the next shift must know."""

    kind: str = Field(default="note", pattern="^(note|handover)$")
    text: str = Field(min_length=1, max_length=4000)


def _desk(request: Request) -> EvacuationDesk:
    desk = gateway_of(request).evacuation
    assert desk is not None, "the evacuation routes exist only with a desk"
    return desk


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _caller(request: Request, action: Action, service: str = "evacuation") -> Caller:
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand(caller, action, f"service:{service}")
    return caller


async def _officer(tx: Transaction, caller: Caller) -> Officer:
    """Who acts, by name. Raises `Forbidden` for an app: a person answers for a notice."""
    row = await tx.fetchrow(_ACCOUNTS["by_id"], caller.subject.id)
    if caller.subject.kind != "person" or row is None:
        raise Forbidden("a named officer decides: log in as a person, not as an app")
    return Officer(id=row["id"], name=row["name"] or row["login"])


async def _wish(request: Request) -> Wish:
    document = await read_json(request, _SMALL)
    try:
        return msgspec.convert(document, Wish)
    except msgspec.ValidationError as error:
        field = str(error).rsplit("`$.", 1)[-1].rstrip("`") if "`$." in str(error) else None
        raise Invalid(str(error), field=field) from error


@router.get(f"{PREFIX}/desk", summary="What an officer decides by")
async def desk(request: Request) -> Response:
    """Districts with proposals and evidence, what is in force, and notices. Needs the scope evacuation:read."""
    caller = await _caller(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return _json(await reading.desk_view(tx, _desk(request)))


@router.put(f"{PREFIX}/districts", summary="Load the districts", openapi_extra=_JSON_BODY)
async def load_districts(request: Request) -> Response:
    """A GeoJSON FeatureCollection replaces all; text/csv changes the figures of those there are. Answers with what
    somebody should look at, such as gauges that stand for no district. Needs evacuation:manage."""
    caller = await _caller(request, Action.WRITE, "evacuation-districts")
    if request.headers.get("content-type", "").partition(";")[0].strip() == "text/csv":
        try:
            document: Any = (await read_body(request, _MOST)).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Invalid("the file is not UTF-8: save it as CSV UTF-8", field="body") from error
    else:
        document = await read_json(request, _MOST)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        loaded = await _desk(request).load(tx, await _officer(tx, caller), document)
        await note(
            tx,
            request,
            Line("evacuation.districts", str(len(loaded.districts)), caller.subject.id, caller.subject.client),
        )
    return _json({"districts": len(loaded.districts), "warnings": loaded.warnings})


@router.get(f"{PREFIX}/districts", summary="The districts as GeoJSON")
async def districts(request: Request) -> Response:
    """Open data: borders, names and gauges, not how many people need help."""
    caller = await _caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await store.load_districts(tx)
    features = [
        {
            "type": "Feature",
            "id": one.id,
            "geometry": one.polygon,
            "properties": {"id": one.id, "name": one.name, "nameEn": one.name_en, "gauges": one.gauges,
                           "shelters": one.shelters, "depthM": one.depth_m},
        }
        for one in found
    ]  # fmt: skip
    return _json({"type": "FeatureCollection", "features": features})


@router.post(f"{PREFIX}/preview", summary="What a notice would say, and to whom", openapi_extra=_JSON_BODY)
async def preview(request: Request) -> Response:
    """Nothing is stored or sent. Needs the scope evacuation:issue."""
    caller = await _caller(request, Action.WRITE)
    wish = await _wish(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return _json(await _desk(request).preview(tx, caller.tenant, wish))


@router.post(f"{PREFIX}/orders", summary="Issue, correct, lift or withdraw a notice", openapi_extra=_JSON_BODY)
async def ask(request: Request) -> Response:
    """`seen` holds each district's revision from the desk: 409 when another officer has changed one meanwhile. The same
    body sent again issues nothing twice. Where the city wants a second person, the notice waits."""
    caller = await _caller(request, Action.WRITE)
    wish = await _wish(request)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await _officer(tx, caller)
        order = await _desk(request).ask(tx, caller.tenant, officer, wish)
        await note(
            tx, request, Line(f"evacuation.{wish.kind}", order.id, officer.id, caller.subject.client, wish.reason)
        )
    return _json(reading.order_form(order))


@router.post(f"{PREFIX}/orders/{{order_id}}/{{word}}", summary="The second person's word")
async def decide(request: Request, order_id: str, word: str) -> Response:
    """`word` is confirm or refuse; nobody confirms what they asked for."""
    caller = await _caller(request, Action.WRITE)
    if word not in ("confirm", "refuse"):
        raise NotFound(f"{word!r} is neither confirm nor refuse")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await _officer(tx, caller)
        order = await _desk(request).decide(tx, caller.tenant, officer, order_id, allow=word == "confirm")
        await note(tx, request, Line(f"evacuation.{word}", order.id, officer.id, caller.subject.client))
    return _json(reading.order_form(order))


@router.get(f"{PREFIX}/orders/{{order_id}}", summary="A notice and how its delivery goes")
async def order(request: Request, order_id: str) -> Response:
    """Per channel how many are done, waiting or dead."""
    caller = await _caller(request, Action.READ)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        found = await store.load_order(tx, order_id)
        if found is None:
            raise NotFound(f"there is no notice {order_id!r}")
        return _json({**reading.order_form(found[0]), "deliveries": await reading.progress(tx, found[0])})


@router.post(f"{PREFIX}/answers", summary="Somebody has seen these proposals")
async def answer(request: Request, body: Answered) -> Response:
    """So they are not escalated. Answering decides nothing."""
    caller = await _caller(request, Action.WRITE)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return _json({"answered": await _desk(request).answer(tx, await _officer(tx, caller), body.districts)})


@router.post(f"{PREFIX}/record", summary="Add a line to the record", status_code=204)
async def remark(request: Request, body: Remark) -> Response:
    """`kind` is note or handover. The record is append-only."""
    caller = await _caller(request, Action.WRITE)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        officer = await _officer(tx, caller)
        await _desk(request).note(tx, Event(body.kind, officer, [], body.text.strip()))
    return Response(status_code=204)


async def _record(request: Request, start: _From, end: _To) -> list[dict[str, Any]]:
    caller = await _caller(request, Action.READ)
    last = end or gateway_of(request).clock() + timedelta(seconds=1)
    first = start or last - timedelta(days=1)
    if not timedelta() < last - first <= _LONGEST:
        raise Invalid("from must be before to, by at most 31 days", field="from")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return await reading.record(tx, _desk(request).mode, first, last)


@router.get(f"{PREFIX}/record", summary="The record of the night")
async def record(request: Request, start: _From = None, end: _To = None) -> Response:
    """Who did what, when and on what evidence, newest first. Needs the scope evacuation:read."""
    return _json({"lines": await _record(request, start, end)})


@router.get(f"{PREFIX}/record.csv", summary="The record for a spreadsheet", response_class=Response)
async def record_csv(request: Request, start: _From = None, end: _To = None) -> Response:
    """Oldest first, in Japan's time."""
    return _file(night_record.as_csv(await _record(request, start, end)), "text/csv; charset=utf-8", "record.csv")


@router.get(f"{PREFIX}/record.pdf", summary="The record on paper", response_class=Response)
async def record_pdf(request: Request, start: _From = None, end: _To = None) -> Response:
    """Oldest first, in Japan's time."""
    mode = _desk(request).mode
    title = "時系列記録" if mode == "actual" else "時系列記録（訓練）"
    return _file(night_record.as_pdf(await _record(request, start, end), title), "application/pdf", "record.pdf")


def _file(body: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)


@router.get(f"{PREFIX}/public", summary="Notices in force")
async def public(request: Request) -> Response:
    """Actual ones only, with texts in Japanese, plain Japanese and English, and the districts' borders."""
    caller = await _caller(request, Action.READ, "evacuation-public")
    shared: SharedAnswers = request.app.state.shared

    async def make() -> Answer:
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            body = msgspec.json.encode({"orders": await reading.in_force(tx)})
        return Answer(body, tag_of(body))

    return conditional(request, await shared.get(("evacuation", caller.tenant), make))


@router.get("/feeds/evacuation.atom", summary="Evacuation notices as an Atom feed", response_class=Response)
async def feed(request: Request) -> Response:
    """Actual ones; entries link to the CAP documents."""
    caller = await _caller(request, Action.READ, "evacuation-public")
    gateway = gateway_of(request)
    async with gateway.database.transaction(caller.tenant) as tx:
        body = await reading.public_feed(tx, gateway.settings.public_url.rstrip("/"), gateway.clock())
    return Response(body, media_type="application/atom+xml", headers={"Cache-Control": "public, max-age=15"})


@router.get("/feeds/evacuation.txt", summary="Notices in force as lines of text", response_class=Response)
async def flash(request: Request) -> Response:
    """For cable television's L-shaped screen: at most 40 characters a line, empty where nothing is in force."""
    caller = await _caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        text = await reading.flash_text(tx)
    return Response(text, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "public, max-age=5"})


@router.get("/cap/evacuation/{number}.xml", summary="A notice as CAP 1.2", response_class=Response)
async def cap(request: Request, number: int) -> Response:
    """With the districts' polygons. Exercises have no public document."""
    caller = await _caller(request, Action.READ, "evacuation-public")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        body = await reading.public_cap(tx, number) if 0 < number < 2**31 else None
    if body is None:
        raise NotFound(f"there is no notice {number}")
    return Response(body, media_type="application/cap+xml", headers={"Cache-Control": "public, max-age=15"})
