"""How long a client may take to say what it wants: without a limit, a few thousand silent connections are a siege."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""From the connection, or from a further request's first byte, to the end of its headers. Bodies: `read_body`."""


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which waits for ever for a first request or the rest of a head, with an end to that."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait(self.transport)

    def on_headers_complete(self) -> None:
        self._heard()
        super().on_headers_complete()

    def _wait(self, transport: asyncio.Transport) -> None:
        self._heard()
        self._limit = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def _heard(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
