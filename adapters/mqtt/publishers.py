"""Publishing at many servers, each over one connection that is kept while it is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Self

from adapters.mqtt.lasting import LastingPublisher
from adapters.mqtt.publisher import PublisherSettings


class Publishers:
    """At most `most` connections: the one unused for longest gives way. An async context manager."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._open: OrderedDict[PublisherSettings, LastingPublisher] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for publisher in self._open.values():
            await publisher.__aexit__()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def publish(self, at: PublisherSettings, topic: str, payload: bytes, qos: int) -> None:
        """As `LastingPublisher.publish`, at the server that `at` names. Raises `Unavailable`."""
        publisher = self._open.setdefault(at, LastingPublisher(at))
        self._open.move_to_end(at)
        if len(self._open) > self._most:
            _, oldest = self._open.popitem(last=False)
            task = asyncio.create_task(oldest.__aexit__())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        await publisher.publish(topic, payload, qos)
