"""A publisher for as long as a process lives: connects when there is something to say, and anew after a failure."""

from __future__ import annotations

import asyncio
from typing import Self

from adapters.mqtt.publisher import Publisher, PublisherSettings
from broker.errors import CityError, Unavailable


class LastingPublisher:
    """Publishes one message after another, for many tasks at once, over one connection. An async context manager."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._settings = settings
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_up(self._publisher)

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Return when the broker has acknowledged the message, at QoS 0 when it is sent.

        Raises `Unavailable` when there is no connection, no acknowledgement within `stall_timeout_s`, or one that
        says the broker did not take it. The broker may have the message all the same; publish it again.
        """
        publisher = await self._open()
        try:
            async with asyncio.timeout(self._settings.stall_timeout_s):
                acknowledged = await publisher.publish(topic, payload, qos)
                # Shielded: the publisher settles this future itself, also after a caller went away.
                await asyncio.shield(acknowledged)
        except TimeoutError:
            await self._give_up(publisher)
            raise Unavailable(f"no acknowledgement within {self._settings.stall_timeout_s:g} s") from None
        except Unavailable:
            await self._give_up(publisher)
            raise
        except CityError as error:
            raise Unavailable(str(error)) from error

    async def _open(self) -> Publisher:
        async with self._opening:
            if self._publisher is None:
                publisher = Publisher(self._settings)
                try:
                    await publisher.__aenter__()
                except CityError as error:
                    raise Unavailable(str(error)) from error
                self._publisher = publisher
            return self._publisher

    async def _give_up(self, publisher: Publisher | None) -> None:
        """Close a connection that does not answer; whoever publishes next opens another."""
        if publisher is None or publisher is not self._publisher:
            return
        self._publisher = None
        await publisher.__aexit__()
