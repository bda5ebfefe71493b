"""HTTP to the very address that was checked, under the name that was asked for (Host and TLS)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import httpx

from services.notify.channel import NotDelivered
from services.notify.guard import resolve

_MOST_OF_AN_ANSWER = 65_536
_HOPELESS = frozenset({400, 405, 413, 414, 415, 422, 431})


def addressed(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> httpx.Request:
    """A request for `url` that goes to `address`.

    `address` is what `guard.resolve` said of the host in `url`: looking the name up again could give another one.
    """
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return client.build_request(
        method,
        urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")),
        content=body,
        headers={"user-agent": "city-os", **headers, "host": parts.netloc.rpartition("@")[2]},
        extensions={"sni_hostname": parts.hostname or ""},
    )


async def post(
    client: httpx.AsyncClient, url: str, address: str, body: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    """Post and return the answer, read as far as is needed to use the connection again."""
    request = addressed(client, "POST", url, address, headers, body)
    response = await client.send(request, stream=True)
    try:
        await _drain(response)
    finally:
        await response.aclose()
    return response


async def deliver(
    client: httpx.AsyncClient,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    within: float,
    gone: frozenset[int],
    known: frozenset[int] = frozenset(),
) -> None:
    """Post and return when the receiver has it (2xx, or `known`: it has it from before). Raises `NotDelivered`; a
    status in `gone` ends all deliveries."""
    address = await resolve(url, allow_private=allow_private, within=within)
    try:
        async with asyncio.timeout(within):
            response = await post(client, url, address, body, headers)
    except TimeoutError as error:
        raise NotDelivered(f"no answer within {within:g} s") from error
    except httpx.HTTPError as error:
        raise NotDelivered(f"{type(error).__name__}: {error}") from error
    except httpx.InvalidURL as error:
        raise NotDelivered(f"{url!r} is no address: {error}", final=True) from error
    status = response.status_code
    if response.is_success or status in known:
        return
    raise NotDelivered(
        f"the receiver answered {status} {response.reason_phrase}".strip(),
        final=status in _HOPELESS,
        gone=status in gone,
        wait=_retry_after(response.headers.get("retry-after", "")),
    )


def _retry_after(text: str) -> float | None:
    """Seconds in the header; its form with a date is taken as not said."""
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None


async def _drain(response: httpx.Response) -> None:
    """Read a short answer, so that the connection can be used again; a long one is not ours to read."""
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > _MOST_OF_AN_ANSWER:
            return
