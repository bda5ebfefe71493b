"""Snapshots over HTTP (ETSI GS CIM 009, 5.2.41, 5.2.42, 5.16, 6.36 to 6.38).

The queries are executed before the creation is answered: nobody has to wait for a snapshot that is still prepared.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.errors import NotSupported, SourceFailed, TooManyResults, Unauthenticated, problem
from api_gateway.federation.forwarding import distribution
from api_gateway.federation.gating import of_readable
from api_gateway.federation.reads import View, Wish
from api_gateway.ngsi_ld.context import answers_ld
from api_gateway.ngsi_ld.entities import found_everywhere
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.params import MAX_LIMIT, Page, Wanted, only_known, shape_of
from api_gateway.ngsi_ld.post_query import query_in
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.selecting import CORE, selection_for
from api_gateway.ngsi_ld.writing import Writing, asking, created, no_content, only
from broker.entities.parse import is_uri
from broker.errors import Forbidden, Invalid, NotFound
from broker.jsonld.context import CORE_CONTEXT, Context
from broker.query.period import parse_period
from broker.query.q import parse_q
from broker.store import snapshots as store
from broker.store.reach import PLACE
from broker.store.reading import Document
from broker.store.snapshots import Snapshot
from broker.subscriptions.matching import Asked
from schemas.clock import iso

MOST_ENTITIES = 10_000
"""A query that finds more fails: a snapshot is a basis for work, no backup."""
_MOST_QUERIES = 10
_LIFETIME, _LONGEST = timedelta(hours=1), timedelta(days=7)
_PRIORITY = 5
_QUERY = frozenset({"type", "entities", "attrs", "attributes", "pick", "q", "geoQ", "scopeQ", "csf"})
_GIVEN = frozenset({"id", "type", "snapshotQueries", "snapshotPriority", "snapshotLifetime"})
_TIMES = frozenset({"createdAt", "modifiedAt", "expiresAt", "lastUsedAt"})
_OUTPUT = _TIMES | {"snapshotStatus", "snapshotQueriesDetails", "snapshotTemporalQueriesDetails"}
_LATER = frozenset({"snapshotTemporalQueries", "endpoint", "receiverInfo"})
_ASKED = _TIMES | {"snapshotPriority", "snapshotLifetime", "snapshotStatus"}
SUCCESS, EMPTY, FAILURE, PARTIAL = "success", "empty", "failure", "partial"


class _Query(NamedTuple):
    """A query of a snapshot, checked."""

    body: Mapping[str, Any]
    params: Mapping[str, str]
    wanted: Wanted
    concerns: Asked
    shape: Shape


async def create(request: Request) -> Response:
    """Execute queries and keep what they find (5.16.1)."""
    ask = await _asking(request)
    body, context = await ask.body()
    given = _members(body, _GIVEN)
    queries = [_query(request, context, query, index) for index, query in enumerate(_queries(given))]
    found: list[Document] = []
    details = []
    for query in queries:
        documents, told = await _executed(ask, query, context)
        found += documents
        details.append(told)
    doc = {
        "snapshotQueries": given["snapshotQueries"],
        "snapshotPriority": given.get("snapshotPriority", _PRIORITY),
        "snapshotStatus": _status(details),
        "snapshotQueriesDetails": details,
        **{name: given[name] for name in ("snapshotLifetime",) if name in given},
    }
    return await _make(ask, given, doc, found)


async def clone(request: Request) -> Response:
    """Make another snapshot of what one holds (5.16.2)."""
    ask = await _asking(request)
    body, _ = await ask.body()
    given = _members(body, _GIVEN - {"snapshotQueries"})
    source = _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        known = await store.one(tx, source, key_of(ask.caller.subject), ask.gateway.clock())
    own: dict[str, Any] = {name: given[name] for name in ("snapshotPriority", "snapshotLifetime") if name in given}
    kept = {name: value for name, value in known.doc.items() if name != "snapshotLifetime"}
    return await _make(ask, given, {**kept, "snapshotPriority": _PRIORITY, **own}, source)


async def _make(ask: Writing, given: Mapping[str, Any], doc: Mapping[str, Any], of: list[Document] | str) -> Response:
    id_ = given.get("id") or f"urn:ngsi-ld:Snapshot:{uuid.uuid4()}"
    now, owner = ask.gateway.clock(), key_of(ask.caller.subject)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.make(tx, id_, owner, doc, now, _until(given, now) or now + _LIFETIME)
        if isinstance(of, str):
            await store.copy(tx, of, id_)
        else:
            # One statement knows an entity once: what a later query found of it is added by another.
            for documents in _apart(of):
                await store.fill(tx, id_, documents)
    return created(f"/ngsi-ld/v1/snapshots/{quote(id_, safe=':')}")


async def retrieve(request: Request) -> Response:
    """What a snapshot says of itself (5.16.3)."""
    only(request)
    ask, id_ = await _asking(request), _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.one(tx, id_, key_of(ask.caller.subject), ask.gateway.clock())
    return _respond(request, found)


async def change(request: Request) -> Response:
    """Change how long a snapshot is kept, and how dearly (5.16.4)."""
    ask, id_ = await _asking(request), _id(request)
    body, _ = await ask.body(patch=True)
    given = _members(body, frozenset({"snapshotPriority", "snapshotLifetime"}), whole=False)
    now = ask.gateway.clock()
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        owner = key_of(ask.caller.subject)
        found = await store.change(tx, id_, owner, now, given, _until(given, now))
    return _respond(request, found)


async def delete(request: Request) -> Response:
    """Forget a snapshot (5.16.5)."""
    only(request)
    ask, id_ = await _asking(request), _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.delete(tx, id_, key_of(ask.caller.subject), ask.gateway.clock())
    return no_content()


async def purge(request: Request) -> Response:
    """Forget the caller's snapshots that a query of their members finds (5.16.7)."""
    only_known(request.query_params, frozenset({"q"}))
    ask = await _asking(request)
    query = parse_q(request.query_params.get("q", ""), lambda name: name)
    if strange := sorted(query.members - _ASKED):
        raise Invalid(f"{strange[0]!r} is no member of a snapshot to ask for; there are {_list(_ASKED)}", field="q")
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        gone = await store.purge(tx, key_of(ask.caller.subject), ask.gateway.clock(), query.where)
    if not gone:
        raise NotFound("no snapshot of yours is such")
    return no_content()


async def _asking(request: Request) -> Writing:
    ask = await asking(request)
    if ask.caller.subject.kind == "anyone":
        raise Unauthenticated("a snapshot belongs to who made it: it needs a token")
    if ask.caller.tenant != ask.caller.city:
        raise Forbidden("what another city gave to be read is not put into snapshots")
    return ask


def _members(body: Mapping[str, Any], taken: frozenset[str], *, whole: bool = True) -> dict[str, Any]:
    """The members that are taken, checked (5.2.41). What only we tell is passed over. Raises `Invalid`."""
    given = {name: value for name, value in body.items() if name != "@context" and name not in _OUTPUT}
    for name in given:
        if name in _LATER:
            raise NotSupported(f"{name} is not offered: a snapshot is of entities as they are, and ready at once")
        if name not in taken:
            raise Invalid(f"here a snapshot takes {_list(taken)}, and not {name}", field=name)
    if whole and given.get("type") != "Snapshot":
        raise Invalid("type must be Snapshot", field="type")
    if "id" in given and not is_uri(given["id"]):
        raise Invalid("the id must be a URI, such as urn:ngsi-ld:Snapshot:1", field="id")
    priority = given.get("snapshotPriority", _PRIORITY)
    if type(priority) is not int or not 1 <= priority <= 10:
        raise Invalid("a whole number from 1 (first to go) to 10 is needed", field="snapshotPriority")
    return given


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _until(given: Mapping[str, Any], now: datetime) -> datetime | None:
    """When it expires by its snapshotLifetime, within our limit. Raises `Invalid`."""
    if (said := given.get("snapshotLifetime")) is None:
        return None
    period = parse_period(said if isinstance(said, str) else "", "snapshotLifetime")
    if period.whole:
        raise Invalid("a snapshot that is to live no time is none", field="snapshotLifetime")
    return min(period.after(now, 1), now + _LONGEST)


def _queries(given: Mapping[str, Any]) -> list[Any]:
    said = given.get("snapshotQueries")
    if not isinstance(said, list) or not 0 < len(said) <= _MOST_QUERIES:
        raise Invalid(f"a list of 1 to {_MOST_QUERIES} queries is needed", field="snapshotQueries")
    return said


def _query(request: Request, context: Context, body: Any, index: int) -> _Query:
    path = f"snapshotQueries[{index}]"
    if isinstance(body, Mapping) and (strange := sorted(body.keys() - _QUERY)):
        raise Invalid(f"a query of a snapshot has {_list(_QUERY)}", field=f"{path}.{strange[0]}")
    try:
        params, wanted, concerns = query_in(body, {}, context)
        return _Query(body, params, wanted, concerns, shape_of(request, context, params))
    except Invalid as error:
        raise Invalid(str(error), field=f"{path}.{error.field}" if error.field else path) from error


async def _executed(ask: Writing, query: _Query, context: Context) -> tuple[list[Document], dict[str, Any]]:
    """What the query finds here and at sources, and how that went (5.2.42)."""
    try:
        view = await _look(ask, query, context)
        if len(view.documents) > MOST_ENTITIES:
            raise TooManyResults(f"a query of a snapshot finds at most {MOST_ENTITIES} entities; ask for fewer")
    except TooManyResults as error:
        return [], {"resultStatus": FAILURE, "problemDetails": problem(error, ask.request.url.path)}
    told: dict[str, Any] = {"resultStatus": SUCCESS if view.documents else EMPTY}
    if view.warnings:
        silent = "; ".join(text.decode("latin-1") for _, text in view.warnings)
        told["problemDetails"] = problem(
            SourceFailed(f"not all context sources answered: {silent}"), ask.request.url.path
        )
    return [_shown(document, query.shape) for document in view.documents], told


async def _look(ask: Writing, query: _Query, context: Context) -> View:
    request, caller = ask.request, ask.caller
    params = {**query.params, "limit": str(MAX_LIMIT), "offset": "0"}
    selection = selection_for(ask.gate, caller, query.wanted)
    asked = of_readable(await distribution(request, caller, query.concerns, params), query.concerns.types)
    wish = Wish(params, context, Page(MOST_ENTITIES, 0, counted=False), [], query.body)
    return await found_everywhere(
        request, caller, selection, query.wanted.geo, query.concerns, query.shape, asked, wish
    )


def _shown(document: Document, shape: Shape) -> Document:
    """The entity with the attributes that were asked for, and where it lies: by that its readers are judged."""
    names = shape.attrs if shape.pick is None else shape.pick
    if names is None:
        return document
    entity = {name: value for name, value in orjson.loads(document.text).items() if name in names | CORE | {PLACE}}
    return document._replace(text=orjson.dumps(entity).decode())


def _apart(found: list[Document]) -> list[list[Document]]:
    """The documents in lists in each of which every entity stands once."""
    lists: list[dict[str, Document]] = []
    for document in found:
        home = next((one for one in lists if document.id not in one), None)
        if home is None:
            lists.append(home := {})
        home[document.id] = document
    return [list(one.values()) for one in lists]


def _status(details: list[dict[str, Any]]) -> str:
    """The state of the whole (5.16.1.4)."""
    results = {told["resultStatus"] for told in details}
    if results == {FAILURE}:
        return FAILURE
    if FAILURE in results or any("problemDetails" in told for told in details):
        return PARTIAL
    return SUCCESS if SUCCESS in results else EMPTY


def _id(request: Request) -> str:
    id_: str = request.path_params["id"]
    if not is_uri(id_):
        raise Invalid("the id in the path must be a URI", field="id")
    return id_


def _respond(request: Request, snapshot: Snapshot) -> Response:
    shape = Shape(ld=answers_ld(request))
    answer = {
        **({"@context": CORE_CONTEXT} if shape.ld else {}),
        "id": snapshot.id,
        "type": "Snapshot",
        **snapshot.doc,
        "createdAt": iso(snapshot.created_at),
        "modifiedAt": iso(snapshot.modified_at),
        "expiresAt": iso(snapshot.expires_at),
        "lastUsedAt": iso(snapshot.used_at),
    }
    return EntityResponse(orjson.dumps(answer), shape)
