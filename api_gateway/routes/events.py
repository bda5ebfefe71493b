"""`/api/v1/events`: changes of entities as they happen, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from access.places import PLACES
from api_gateway.auth import Caller, Gate, gate_of
from api_gateway.context import gateway_of
from api_gateway.events import cursor
from api_gateway.events.fanout import Event, Fanout, Stream
from api_gateway.events.stream import Visible, server_sent
from api_gateway.personal.reads import asks_personal, sees_event
from broker.errors import Forbidden

router = APIRouter(prefix="/api/v1", tags=["events"])

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EXAMPLE = (
    "id: 0:18,1:4\nevent: change\n"
    'data: {"tenant":"fukui","entity":"urn:ngsi-ld:WaterObserved:1","type":["WaterObserved"],"op":"update",…}\n\n'
)


@router.get(
    "/events",
    summary="Stream changes",
    response_class=StreamingResponse,
    responses={200: {"description": "the stream", "content": {"text/event-stream": {"example": _EXAMPLE}}}},
)
async def events(
    request: Request,
    types: Annotated[
        str | None, Query(description="entity types, comma between; all that you may read if left out")
    ] = None,
    tenant: Annotated[str | None, Query(description="the tenant, for clients that cannot send NGSILD-Tenant")] = None,
    last_event_id: Annotated[str | None, Header(description="resume after this event")] = None,
) -> StreamingResponse:
    """Each event is one entity's change. A comment comes every 15 seconds while nothing happens. `event: gap` tells
    that changes were lost to this connection (it was too slow, or away too long): fetch what you show afresh. Only
    types that you may read are sent."""
    gateway, gate = gateway_of(request), gate_of(request)
    caller = await gate.caller(request, tenant=tenant)
    if caller.tenant != caller.city:
        raise Forbidden(f"what {caller.city!r} delegates can be read, not streamed")
    wanted = frozenset(name.strip() for name in types.split(",")) if types else None
    personal = asks_personal(request, caller, wanted)
    for name in sorted(wanted or ()):
        if not personal:
            gate.demand_some(caller, name)
    async with gateway.database.transaction(caller.tenant):
        pass  # raises for a tenant that does not exist
    since = cursor.decode(last_event_id) if last_event_id else None
    fanout: Fanout = request.app.state.fanout
    stream = await fanout.subscribe()
    visible = _personal(request, caller, wanted) if personal else _visible(gate, caller, wanted)
    body = server_sent(stream, gateway.log, since, visible, gateway.settings.heartbeat_seconds)
    return _Subscribed(fanout, stream, body)


class _Subscribed(StreamingResponse):
    """Gives the subscription back however the connection ends, even before the first byte."""

    def __init__(self, fanout: Fanout, stream: Stream, body: AsyncIterator[bytes]) -> None:
        super().__init__(body, media_type="text/event-stream", headers=_HEADERS)
        self._fanout = fanout
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._fanout.unsubscribe(self._stream)


def _visible(gate: Gate, caller: Caller, wanted: frozenset[str] | None) -> Visible:
    def see(event: Event) -> bytes | None:
        head = event.head
        if head.tenant != caller.tenant or (wanted is not None and wanted.isdisjoint(head.type)):
            return None
        if not head.type or not gate.sees_change(caller, head.type, event.placed):
            return None
        hidden = gate.hidden(caller, list(head.type))
        value = _where_it_is(event.value) if gate.asks_where(caller, head.type) else event.value
        return _without(value, hidden) if hidden else value

    return see


def _personal(request: Request, caller: Caller, wanted: frozenset[str] | None) -> Visible:
    """Changes of entities about persons: each event passes the consent gate by itself."""

    async def judged(event: Event) -> bytes | None:
        head = event.head
        if not await sees_event(request, caller, head.entity, head.type):
            return None
        hidden = gate_of(request).hidden(caller, list(head.type))
        return _without(event.value, hidden) if hidden else event.value

    def see(event: Event) -> Awaitable[bytes | None] | None:
        head = event.head
        if head.tenant != caller.tenant or not wanted or wanted.isdisjoint(head.type):
            return None
        return judged(event)

    return see


def _where_it_is(value: bytes) -> bytes:
    """The change less where the entity was before: that may be where this reader does not see."""
    change = orjson.loads(value)
    if not PLACES.isdisjoint(change.get("previous", {})):
        change["previous"] = {}
    if "samples" in change:
        change["samples"] = [sample for sample in change["samples"] if sample["attribute"] not in PLACES]
    return orjson.dumps(change)


def _without(value: bytes, hidden: frozenset[str]) -> bytes | None:
    """The change less the attributes that this reader may not see; None if nothing else happened."""
    change = orjson.loads(value)
    before = len(change.get("attributes", {})) + len(change.get("samples", []))
    for member in ("attributes", "previous"):
        if member in change:
            change[member] = {name: item for name, item in change[member].items() if name not in hidden}
    if "samples" in change:
        change["samples"] = [sample for sample in change["samples"] if sample["attribute"] not in hidden]
    after = len(change.get("attributes", {})) + len(change.get("samples", []))
    return orjson.dumps(change) if after or before == 0 else None
