"""Stored entities as answers: as they are wherever no reshaping is asked, else reshaped."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from api_gateway.ngsi_ld.context import GEO_JSON, JSON, JSON_LD, link_to
from broker.entities.represent import CONCISE, NORMALIZED, SIMPLIFIED, Shape, represent, times_of
from broker.jsonld.context import CORE_CONTEXT
from broker.store.reading import Document
from schemas.clock import iso

__all__ = [
    "CONCISE",
    "NORMALIZED",
    "PLAIN",
    "SIMPLIFIED",
    "EntityResponse",
    "Shape",
    "media_type",
    "render",
    "shaped",
    "shaped_entity",
]

_HEAD = f'{{"@context": "{CORE_CONTEXT}", '.encode()
PLAIN = Shape()


def render(document: Document, shape: Shape, hidden: frozenset[str] = frozenset()) -> bytes:
    """One entity as JSON, without the attributes in `hidden`."""
    if shape.as_stored and not hidden:
        text = document.text.encode()
        return _HEAD + text[1:] if shape.ld else text
    return orjson.dumps(shaped(document, shape, hidden))


def shaped(document: Document, shape: Shape, hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """One entity as the value that its JSON stands for."""
    return shaped_entity(orjson.loads(document.text), document, shape, hidden)


def shaped_entity(
    entity: dict[str, Any], document: Document, shape: Shape, hidden: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """As `shaped`, of an entity with linked ones already inside (4.5.23)."""
    times = times_of(iso(document.created_at), iso(document.modified_at), document.stamps) if shape.sys_attrs else None
    answer = represent(entity, times, shape, hidden)
    inside = shape.inner_context and (shape.ld or shape.geojson)
    return {"@context": shape.context.given, **answer} if inside else answer


class EntityResponse(Response):
    """An answer with entities. Its headers are made once and for all: building them each time costs more than reading.

    `more` are further headers; a Link among them stands beside the one to the context.
    """

    def __init__(self, body: bytes, shape: Shape, status: int = 200, more: list[tuple[bytes, bytes]] | None = None):
        self.status_code = status
        self.body = body
        self.background = None
        if shape.ld:
            always = _LD_HEADERS
        elif shape.geojson:
            always = [(b"content-type", GEO_JSON.encode())]
        else:
            always = (
                _JSON_HEADERS if shape.context.is_core else [_JSON_TYPE, (b"link", link_to(shape.context).encode())]
            )
        self.raw_headers = [*always, (b"content-length", str(len(body)).encode()), *(more or ())]


_LD_HEADERS = [(b"content-type", JSON_LD.encode())]
_JSON_TYPE = (b"content-type", JSON.encode())
_JSON_HEADERS = [_JSON_TYPE, (b"link", link_to(PLAIN.context).encode())]
"""The Link header tells which context an application/json answer is to be read with (6.3.6)."""


def media_type(shape: Shape) -> str:
    """The answer's Content-Type."""
    return JSON_LD if shape.ld else GEO_JSON if shape.geojson else JSON
