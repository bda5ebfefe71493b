"""Telling apps that a person has logged out (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from access.tokens import sign
from api_gateway.oauth.keys import SigningKeys
from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from schemas.clock import Clock, utc_now
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import post

EVENT = "http://schemas.openid.net/event/backchannel-logout"
"""The member of a logout token's `events` (2.4)."""
_TOKEN_SECONDS = 120


class LogoutChannel:
    """The channel `logout`: posts a logout token, signed anew for each attempt so that it is always fresh."""

    def __init__(
        self, keys: SigningKeys, issuer: str, *, allow_private: bool, timeout_s: float, clock: Clock = utc_now
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. 200 and 204 are receipts (2.8); 400 means that a repetition would not help."""
        await self._keys.refresh()
        address = await resolve(subscriber.target, allow_private=self._allow_private, within=self._timeout_s)
        body = urlencode({"logout_token": self._token(notice.body)}).encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await post(self._client, subscriber.target, address, body, kind)
        except TimeoutError as error:
            raise NotDelivered(f"no answer within {self._timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise NotDelivered(f"the app answered {answer.status_code}", final=answer.status_code == 400)

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()

    def _token(self, about: Mapping[str, Any]) -> str:
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": about["client_id"],
            "sub": about["sub"],
            "sid": about["sid"],
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "events": {EVENT: {}},
        }
        return sign(self._keys.ring, "logout+jwt", claims)
