"""Reading within a snapshot (ETSI GS CIM 009, 5.5.15, 6.3.22): the entities as they were, judged as of today.

What the caller may not read any more it does not find in its snapshot either. No context source is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.errors import NotSupported
from api_gateway.federation.reads import View
from api_gateway.ngsi_ld.owners import key_of
from api_gateway.ngsi_ld.params import Page, Wanted, pattern_blamed
from api_gateway.ngsi_ld.selecting import matching, ordered
from broker.errors import Forbidden
from broker.ports import Transaction
from broker.store import reading, snapshots
from broker.store.reading import FROZEN, Document, Selection


async def in_use(request: Request, caller: Caller, tx: Transaction, snapshot: str) -> None:
    """Let what `tx` selects be of the snapshot. Raises `NotFound` for an unknown one, `Forbidden` where another city
    reads by delegation."""
    if caller.tenant != caller.city:
        raise Forbidden("what another city gave to be read is in no snapshot")
    await snapshots.use(tx, snapshot, key_of(caller.subject), gateway_of(request).clock())


async def frozen(request: Request, caller: Caller, snapshot: str, entity_id: str) -> Document | None:
    """The entity as the snapshot holds it. Raises `NotFound` for an unknown snapshot."""
    found = await held(request, caller, snapshot, [entity_id])
    for document in found:
        gate_of(request).demand_entity(caller, document)
    return found[0] if found else None


async def held(request: Request, caller: Caller, snapshot: str, ids: Sequence[str]) -> list[Document]:
    """Those of the entities that the snapshot holds, for whoever judges them. Raises `NotFound`."""
    async with gateway_of(request).database.transaction(caller.tenant) as tx:
        await in_use(request, caller, tx, snapshot)
        return await reading.select(tx, Selection(ids=tuple(ids), among=FROZEN), limit=len(ids), offset=0)


async def frozen_page(
    request: Request,
    caller: Caller,
    snapshot: str,
    selection: Selection,
    wanted: Wanted,
    page: Page,
    order: Sequence[tuple[str, bool]],
) -> View:
    """The entities selected in the snapshot, from the page's offset on: one more than the page holds where there is
    more. Raises `NotFound` for an unknown snapshot."""
    if request.query_params.get("entityMap") == "true":
        raise NotSupported("the pages of a snapshot are of one list anyway; leave out entityMap")
    total = None
    with pattern_blamed():
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            await in_use(request, caller, tx, snapshot)
            chosen = ordered(await matching(tx, selection._replace(among=FROZEN), wanted.geo), order)
            found = await reading.select(tx, chosen, limit=page.limit + 1, offset=page.offset) if page.limit else []
            if page.counted:
                total = await reading.count(tx, chosen)
    return View(found, [], total)
