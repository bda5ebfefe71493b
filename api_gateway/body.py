"""Reading a request's body within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from api_gateway.errors import NotJson, TooLarge, TooSlow
from broker.errors import Invalid

_SECONDS = 30.0


async def read_body(request: Request, most: int) -> bytes:
    """The body. Raises `TooLarge` beyond `most` bytes and `TooSlow` after half a minute."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise TooLarge(f"the body is {declared} bytes; at most {most} are taken, so send it in parts")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLarge(f"the body is larger than {most} bytes; send it in parts")
                parts.append(part)
    except TimeoutError as error:
        raise TooSlow(f"the body did not arrive within {_SECONDS:.0f} seconds") from error
    except ClientDisconnect as error:
        raise Invalid("the connection closed before the body was complete") from error
    return b"".join(parts)


async def read_json(request: Request, most: int) -> Any:
    """The body as JSON. Raises `NotJson` saying where it stops being JSON."""
    body = await read_body(request, most)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {error}") from error
