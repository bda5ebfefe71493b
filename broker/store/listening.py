"""One connection on which a process hears every channel that anybody in it waits for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from broker.waiting import first_of

_RETRY_S = 1.0
_LONG = 3600.0


class Listening:
    """Follows the channels that are waited for. A lost connection is made again, at most once a second.

    `connect` opens a connection that can `add_listener`; `gone` are the errors that say that there is none to be had.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], gone: tuple[type[BaseException], ...]) -> None:
        self._connect, self._gone = connect, gone
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._fresh: list[asyncio.Event] = []
        self._changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def on(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the channel is notified, and once whenever listening (again) began."""
        event = asyncio.Event()
        self._events[channel].add(event)
        self._fresh.append(event)
        self._changed.set()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        try:
            yield event
        finally:
            self._events[channel].discard(event)
            if not any(self._events.values()):
                await self._rest()

    async def _rest(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper

    async def _keep(self) -> None:
        while True:
            # What the database would have told while it was away is read on reconnection, which sets the events.
            with contextlib.suppress(*self._gone):
                connection = await self._connect()
                try:
                    await self._follow(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(_RETRY_S)

    async def _follow(self, connection: Any) -> None:
        lost, heard = asyncio.Event(), set[str]()
        connection.add_termination_listener(lambda _connection: lost.set())
        self._fresh = [event for events in self._events.values() for event in events]
        while not lost.is_set():
            self._changed.clear()
            fresh, self._fresh = self._fresh, []
            for channel in self._events.keys() - heard:
                await connection.add_listener(channel, self._ring)
                heard.add(channel)
            for event in fresh:
                event.set()
            await first_of(self._changed, lost, within=_LONG)

    def _ring(self, _connection: Any, _pid: int, channel: str, _payload: object) -> None:
        for event in self._events.get(channel, ()):
            event.set()
