"""HTTP with outside providers: to the address that was checked, soon, within bounds, and remembered for a while."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
from authlib.oauth2.auth import ClientAuth
from joserfc.jwk import KeySet

from api_gateway.outside.provider import (
    Description,
    NotProved,
    Proved,
    Provider,
    read_about,
    read_description,
    read_keys,
)
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import addressed

_SECONDS = 8.0
_MOST_BYTES = 262_144
_REMEMBERED_SECONDS = 600.0
_NOT_AGAIN_SECONDS = 10.0
_FORM = "application/x-www-form-urlencoded"


class Unreachable(Exception):
    """The provider does not answer as it should."""


class Wire:
    """One per process. What providers say of themselves is asked again after ten minutes, and their keys when a token
    names one that is not among them (at most every ten seconds: a made-up name must not load anybody)."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._descriptions: dict[str, tuple[float, Description]] = {}
        self._keys: dict[str, tuple[float, KeySet]] = {}

    async def description(self, provider: Provider) -> Description:
        """What the provider says of itself. Raises `Unreachable`, `NotProved`."""
        kept = self._descriptions.get(provider.id)
        if kept is not None and time.monotonic() - kept[0] < _REMEMBERED_SECONDS:
            return kept[1]
        document = await self._ask("GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        made = read_description(provider, document)
        self._descriptions[provider.id] = (time.monotonic(), made)
        return made

    async def keys(self, provider: Provider, *, again: bool = False) -> KeySet:
        """The provider's keys; `again` because one was missing. Raises `Unreachable`, `NotProved`."""
        kept = self._keys.get(provider.id)
        fresh = _NOT_AGAIN_SECONDS if again else _REMEMBERED_SECONDS
        if kept is not None and time.monotonic() - kept[0] < fresh:
            return kept[1]
        document = await self._ask("GET", (await self.description(provider)).jwks_uri)
        made = read_keys(document)
        self._keys[provider.id] = (time.monotonic(), made)
        return made

    async def redeem(self, provider: Provider, form: Mapping[str, str]) -> tuple[str, str]:
        """Turn a code into an ID token and an access token. Raises `Unreachable`, `NotProved`."""
        description = await self.description(provider)
        auth = ClientAuth(provider.client_id, provider.client_secret, description.auth_method)
        body = str(httpx.QueryParams(dict(form)))
        uri, headers, body = auth.prepare("POST", description.token_endpoint, {"content-type": _FORM}, body)
        answer = await self._ask("POST", uri, headers, body.encode())
        found = answer if isinstance(answer, Mapping) else {}
        id_token, access_token = found.get("id_token"), found.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise NotProved("the provider's answer has no ID token")
        return id_token, access_token

    async def about(self, provider: Provider, proved: Proved, access_token: str) -> tuple[str, str | None]:
        """The person's name, and the address that the provider has verified. Raises `Unreachable`, `NotProved`."""
        place = (await self.description(provider)).userinfo_endpoint
        if place is None:
            return "", None
        return read_about(await self._ask("GET", place, {"authorization": f"Bearer {access_token}"}), proved)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> Any:
        try:
            address = await resolve(url, allow_private=self._allow_private, within=_SECONDS)
            async with asyncio.timeout(_SECONDS), httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
                request = addressed(client, method, url, address, {"accept": "application/json", **headers}, body)
                response = await client.send(request, stream=True)
                text = await _bounded(response)
        except (NotDelivered, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unreachable(f"{url}: {error or 'no answer in time'}") from error
        if not response.is_success:
            raise Unreachable(f"{url} answered {response.status_code}: {text[:300].decode(errors='replace')}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise NotProved(f"{url} did not answer with JSON") from error


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    try:
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise Unreachable(f"an answer of more than {_MOST_BYTES} bytes")
    finally:
        await response.aclose()
    return bytes(body)
