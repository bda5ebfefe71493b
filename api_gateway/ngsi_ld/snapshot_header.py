"""The header that says which snapshot a request is about (ETSI GS CIM 009, 6.3.22); without it, about the present."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.errors import NotSupported
from api_gateway.ngsi_ld.context import header
from broker.entities.parse import is_uri
from broker.errors import Invalid

_HEADER = b"ngsild-snapshot"
Handler = Callable[[Request], Awaitable[Response]]


def snapshot_said(request: Request) -> str | None:
    """The snapshot that the request is about; None for the present. Raises `Invalid`."""
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
            raise NotSupported("this is not offered within a snapshot; leave out NGSILD-Snapshot")
        return await handler(request)

    endpoint.__qualname__ = handler.__qualname__
    return endpoint


def told_of(handler: Handler) -> Handler:
    """`handler`, of what may be done within a snapshot: its answer tells which."""

    async def endpoint(request: Request) -> Response:
        snapshot, answer = snapshot_said(request), await handler(request)
        if snapshot is not None:
            answer.raw_headers += echo(snapshot)
        return answer

    endpoint.__qualname__ = handler.__qualname__
    return endpoint
