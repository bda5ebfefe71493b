"""Reading within a snapshot (ETSI GS CIM 009, 5.5.15, 6.3.22): the entities as they were, judged as of today.

What the caller may not read any more it does not find in its snapshot either. No context source is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import NotSupported
from api_gateway.federation.reads import View
from api_gateway.ngsi_ld.context import header
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.params import Page, Wanted, pattern_blamed
from api_gateway.ngsi_ld.selecting import matching, ordered
from broker.entities.parse import is_uri
from broker.errors import Forbidden, Invalid
from broker.query.joining import Join
from broker.store import reading, snapshots
from broker.store.reading import FROZEN, Document, Selection

_HEADER = b"ngsild-snapshot"
Handler = Callable[[Request], Awaitable[Response]]


def snapshot_said(request: Request) -> str | None:
    """The snapshot that the request is about (header NGSILD-Snapshot); None for the present. Raises `Invalid`."""
    said = header(request, _HEADER)
    if said is not None and not is_uri(said):
        raise Invalid("the header names a snapshot by its id, a URI", field="NGSILD-Snapshot")
    return said


def echo(snapshot: str) -> list[tuple[bytes, bytes]]:
    """The header that tells which snapshot an answer is of."""
    return [(_HEADER, snapshot.encode())]


def of_the_present(handler: Handler) -> Handler:
    """`handler`, for the present alone: what is meant for a snapshot must not be done to the city."""

    async def endpoint(request: Request) -> Response:
        if header(request, _HEADER) is not None:
            raise NotSupported("in a snapshot entities are retrieved and queried; leave out NGSILD-Snapshot")
        return await handler(request)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


async def frozen(
    request: Request, caller: Caller, snapshot: str, entity_id: str, join: Join | None = None
) -> Document | None:
    """The entity as the snapshot holds it. Raises `NotFound` for an unknown snapshot."""
    _only_its_own(caller, join)
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        await snapshots.use(tx, snapshot, key_of(caller.subject), gateway_of(request).clock())
        found = await reading.select(tx, Selection(ids=(entity_id,), among=FROZEN), limit=1, offset=0)
    for document in found:
        gate_of(request).demand_entity(caller, document)
    return found[0] if found else None


async def frozen_page(
    request: Request,
    caller: Caller,
    snapshot: str,
    selection: Selection,
    wanted: Wanted,
    page: Page,
    order: Sequence[tuple[str, bool]],
    join: Join | None,
) -> View:
    """The entities selected in the snapshot, from the page's offset on: one more than the page holds where there is
    more. Raises `NotFound` for an unknown snapshot."""
    _only_its_own(caller, join)
    if request.query_params.get("entityMap") == "true":
        raise NotSupported("the pages of a snapshot are of one list anyway; leave out entityMap")
    total = None
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            await snapshots.use(tx, snapshot, key_of(caller.subject), gateway_of(request).clock())
            chosen = ordered(await matching(tx, selection._replace(among=FROZEN), wanted.geo), order)
            found = await reading.select(tx, chosen, limit=page.limit + 1, offset=page.offset) if page.limit else []
            if page.counted:
                total = await reading.count(tx, chosen)
    return View(found, [], total)


def _only_its_own(caller: Caller, join: Join | None) -> None:
    if caller.tenant != caller.city:
        raise Forbidden("what another city gave to be read is in no snapshot")
    if join is not None:
        raise NotSupported("what an entity of a snapshot is linked to is not joined; leave out join")
