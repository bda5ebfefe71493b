"""One task per process reads the log's changes and hands them to every open stream.

The overflow rule: a stream keeps at most `buffer` events for a slow reader. When they are full they are thrown away
and the reader is told of a gap, after which it must fetch afresh. Nobody waits for a slow reader, and memory is
bounded by readers times buffer. While nobody listens, nothing is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import msgspec

from api_gateway.errors import Busy
from api_gateway.events.cursor import Offsets, encode
from broker.errors import Unavailable
from broker.ports import CHANGES, Log, Record
from schemas.change import Head, decode_head

Appended = Callable[[], AbstractAsyncContextManager[asyncio.Event]]
"""An event that is set whenever the log has grown, for a log that can tell."""

_READ = 1000
_ENDS_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Event(NamedTuple):
    """One change to be sent: its head, the record (JSON) without the entity's state, and the cursor after it.

    Of the state only location and scopes are kept (`placed`, JSON), for whoever judges the change by where the entity
    lies; None of an entity too large to travel with its change. A stream tells what changed, less what its reader may
    not see.
    """

    head: Head
    value: bytes
    cursor: str
    placed: bytes | None


class _Placed(msgspec.Struct):
    location: msgspec.Raw = msgspec.Raw(b"null")
    scope: msgspec.Raw = msgspec.Raw(b"null")


class _State(msgspec.Struct):
    doc: _Placed


_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_state = msgspec.json.Decoder(_State).decode


def as_event(record: Record, position: Offsets) -> Event | None:
    """The record as an event; `position` moves past it. None for a record that is no change."""
    position[record.partition] = record.offset + 1
    try:
        told = _decode_members(record.value)
        state = told.pop("state", None)
        placed = None if state is None else msgspec.json.encode(_decode_state(state).doc)
        return Event(decode_head(record.value), msgspec.json.encode(told), encode(position), placed)
    except msgspec.DecodeError:
        _log.warning("no change in %s/%d at %d", record.topic, record.partition, record.offset)
        return None


class Stream:
    """One reader's bounded queue. `start` is where the live events begin."""

    def __init__(self, start: Offsets, buffer: int) -> None:
        self.start = start
        self.closed = False
        self._events: deque[Event] = deque()
        self._buffer = buffer
        self._lost: str | None = None
        self._ready = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Take an event, or when there is no room drop all and remember the gap."""
        if len(self._events) >= self._buffer:
            self._events.clear()
            self._lost = event.cursor
        else:
            self._events.append(event)
        self._ready.set()

    def close(self) -> None:
        """Let the reader finish."""
        self.closed = True
        self._ready.set()

    async def next(self, seconds: float) -> Event | str | None:
        """The next event; the cursor after a gap, as text; or None when `seconds` pass without either."""
        if not self._events and self._lost is None and not self.closed:
            self._ready.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), seconds)
        if self._lost is not None:
            lost, self._lost = self._lost, None
            return lost
        return self._events.popleft() if self._events else None


class Fanout:
    """The process's one reader of the log, and the streams it feeds."""

    def __init__(
        self, log: Log, *, buffer: int, most: int, poll_seconds: float, appended: Appended | None = None
    ) -> None:
        self._log = log
        self._appended = appended
        self._buffer = buffer
        self._most = most
        self._poll_seconds = poll_seconds
        self._streams: set[Stream] = set()
        self._position: Offsets = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._starting = asyncio.Lock()

    @property
    def open_streams(self) -> int:
        """How many readers there are."""
        return len(self._streams)

    async def subscribe(self) -> Stream:
        """A stream of what happens from now on. Raises `Busy` at the most streams, `Unavailable` without a log."""
        if self._closed or len(self._streams) >= self._most:
            raise Busy(f"{self._most} event streams are open, which is all this process serves; try again later")
        async with self._starting:
            if self._task is None or self._task.done():
                self._position = await self._ends()
                self._task = asyncio.create_task(self._tail())
                self._task.add_done_callback(self._ended)
        stream = Stream(dict(self._position), self._buffer)
        self._streams.add(stream)
        return stream

    def unsubscribe(self, stream: Stream) -> None:
        """Forget a reader; with the last one the reading of the log stops."""
        self._streams.discard(stream)
        if not self._streams and self._task is not None:
            self._task.cancel()
            self._task = None

    def close(self) -> None:
        """End all streams, so that their connections can close."""
        self._closed = True
        for stream in self._streams:
            stream.close()

    async def _ends(self) -> Offsets:
        try:
            async with asyncio.timeout(_ENDS_SECONDS):
                return dict(await self._log.ends(CHANGES))
        except TimeoutError:
            raise Unavailable(f"the log did not say within {_ENDS_SECONDS:g} s where it ends") from None

    async def _tail(self) -> None:
        """Read whenever the log says that it grew, or at every poll where it cannot say so."""
        async with self._appended() if self._appended else contextlib.nullcontext(asyncio.Event()) as grown:
            while True:
                grown.clear()
                try:
                    ends = await self._ends()
                    for partition in sorted(ends):
                        await self._read(partition, ends[partition])
                except Unavailable as error:
                    _log.warning("the change stream waits for the log: %s", error)
                    await asyncio.sleep(1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(grown.wait(), self._poll_seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The tail ends only when cancelled; if a bug ended it, readers reconnect instead of waiting for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the change stream broke", exc_info=error)
            for stream in self._streams:
                stream.close()

    async def _read(self, partition: int, end: int) -> None:
        while self._position.setdefault(partition, 0) < end:
            records = await self._log.read(CHANGES, partition, self._position[partition], limit=_READ)
            if not records:
                return
            for record in records:
                event = as_event(record, self._position)
                if event is not None:
                    for stream in self._streams:
                        stream.offer(event)
