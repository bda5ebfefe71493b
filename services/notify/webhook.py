"""The channel `webhook`: an HTTP POST of JSON, signed."""

from __future__ import annotations

import asyncio
import re

import httpx
import msgspec

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from schemas.clock import Clock, utc_now
from services.notify.channel import NotDelivered
from services.notify.guard import resolve
from services.notify.posting import post
from services.notify.settings import NotifySettings
from services.notify.signature import headers

_GONE = 410
_HOPELESS = frozenset({400, 405, 413, 414, 415, 422, 431})


class WebhookChannel:
    """Posts to each subscriber's address, of which the name is looked up and checked for every delivery."""

    def __init__(self, settings: NotifySettings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        limits = httpx.Limits(max_connections=settings.parallel * 2, max_keepalive_connections=settings.parallel)
        self._client = httpx.AsyncClient(
            timeout=settings.timeout_s, limits=limits, follow_redirects=False, trust_env=False
        )

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. An answer of 2xx is a receipt; 410 ends the subscription; redirects are not followed."""
        body = msgspec.json.encode(
            {
                "id": notice.id,
                "type": notice.kind,
                "status": notice.mode,
                "subject": notice.subject,
                "data": notice.body,
            }
        )
        signed = headers(subscriber.secret or b"", notice.id, int(self._clock().timestamp()), body)
        if notice.trace:
            signed["traceparent"] = notice.trace
        timeout = self._settings.timeout_s
        address = await resolve(subscriber.target, allow_private=self._settings.allow_private_targets, within=timeout)
        try:
            async with asyncio.timeout(timeout):
                await self._post(subscriber.target, address, body, signed)
        except TimeoutError as error:
            raise NotDelivered(f"no answer within {timeout:g} s") from error
        except httpx.HTTPError as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error

    async def _post(self, url: str, address: str, body: bytes, signed: dict[str, str]) -> None:
        kind = {"content-type": "application/json"}
        response = await post(self._client, url, address, body, {**signed, **kind})
        if response.is_success:
            return
        status = response.status_code
        raise NotDelivered(
            f"the receiver answered {status} {response.reason_phrase}".strip(),
            final=status in _HOPELESS,
            gone=status == _GONE,
            wait=_retry_after(response.headers.get("retry-after", "")),
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()


def _retry_after(text: str) -> float | None:
    """Seconds in the header; its form with a date is taken as not said."""
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None
