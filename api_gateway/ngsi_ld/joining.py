"""The parameters of linked entity retrieval (ETSI GS CIM 009, 4.5.23), and what of it the caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request

from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.params import number
from api_gateway.ngsi_ld.represent import Shape, shaped_entity
from broker.errors import Invalid
from broker.query import joining
from broker.query.joining import MAX_JOIN_LEVEL, Join, Loaded
from broker.store.reading import Document, documents


def join_of(query: Mapping[str, str]) -> Join | None:
    """The parameters join and joinLevel. Raises `Invalid`."""
    said = query.get("join", "@none")
    if said in ("@none", ""):
        return None
    if said not in ("inline", "flat"):
        raise Invalid("join must be inline, flat or @none", field="join")
    return Join(said == "flat", number(query, "joinLevel", 1, 1, MAX_JOIN_LEVEL))


async def joined(
    request: Request, caller: Caller, found: list[Document], join: Join, shape: Shape
) -> list[dict[str, Any]]:
    """As `broker.query.joining.joined`, of what the caller may see."""
    gate = gate_of(request)

    async def load(ids: Sequence[str]) -> list[Document]:
        async with gateway_of(request).database.transaction(caller.tenant) as tx:
            there = await documents(tx, ids)
        return [document for document in there.values() if gate.sees(caller, document)]

    def render(entity: dict[str, Any], document: Document, own: Shape) -> dict[str, Any]:
        return shaped_entity(entity, document, own, gate.hidden(caller, document.type))

    return await joining.joined([Loaded(orjson.loads(d.text), d) for d in found], join, shape, load, render)
