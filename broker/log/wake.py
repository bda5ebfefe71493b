"""One listening connection per topic and process, shared by the consumers that wait for its records."""

from __future__ import annotations

import asyncio
import contextlib
import weakref

from broker.ports import Database


def channel_of(topic: str) -> str:
    """The channel that an append to `topic` notifies when it commits."""
    return f"log_{topic}"


class Bells:
    """Hands every listener of a topic an event of its own, so that one clearing it does not deafen the others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, weakref.WeakSet[asyncio.Event]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def listen(self, topic: str) -> asyncio.Event:
        """An event set at every notification of `topic`, for as long as the caller keeps it."""
        event = asyncio.Event()
        if topic not in self._listeners:
            self._listeners[topic] = weakref.WeakSet()
            self._tasks.append(asyncio.create_task(self._ring(topic)))
        self._listeners[topic].add(event)
        return event

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _ring(self, topic: str) -> None:
        async with self._database.notices(channel_of(topic)) as notified:
            while True:
                await notified.wait()
                notified.clear()
                for event in self._listeners[topic]:
                    event.set()
