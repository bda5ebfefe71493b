"""One reader's stream as server-sent events: what it missed, then what happens, with heartbeats between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import orjson

from api_gateway.events.cursor import Offsets, encode
from api_gateway.events.fanout import Event, Stream, as_event
from broker.ports import CHANGES, Log

MOST_MISSED = 10_000
"""More missed changes than this are not replayed: fetching afresh is quicker."""

_READ = 500
_HEARTBEAT = b": alive\n\n"

Visible = Callable[[Event], bytes | Awaitable[bytes | None] | None]
"""What of an event this reader may see: the data to send, or None; awaited where it takes asking (personal data)."""


async def _seen(visible: Visible, event: Event) -> bytes | None:
    data = visible(event)
    return data if data is None or isinstance(data, bytes) else await data


async def server_sent(
    stream: Stream, log: Log, since: Offsets | None, visible: Visible, heartbeat: float
) -> AsyncIterator[bytes]:
    """The bytes of the stream. Ends when the stream is closed; the reader resumes with the last id it saw."""
    yield f"retry: 2000\nid: {encode(since or stream.start)}\n: connected\n\n".encode()
    if since is not None:
        async for chunk in _missed(log, since, stream.start, visible):
            yield chunk
    while not stream.closed:
        item = await stream.next(heartbeat)
        if item is None:
            yield _HEARTBEAT
        elif isinstance(item, str):
            yield _gap(item, "this connection was too slow; fetch afresh")
        elif (data := await _seen(visible, item)) is not None:
            yield _message("change", item.cursor, data)


async def _missed(log: Log, since: Offsets, until: Offsets, visible: Visible) -> AsyncIterator[bytes]:
    """The changes from `since` until `until`, or a gap where they are too many or no longer there."""
    position = {partition: since.get(partition, 0) for partition in until}
    missed = sum(until[partition] - position[partition] for partition in until)
    ahead = any(position[partition] > until[partition] for partition in until) or not since.keys() <= until.keys()
    if ahead or missed > MOST_MISSED:
        yield _gap(encode(until), "too much has happened since; fetch afresh")
        return
    for partition in sorted(until):
        while position[partition] < until[partition]:
            records = await log.read(CHANGES, partition, position[partition], limit=_READ)
            if not records or records[0].offset > position[partition]:
                position[partition] = until[partition] if not records else records[0].offset
                yield _gap(encode(position), "some changes are no longer kept; fetch afresh")
            for record in records:
                if record.offset >= until[partition]:
                    position[partition] = until[partition]
                    break
                event = as_event(record, position)
                if event is not None and (data := await _seen(visible, event)) is not None:
                    yield _message("change", event.cursor, data)


def _message(event: str, cursor: str, data: bytes) -> bytes:
    return b"id: " + cursor.encode() + b"\nevent: " + event.encode() + b"\ndata: " + data + b"\n\n"


def _gap(cursor: str, why: str) -> bytes:
    return _message("gap", cursor, orjson.dumps({"reason": why}))
