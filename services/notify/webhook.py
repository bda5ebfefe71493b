"""The channel `webhook`: an HTTP POST of JSON, signed."""

from __future__ import annotations

import httpx
import msgspec

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from schemas.clock import Clock, utc_now
from services.notify.posting import deliver
from services.notify.settings import NotifySettings
from services.notify.signature import headers

_GONE = frozenset({410})


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
        settings = self._settings
        await deliver(
            self._client,
            subscriber.target,
            body,
            {**signed, "content-type": "application/json"},
            allow_private=settings.allow_private_targets,
            within=settings.timeout_s,
            gone=_GONE,
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()
