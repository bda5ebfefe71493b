"""The channel `webpush`: a message to a browser by its push service (RFC 8030), encrypted for it alone (RFC 8291)."""

from __future__ import annotations

import asyncio
import binascii
from datetime import timedelta
from importlib import import_module
from typing import Any

import httpx
import msgspec

from access.keys import SigningKey
from access.vapid import authorization
from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from broker.errors import Invalid
from schemas.clock import Clock, utc_now
from services.notify.channel import NotDelivered
from services.notify.posting import deliver
from services.notify.settings import NotifySettings

_GONE = frozenset({403, 404, 410})
"""The browser took its permission back, or is bound to another platform's key: it subscribes again by itself."""
_KEPT = timedelta(hours=4)
"""How long the push service keeps a message for a browser that is away; older news would only frighten."""
_MOST_TEXT = 600
"""Characters: with all else it stays under the 4,096 bytes that every push service takes (RFC 8030, 7.2)."""


class PushKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What messages to a browser are encrypted with: its public key, and a secret (RFC 8291, 2), in base64url."""

    p256dh: str
    auth: str

    def __post_init__(self) -> None:
        for name, text, size in (("p256dh", self.p256dh, 65), ("auth", self.auth, 16)):
            try:
                length = len(binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)))
            except ValueError as error:
                raise ValueError(f"{name} is not base64url") from error
            if length != size:
                raise ValueError(f"{name} has {length} bytes; it has {size}")


class WebPushChannel:
    """Posts to the browsers' push services, signed with the platform's `key`."""

    def __init__(self, key: SigningKey, settings: NotifySettings, clock: Clock = utc_now) -> None:
        self._key, self._settings, self._clock = key, settings, clock
        limits = httpx.Limits(max_connections=settings.parallel * 2, max_keepalive_connections=settings.parallel)
        self._client = httpx.AsyncClient(
            timeout=settings.timeout_s, limits=limits, follow_redirects=False, trust_env=False
        )

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`. The push service's 201 is a receipt: it brings the message to the browser from there."""
        settings, target = self._settings, subscriber.target
        sealed = await asyncio.to_thread(_sealed, target, subscriber.secret or b"", _message(notice))
        headers = {
            "authorization": authorization(self._key, target, f"mailto:{settings.mail_from}", self._clock()),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(int(_KEPT.total_seconds())),
            "urgency": "high",
        }
        await deliver(
            self._client,
            target,
            sealed,
            headers,
            allow_private=settings.allow_private_targets,
            within=settings.timeout_s,
            gone=_GONE,
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()


def _message(notice: Notice) -> bytes:
    """What the pages' service worker shows; `id` lets it replace a repetition."""
    text = notice.text if len(notice.text) <= _MOST_TEXT else notice.text[: _MOST_TEXT - 1] + "…"
    return msgspec.json.encode(
        {"id": notice.id, "title": notice.subject[:200], "text": text, "mode": notice.mode, "page": notice.page}
    )


def _sealed(target: str, secret: bytes, clear: bytes) -> bytes:
    """Encrypted for the browser (RFC 8291). Raises `NotDelivered`, final, where its keys are none."""
    # Loaded with the first push: it brings two HTTP clients that a city without pushes need not hold.
    pusher: Any = import_module("pywebpush")
    try:
        keys = msgspec.to_builtins(msgspec.json.decode(secret, type=PushKeys))
        body: bytes = pusher.WebPusher({"endpoint": target, "keys": keys}).encode(clear)["body"]
    except (msgspec.DecodeError, ValueError, pusher.WebPushException) as error:
        raise NotDelivered(f"the browser's keys are none: {error}", final=True, gone=True) from error
    return body


def check_keys(keys: PushKeys) -> bytes:
    """The keys as they are kept. Raises `Invalid` where the public one is no point of the curve P-256."""
    try:
        _sealed("https://push.example/", kept := msgspec.json.encode(keys), b"x")
    except NotDelivered as error:
        raise Invalid("p256dh is no point of the curve P-256", field="keys") from error
    return kept
