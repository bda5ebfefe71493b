"""Receivers that misbehave on demand: a real HTTP server and a real SMTP sink."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from services.notify.signature import verify


class HttpReceiver:
    """Answers every POST with `status`, or what `judge` says of its body, after `delay` seconds; keeps what it got."""

    def __init__(self) -> None:
        self.status = 200
        self.judge: Callable[[bytes], int] | None = None
        self.delay = 0.0
        self.extra = ""
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.times: list[float] = []
        """When each of `got` was here (POSIX seconds)."""
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def __aenter__(self) -> HttpReceiver:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                headers = {name.lower(): value for name, value in fields}
                body = await reader.readexactly(int(headers["content-length"]))
                self.got.append((headers, body))
                self.times.append(time.time())
                self.arrived.set()
                await asyncio.sleep(self.delay)
                status = self.judge(body) if self.judge else self.status
                writer.write(f"HTTP/1.1 {status} X\r\n{self.extra}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    def genuine(self, secret: bytes, now: int) -> bool:
        """Whether every message's signature is right."""
        return bool(self.got) and all(verify(secret, headers, body, now=now) for headers, body in self.got)

    async def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Until so many have arrived."""
        async with asyncio.timeout(seconds):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()


class MailSink:
    """A mailbox for every address but those that begin with "refused" (a handler for aiosmtpd's SMTP)."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.arrived = asyncio.Event()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        self.arrived.set()
        return "250 OK"

    async def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Until so many mails have arrived."""
        async with asyncio.timeout(seconds):
            while len(self.mails) < count:
                self.arrived.clear()
                await self.arrived.wait()
