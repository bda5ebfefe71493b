"""The channel `mqtt`: publishes through whatever publisher the composition root gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from broker.delivery.notice import Notice
from broker.delivery.queue import Subscriber
from broker.errors import Unavailable
from schemas.river import Mode
from services.notify.channel import NotDelivered
from services.notify.settings import NotifySettings

Publish = Callable[[str, bytes], Awaitable[None]]
"""Publishes (topic, payload) at QoS 1 and returns when it is acknowledged. Raises `Unavailable`."""


class MqttChannel:
    """Publishes under ``<prefix>/<target>/<topic of the notice>``; the subscriber's target is a topic level or more.

    What is not actual has ``exercise`` or ``test`` before the notice's topic: a sign or siren that listens for the real
    thing cannot hear it, even where a slip lets exercises through to its branch.
    """

    def __init__(self, publish: Publish, settings: NotifySettings) -> None:
        self._publish = publish
        self._settings = settings

    async def send(self, subscriber: Subscriber, notice: Notice) -> None:
        """See `Channel.send`."""
        mode = "" if notice.mode is Mode.ACTUAL else str(notice.mode)
        levels = (self._settings.mqtt_prefix, subscriber.target, mode, notice.topic or notice.kind)
        topic = "/".join(level.strip("/") for level in levels if level.strip("/"))
        if any(character in topic for character in "+#\0"):
            raise NotDelivered(f"{topic!r} is no topic to publish on", final=True)
        body = {"id": notice.id, "type": notice.kind, "status": notice.mode, "subject": notice.subject}
        payload = msgspec.json.encode({**body, "data": notice.body})
        try:
            await asyncio.wait_for(self._publish(topic, payload), self._settings.timeout_s)
        except (Unavailable, OSError, TimeoutError) as error:
            raise NotDelivered(f"not published: {error or 'no acknowledgement in time'}") from error

    async def close(self) -> None:
        """The publisher belongs to somebody else."""
