"""Entity maps over HTTP (ETSI GS CIM 009, 5.14, 6.33): a query's entities, so that its pages are of one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth import Caller
from api_gateway.body import read_json
from api_gateway.context import gateway_of
from api_gateway.errors import TooManyResults
from api_gateway.ngsi_ld.context import JSON, content_type, header
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.writing import Writing, asking, no_content, only
from broker.entities.parse import is_uri, parse_time
from broker.errors import Invalid
from broker.store import entity_maps as store
from broker.store.entity_maps import EntityMap, Member
from schemas.clock import iso

MOST_MEMBERS = 10_000
_HEADER = b"ngsild-entitymap"
_LIFETIME, _LONGEST = timedelta(minutes=10), timedelta(hours=1)


async def chosen_map(request: Request, caller: Caller) -> EntityMap | None:
    """The map that the request says its page is of (header NGSILD-EntityMap). Raises `NotFound`."""
    said = header(request, _HEADER)
    if said is None:
        return None
    if not is_uri(said):
        raise Invalid("the header names an entity map by its id, as an answer gave it", field="NGSILD-EntityMap")
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        return await store.one(tx, said, key_of(caller.subject), gateway_of(request).clock())


async def make_map(request: Request, caller: Caller, members: Sequence[Member]) -> EntityMap:
    """Keep what a query found. Raises `TooManyResults`."""
    if len(members) > MOST_MEMBERS:
        raise TooManyResults(f"an entity map is of at most {MOST_MEMBERS} entities; ask for fewer")
    now = gateway_of(request).clock()
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        id_ = await store.keep(tx, key_of(caller.subject), members, now, now + _LIFETIME)
    return EntityMap(id_, list(members), now + _LIFETIME)


def told(made: EntityMap) -> tuple[bytes, bytes]:
    """The header that names a map."""
    return _HEADER, made.id.encode()


async def retrieve(request: Request) -> Response:
    """What a map holds (5.14.1)."""
    ask, id_, now = await _asked(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        found = await store.one(tx, id_, key_of(ask.caller.subject), now)
    answer = {
        "id": found.id,
        "type": "EntityMap",
        "expiresAt": iso(found.expires_at),
        "entityMap": {member.entity: member.sources for member in found.members},
    }
    return Response(orjson.dumps(answer), media_type=JSON)


async def change(request: Request) -> Response:
    """Keep a map longer, or less long (5.14.2)."""
    ask, id_, now = await _asked(request)
    content_type(request)
    body = await read_json(request, ask.gateway.settings.max_body_bytes)
    if not isinstance(body, Mapping) or body.keys() - {"id", "type", "@context"} != {"expiresAt"}:
        raise Invalid("of an entity map expiresAt can be changed, and nothing else", field="expiresAt")
    until = datetime.fromisoformat(parse_time(body["expiresAt"], "expiresAt"))
    if not now < until <= now + _LONGEST:
        raise Invalid("expiresAt is to be within the next hour", field="expiresAt")
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.prolong(tx, id_, key_of(ask.caller.subject), now, until)
    return no_content()


async def delete(request: Request) -> Response:
    """Forget a map (5.14.3)."""
    ask, id_, now = await _asked(request)
    async with ask.gateway.database.transaction(ask.caller.tenant) as tx:
        await store.delete(tx, id_, key_of(ask.caller.subject), now)
    return no_content()


async def _asked(request: Request) -> tuple[Writing, str, datetime]:
    only(request)
    ask = await asking(request)
    id_: str = request.path_params["id"]
    if not is_uri(id_):
        raise Invalid("the id in the path must be a URI", field="id")
    return ask, id_, ask.gateway.clock()
