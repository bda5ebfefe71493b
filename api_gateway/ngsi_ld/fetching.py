"""Fetching a remote @context, within limits: one document, of a public host, small, soon, without redirects."""

from __future__ import annotations

import asyncio

import httpx

from broker.jsonld.library import ContextNotAvailable, Fetch
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import addressed

_SECONDS = 5.0
_MOST_BYTES = 1_048_576
_HOPS = 3


def fetcher(*, allow_private: bool) -> Fetch:
    """What fetches contexts; addresses inside the city's own network only where allowed."""

    async def fetch(uri: str) -> bytes:
        try:
            async with asyncio.timeout(_SECONDS), httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
                return await _get(client, uri, allow_private=allow_private)
        except (NotDelivered, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ContextNotAvailable(f"the context {uri} cannot be had: {error or 'no answer in time'}") from error

    return fetch


async def _get(client: httpx.AsyncClient, uri: str, *, allow_private: bool) -> bytes:
    """Connects to the very address that was checked, under the name that was asked for; follows a few redirects."""
    for _ in range(_HOPS):
        address = await resolve(uri, allow_private=allow_private, within=_SECONDS)
        request = addressed(client, "GET", uri, address, {"accept": "application/ld+json, application/json"})
        response = await client.send(request, stream=True)
        try:
            if response.has_redirect_location:
                uri = str(httpx.URL(uri).join(response.headers["location"]))
                continue
            if not response.is_success:
                raise ContextNotAvailable(f"the context {uri} cannot be had: its host answered {response.status_code}")
            return await _bounded(response, uri)
        finally:
            await response.aclose()
    raise ContextNotAvailable(f"the context {uri} is redirected too often")


async def _bounded(response: httpx.Response, uri: str) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            raise ContextNotAvailable(f"the context {uri} is larger than {_MOST_BYTES} bytes")
    return bytes(body)
