"""The parameters of linked entity retrieval (ETSI GS CIM 009, 4.5.23), and what of it the caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request

from api_gateway.auth import Caller, gate_of
from api_gateway.context import gateway_of
from api_gateway.ngsi_ld.frozen import held
from api_gateway.ngsi_ld.params import number
from api_gateway.ngsi_ld.represent import Shape, shaped_entity
from broker.entities.parse import is_uri
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
    level = number(query, "joinLevel", 1, 1, MAX_JOIN_LEVEL)
    return Join(said == "flat", level, frozenset(_within(query.get("containedBy"))))


def _within(said: str | None) -> list[str]:
    """The ids that containedBy lists. Raises `Invalid`."""
    ids = [] if said is None else [part.strip() for part in said.split(",")]
    for id_ in ids:
        if not is_uri(id_):
            raise Invalid(f"{id_!r} is not a URI, as every id must be", field="containedBy")
    return ids


async def joined(
    request: Request, caller: Caller, found: list[Document], join: Join, shape: Shape, snapshot: str | None = None
) -> list[dict[str, Any]]:
    """As `broker.query.joining.joined`, of what the caller may see at present, or in its snapshot."""
    gate = gate_of(request)

    def loaded(document: Document) -> Loaded:
        entity, hidden = orjson.loads(document.text), gate.hidden(caller, document.type)
        return Loaded({name: member for name, member in entity.items() if name not in hidden}, document)

    async def load(ids: Sequence[str]) -> list[Loaded]:
        if snapshot is not None:
            there = await held(request, caller, snapshot, ids)
        else:
            async with gateway_of(request).database.transaction(caller.tenant) as tx:
                there = list((await documents(tx, ids)).values())
        return [loaded(document) for document in there if gate.sees(caller, document)]

    def render(entity: dict[str, Any], document: Document, own: Shape) -> dict[str, Any]:
        return shaped_entity(entity, document, own, gate.hidden(caller, document.type))

    return await joining.joined([loaded(document) for document in found], join, shape, load, render)
