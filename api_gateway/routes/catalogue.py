"""The data catalogue and the data map: what there is, whose it is, how good it is, who feeds and who takes it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from access.personal import Marking
from access.policy import Action
from api_gateway.asking import asked, note
from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.discovery import seen_of
from api_gateway.ngsi_ld.selecting import CORE
from api_gateway.openapi import PROBLEMS
from api_gateway.shared import Answer, SharedAnswers, conditional, tag_of
from api_gateway.usage.metering import about
from api_gateway.usage.takers import takers
from broker.catalogue import dcat, flat, store
from broker.catalogue.values import LICENSE, DataSet, Described
from broker.errors import NotFound
from broker.ports import Transaction
from broker.store import reading
from broker.store.reading import Document, Selection
from schemas.clock import iso

router = APIRouter(prefix="/api/v1", tags=["catalogue"], responses=PROBLEMS)

_PAGE = 500
_APPS_SINCE = timedelta(days=30)
_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class Said(BaseModel):
    """What the city says of a data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    title_en: _Text = ""
    description: _Text = ""
    owner: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    contact: _Text = ""
    license: _Text = LICENSE
    area: _Text = ""
    marking: Marking = Marking.OPEN
    interval_s: Annotated[int, Field(ge=1, le=366 * 24 * 3600)] | None = None
    keywords: list[Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]] = Field(
        default=[], max_length=30
    )


@router.get("/catalogue", summary="The city's data sets")
async def catalogue(request: Request) -> Response:
    """Those that you may read, with the data map of each, and the personal ones that the city has described, which are
    never handed out here. Apps are named to holders of usage:read, to others counted. Figures are up to
    half a minute old."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    named = gate.may(caller, Action.READ, "service:usage").allowed

    async def make() -> Answer:
        city, found = await _found(request, caller, named=named)
        body = {
            "city": {"name": city.title, "localGovernmentCode": city.code},
            "dataSets": [_shown(one, readable=_readable(request, caller, one.type)) for one in found],
        }
        raw = orjson.dumps(body)
        return Answer(raw, tag_of(raw))

    shared: SharedAnswers = request.app.state.catalogues
    return conditional(request, await shared.get((caller.tenant, gate.readable(caller), named), make))


@router.get("/catalogue.jsonld", summary="The same as DCAT-AP", response_class=JSONResponse)
async def as_dcat(request: Request) -> Response:
    """JSON-LD, for other catalogues to harvest."""
    caller = await gate_of(request).caller(request)
    city, found = await _found(request, caller, named=False)
    readable = frozenset(one.type for one in found if _readable(request, caller, one.type))
    made = dcat.catalogue(gateway_of(request).settings.issuer, city, found, readable)
    return Response(orjson.dumps(made), media_type="application/ld+json")


@router.get("/catalogue/{type_:path}/download", summary="Download a data set")
async def download(
    request: Request,
    type_: str,
    format: Annotated[Literal["csv", "geojson"], Query(description="a table, or places on a map")] = "csv",
    encoding: Annotated[
        Literal["utf-8", "cp932"], Query(description="of the table: UTF-8 with a byte order mark, or CP932 (Shift_JIS)")
    ] = "utf-8",
) -> StreamingResponse:
    """The present state of all its entities, under the same policy as every other read: what you may not see is not in
    it."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    gate.demand_some(caller, type_)
    attributes = await _attributes_seen(request, caller, type_)
    if attributes is None:
        raise NotFound(f"there are no entities of type {type_}")
    about(request, [type_])
    pages = _pages(request, caller, type_)
    name = quote(f"{type_.rpartition('/')[2]}.{format}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"}
    if format == "geojson":
        return StreamingResponse(_features(request, caller, pages), 200, headers, "application/geo+json")
    wanted = flat.columns(attributes)
    media = f"text/csv; charset={'utf-8' if encoding == 'utf-8' else 'shift_jis'}"
    return StreamingResponse(_table(request, caller, pages, wanted, encoding), 200, headers, media)


@router.get("/catalogue/{type_:path}", summary="One data set, with a sample")
async def one_data_set(request: Request, type_: str) -> dict[str, Any]:
    """The sample is its first entity, as you may see it."""
    gate = gate_of(request)
    caller = await gate.caller(request)
    named = gate.may(caller, Action.READ, "service:usage").allowed
    _, found = await _found(request, caller, named=named)
    chosen = next((one for one in found if one.type == type_), None)
    if chosen is None:
        raise NotFound(f"the catalogue has no data set {type_}; GET /api/v1/catalogue lists what there is")
    about(request, [type_])
    if not _readable(request, caller, type_):
        return _shown(chosen, readable=False)
    sample: list[Document] = await anext(_pages(request, caller, type_, limit=1), [])
    return {**_shown(chosen, readable=True), "sample": _seen(request, caller, sample[0]) if sample else None}


@router.put("/catalogue/{type_:path}", summary="Say what a data set is")
async def describe(request: Request, type_: str, body: Said) -> dict[str, str]:
    """Needs catalogue:write. A data set of personal data can be described; it is still disclosed only case by case."""
    async with asked(request, Action.WRITE, "catalogue") as (caller, tx):
        said = {**body.model_dump(), "marking": body.marking.value, "keywords": tuple(body.keywords)}
        described = Described(type=type_[:300], **said)
        await store.describe(tx, described, caller.subject.id, gateway_of(request).clock())
        await note(tx, request, caller, "catalogue.describe", type_, body.title)
    return {"type": type_}


async def _found(request: Request, caller: Caller, *, named: bool) -> tuple[store.City, list[DataSet]]:
    """The data sets that the caller may know of: those they may read, and the personal ones the city has described."""
    gateway = gateway_of(request)
    now = gateway.clock()
    async with gateway.database.transaction(caller.tenant) as tx:
        city = await store.city_of(tx, caller.city)
        flows = await takers(tx, (now - _APPS_SINCE).date(), named=named)
        found = await store.data_sets(tx, city, now, flows)
    return city, [one for one in found if _listed(request, caller, one)]


def _listed(request: Request, caller: Caller, one: DataSet) -> bool:
    return (one.stated and one.described.marking == Marking.PERSONAL) or _readable(request, caller, one.type)


def _readable(request: Request, caller: Caller, type_: str) -> bool:
    return gate_of(request).may(caller, Action.READ, type_).allowed


def _shown(one: DataSet, *, readable: bool) -> dict[str, Any]:
    said, figures = one.described, one.figures
    return {
        "type": said.type,
        "title": said.title,
        "titleEn": said.title_en,
        "description": said.description,
        "owner": said.owner,
        "contact": said.contact,
        "license": said.license,
        "area": said.area,
        "marking": said.marking,
        "intervalSeconds": said.interval_s,
        "keywords": said.keywords,
        "readable": readable,
        # How many entries a file about persons has is for staff to know.
        "entities": figures.entities if readable else None,
        "since": iso(figures.since) if readable and figures.since else None,
        "latest": iso(figures.latest) if readable and figures.latest else None,
        "freshness": one.freshness if readable else None,
        "box": figures.box if readable else None,
        "flows": [{"way": f.way, "kind": f.kind, "name": f.name, "how": f.how, "count": f.amount} for f in one.flows],
    }


async def _pages(request: Request, caller: Caller, type_: str, limit: int = _PAGE) -> AsyncIterator[list[Document]]:
    """The type's entities in order of id, a transaction for each page: a slow reader holds none open."""
    gate = gate_of(request)
    after = ""
    while True:
        following = reading.Where("id > {0}::text", (after,))
        selection = Selection((type_,), where=(following,))
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            found = await _page(tx, selection, limit)
        if seen := [document for document in found if gate.sees(caller, document)]:
            yield seen
        if len(found) < limit:
            return
        after = found[-1].id


async def _attributes_seen(request: Request, caller: Caller, type_: str) -> set[str] | None:
    """The attributes of the type's entities, as far as the caller may see both; None where it sees no entity."""
    gate = gate_of(request)
    if not gate.asks_where(caller, [type_]):
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            there = await reading.count_of_type(tx, type_)
            uses = await reading.attributes(tx, type_) if there else []
        return {use.name for use in seen_of(uses, gate, caller)} if there else None
    found: set[str] | None = None
    async for page in _pages(request, caller, type_):
        found = (found or set()).union(*(_seen(request, caller, document) for document in page)) - CORE
    return found


async def _page(tx: Transaction, selection: Selection, limit: int) -> list[Document]:
    return await reading.select(tx, selection, limit=limit, offset=0)


def _seen(request: Request, caller: Caller, document: Document) -> dict[str, Any]:
    hidden = gate_of(request).hidden(caller, document.type)
    whole: dict[str, Any] = orjson.loads(document.text)
    return {name: value for name, value in whole.items() if name not in hidden}


async def _table(
    request: Request, caller: Caller, pages: AsyncIterator[list[Document]], wanted: Sequence[str], encoding: str
) -> AsyncIterator[bytes]:
    out = io.StringIO()
    writer = csv.DictWriter(out, wanted, extrasaction="ignore", restval="")
    writer.writeheader()
    yield b"\xef\xbb\xbf" if encoding == "utf-8" else b""
    async for page in pages:
        for document in page:
            hidden = gate_of(request).hidden(caller, document.type)
            writer.writerow(flat.row(document.id, document.type, orjson.loads(document.text), hidden))
        yield flat.encoded(out.getvalue(), encoding)
        out.seek(0)
        out.truncate()
    if rest := out.getvalue():
        yield flat.encoded(rest, encoding)


async def _features(request: Request, caller: Caller, pages: AsyncIterator[list[Document]]) -> AsyncIterator[bytes]:
    yield b'{"type":"FeatureCollection","features":['
    first = True
    async for page in pages:
        for document in page:
            hidden = gate_of(request).hidden(caller, document.type)
            whole = orjson.loads(document.text)
            feature = {
                "type": "Feature",
                "id": document.id,
                "geometry": flat.geometry(whole, hidden),
                "properties": {"type": " ".join(document.type), **flat.properties(whole, hidden)},
            }
            yield (b"" if first else b",") + orjson.dumps(feature)
            first = False
    yield b"]}"
