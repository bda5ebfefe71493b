"""A subscriber that listens, and the part of the notifier that tells it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from api_gateway.ngsi_ld.fetching import fetcher
from broker.jsonld.library import ContextLibrary
from cityos.roles.notifier import open_publishers
from schemas.clock import utc_now
from services.notify import subscriptions
from services.notify.sender import Sender

PATIENCE = 30


class Receiver:
    """A subscriber: answers 503 so many times, then 204, and keeps what it was sent."""

    def __init__(self) -> None:
        self.refuse = 0
        self.got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        status = "503 Busy" if self.refuse > 0 else "204 No Content"
        self.refuse -= 1
        if status.startswith("204"):
            self.got.put_nowait((headers, body))
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def told(self) -> Any:
        """The next notification's data."""
        return (await asyncio.wait_for(self.got.get(), PATIENCE))[1]["data"]


@asynccontextmanager
async def notifying(city: Any) -> AsyncIterator[None]:
    """The notifier's part for subscriptions, as its role runs it."""
    database, stop = city.database.system, asyncio.Event()
    contexts = ContextLibrary(database, fetcher(allow_private=True), "http://127.0.0.1:8080")
    async with AsyncExitStack() as stack:
        publish = await open_publishers(stack)
        sender = Sender(database, utc_now, default_tenant="fukui", allow_private=True, publish=publish)
        running = asyncio.create_task(subscriptions.run(city.log, database, contexts, sender, stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)
