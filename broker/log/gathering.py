"""Group commit: while one commit is under way, later appends gather, and the next commit takes them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from broker.errors import Unavailable
from broker.log.records import check_sizes, slices
from broker.log.settings import GatheringSettings
from broker.ports import NewRecord

Commit = Callable[[Mapping[str, Sequence[NewRecord]]], Awaitable[None]]
"""Makes the records of each topic durable, all of them, or raises."""


class _Waiting(NamedTuple):
    topic: str
    records: Sequence[NewRecord]
    size: int
    done: asyncio.Future[None]


class Gathering:
    """Merges concurrent calls of `add` into one `commit` at a time.

    Records are committed in the order in which `add` was called. What waits is bounded in bytes: when it is
    full, `add` itself waits, first come first served, so that a slow log slows its callers and never fills memory.
    """

    def __init__(self, commit: Commit, settings: GatheringSettings) -> None:
        self._commit = commit
        self._settings = settings
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._door = asyncio.Lock()
        self._room = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, topic: str, records: Sequence[NewRecord]) -> None:
        """Return when `records` are committed; raise what their commit raised.

        Raises `Invalid` for a record that is too large, before anything is stored.
        """
        check_sizes(records)
        for part in slices(records, self._settings.commit_records, self._settings.commit_bytes):
            await (await self._enter(topic, part))

    async def close(self) -> None:
        """Take no more, and wait for what was taken."""
        self._closed = True
        if self._pump is not None:
            await self._pump

    async def _enter(self, topic: str, records: Sequence[NewRecord]) -> asyncio.Future[None]:
        size = sum(len(key) + len(value) for key, value in records)
        async with self._door:
            while self._size and self._size + size > self._settings.waiting_bytes:
                self._room.clear()
                await self._room.wait()
            if self._closed:
                raise Unavailable("the log is closed")
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Waiting(topic, records, size, done))
            self._size += size
            if self._pump is None or self._pump.done():
                self._pump = asyncio.create_task(self._run())
        return done

    async def _run(self) -> None:
        while self._waiting:
            taken = self._take()
            merged: dict[str, list[NewRecord]] = {}
            for waiting in taken:
                merged.setdefault(waiting.topic, []).extend(waiting.records)
            error: Exception | None = None
            try:
                await self._commit(merged)
            except Exception as caught:  # handed to those who wait, each of whom raises it
                error = caught
            self._settle(taken, error)

    def _take(self) -> list[_Waiting]:
        taken = [self._waiting.popleft()]
        records, size = len(taken[0].records), taken[0].size
        while self._waiting:
            following = self._waiting[0]
            records, size = records + len(following.records), size + following.size
            if records > self._settings.commit_records or size > self._settings.commit_bytes:
                break
            taken.append(self._waiting.popleft())
        return taken

    def _settle(self, taken: Sequence[_Waiting], error: Exception | None) -> None:
        self._size -= sum(waiting.size for waiting in taken)
        self._room.set()
        for waiting in taken:
            if waiting.done.done():
                continue  # its caller gave up waiting
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
