"""HTTP to the very address that was checked, under the name that was asked for (Host and TLS)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
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
    parts, named = urlsplit(url), httpx.URL(url)  # which writes a host in ASCII (IDNA)
    host = f"[{address}]" if ":" in address else address
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return client.build_request(
        method,
        urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")),
        content=body,
        headers={"user-agent": "city-os", **headers, "host": named.netloc.decode()},
        extensions={"sni_hostname": named.raw_host.decode()},
    )


async def post(
    client: httpx.AsyncClient, url: str, address: str, body: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    """Post and return the answer, read as far as is needed to use the connection again."""
    return (await exchange(client, url, address, body, headers))[0]


async def exchange(
    client: httpx.AsyncClient, url: str, address: str, body: bytes, headers: Mapping[str, str]
) -> tuple[httpx.Response, bytes]:
    """Post and return the answer with the bytes of its body, as they came and as far as they were read."""
    request = addressed(client, "POST", url, address, headers, body)
    response = await client.send(request, stream=True)
    try:
        return response, await _drain(response)
    finally:
        await response.aclose()


async def deliver(
    client: httpx.AsyncClient,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    within: float,
    gone: frozenset[int],
    known: Mapping[int, bytes] | None = None,
) -> None:
    """Post and return when the receiver has it: 2xx, or it has it from before, as it says by a status in `known` with
    those words in the body. Raises `NotDelivered`; a status in `gone` ends all deliveries."""
    address = await resolve(url, allow_private=allow_private, within=within)
    try:
        async with asyncio.timeout(within):
            response, told = await exchange(client, url, address, body, headers)
    except TimeoutError as error:
        raise NotDelivered(f"no answer within {within:g} s") from error
    except httpx.HTTPError as error:
        raise NotDelivered(f"{type(error).__name__}: {error}") from error
    except httpx.InvalidURL as error:
        raise NotDelivered(f"{url!r} is no address: {error}", final=True) from error
    status = response.status_code
    before = (known or {}).get(status)
    if response.is_success or (before is not None and before in told):
        return
    raise NotDelivered(
        f"the receiver answered {status} {response.reason_phrase}".strip(),
        final=status in _HOPELESS,
        gone=status in gone,
        wait=_pause(response.headers),
    )


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the receiver asks us to wait: Retry-After (its form with a date is taken as not said), or until the
    moment at which a spent quota begins anew, by the receiver's own clock."""
    text = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,6}", text):
        return float(text)
    spent = headers.get("x-rate-limit-remaining") == "0"
    anew = headers.get("x-rate-limit-reset", "")
    if not spent or not re.fullmatch(r"\d{1,12}", anew):
        return None
    try:
        there = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
    return max(float(anew) - there, 0.0)


async def _drain(response: httpx.Response) -> bytes:
    """Read a short answer, so that the connection can be used again; a long one is not ours to read."""
    read = b""
    async for part in response.aiter_raw():
        read += part
        if len(read) > _MOST_OF_AN_ANSWER:
            break
    return read
