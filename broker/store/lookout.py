"""Telling a server that does not answer from a statement that takes long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from broker.errors import Unavailable

_ASK_SECONDS = 2.0
_LOOK_SECONDS = 0.5


class Lookout:
    """Watches over those who wait for a server.

    Where somebody has waited for `seconds`, the server is asked whether it answers at all, by `ask`, which has two
    seconds. Where it does, what takes long goes on, and is looked at again after as many seconds; where not, the
    waiting ends with `Unavailable`.
    """

    def __init__(self, ask: Callable[[], Awaitable[bool]], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._waiting: dict[asyncio.Timeout, float] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Callable[[], None]]:
        """Watch over the block; what it yields ends that sooner."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._waiting[limit] = asyncio.get_running_loop().time()
                if self._looking is None or self._looking.done():
                    self._looking = asyncio.create_task(self._look())
                try:
                    yield lambda: self._forget(limit)
                finally:
                    self._forget(limit)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Unavailable(
                "the database does not answer at present, and nothing was changed: ask again in a few seconds"
            ) from error

    def close(self) -> None:
        """Watch no more."""
        if self._looking is not None:
            self._looking.cancel()

    def _forget(self, limit: asyncio.Timeout) -> None:
        self._waiting.pop(limit, None)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time
        while self._waiting:
            await asyncio.sleep(_LOOK_SECONDS)
            before = now() - self._seconds
            if not any(since <= before for since in self._waiting.values()):
                continue
            answered = await self._answers()
            for limit in [each for each, since in self._waiting.items() if since <= before]:
                if answered:
                    self._waiting[limit] = now()
                else:
                    self._forget(limit)
                    limit.reschedule(now())

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await self._ask()
        except TimeoutError:
            return False
