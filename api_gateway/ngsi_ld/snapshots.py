"""Snapshots over HTTP (ETSI GS CIM 009, 5.2.41, 5.2.42, 5.16, 6.36 to 6.38).

The queries are executed before the creation is answered: nobody has to wait for a snapshot that is still prepared.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.errors import NotSupported, Unauthenticated
from api_gateway.ngsi_ld.context import answers_ld
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.params import only_known
from api_gateway.ngsi_ld.represent import EntityResponse, Shape
from api_gateway.ngsi_ld.snapshot_queries import QUERIES, Found, execute, queries_of
from api_gateway.ngsi_ld.writing import Writing, asking, created, no_content, only
from broker.entities.parse import is_uri
from broker.errors import Forbidden, Invalid, NotFound
from broker.jsonld.context import CORE_CONTEXT
from broker.query.period import parse_period
from broker.query.q import parse_q
from broker.store import snapshot_histories as histories
from broker.store import snapshots as store
from broker.store.reading import Document
from broker.store.snapshots import Snapshot
from schemas.clock import iso

_LIFETIME, _LONGEST = timedelta(hours=1), timedelta(days=7)
_PRIORITY = 5
_GIVEN = frozenset({"id", "type", *QUERIES, "snapshotPriority", "snapshotLifetime"})
_TIMES = frozenset({"createdAt", "modifiedAt", "expiresAt", "lastUsedAt"})
_OUTPUT = _TIMES | {"snapshotStatus", "snapshotQueriesDetails", "snapshotTemporalQueriesDetails"}
_LATER = frozenset({"endpoint", "receiverInfo"})
_ASKED = _TIMES | {"snapshotPriority", "snapshotLifetime", "snapshotStatus"}


async def create(request: Request) -> Response:
    """Execute queries and keep what they find (5.16.1)."""
    ask = await _asking(request)
    body, context = await ask.body()
    given = _members(body, _GIVEN)
    found = await execute(ask, queries_of(ask, given, context), context)
    doc = {
        **{name: given[name] for name in (*QUERIES, "snapshotLifetime") if name in given},
        "snapshotPriority": given.get("snapshotPriority", _PRIORITY),
        "snapshotStatus": found.status,
        **{f"{name}Details": details for name, details in found.details.items() if name in given},
    }
    return await _make(ask, given, doc, found)


async def clone(request: Request) -> Response:
    """Make another snapshot of what one holds (5.16.2)."""
    ask = await _asking(request)
    body, _ = await ask.body()
    given = _members(body, _GIVEN - {*QUERIES})
    source = _id(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        known = await store.one(tx, source, key_of(ask.caller.subject), ask.gateway.clock())
    own: dict[str, Any] = {name: given[name] for name in ("snapshotPriority", "snapshotLifetime") if name in given}
    kept = {name: value for name, value in known.doc.items() if name != "snapshotLifetime"}
    return await _make(ask, given, {**kept, "snapshotPriority": _PRIORITY, **own}, source)


async def _make(ask: Writing, given: Mapping[str, Any], doc: Mapping[str, Any], of: Found | str) -> Response:
    id_ = given.get("id") or f"urn:ngsi-ld:Snapshot:{uuid.uuid4()}"
    now, owner = ask.gateway.clock(), key_of(ask.caller.subject)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.make(tx, id_, owner, doc, now, _until(given, now) or now + _LIFETIME)
        if isinstance(of, str):
            await store.copy(tx, of, id_)
            await histories.copy(tx, of, id_)
            return created(_path(id_))
        # One statement knows an entity once: what a later query found of it is added by another.
        for documents in _apart(of.documents):
            await store.fill(tx, id_, documents)
        for past in of.pasts:
            await histories.keep(tx, id_, past.documents, past.points)
    return created(_path(id_))


def _path(id_: str) -> str:
    return f"/ngsi-ld/v1/snapshots/{quote(id_, safe=':')}"


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
            raise NotSupported(f"{name} is not offered: a snapshot is ready when it is there")
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


def _apart(found: list[Document]) -> list[list[Document]]:
    """The documents in lists in each of which every entity stands once."""
    lists: list[dict[str, Document]] = []
    for document in found:
        home = next((one for one in lists if document.id not in one), None)
        if home is None:
            lists.append(home := {})
        home[document.id] = document
    return [list(one.values()) for one in lists]


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
