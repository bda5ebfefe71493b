"""How the names of headers are spelled on the wire: as the standards print them, where the server would write small.

A name means the same in any spelling (RFC 9110, 5.1), but many clients look it up by the one that they read.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Spelled(bytes):
    """A name as it is to stand on the wire: uvicorn writes what `lower` says."""

    def lower(self) -> _Spelled:
        return self


_SPELLED = {
    name.lower(): _Spelled(name)
    for name in (
        b"Location", b"Link", b"Content-Type", b"Content-Range", b"ETag", b"Allow", b"Retry-After", b"WWW-Authenticate",
        b"NGSILD-Results-Count", b"NGSILD-Tenant", b"NGSILD-Warning", b"NGSILD-EntityMap", b"NGSILD-Snapshot",
        b"Fiware-Total-Count",
    )
}  # fmt: skip


class Spelling:
    """Around the application, directly below the server that writes the bytes: nobody else reads these names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_spelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(_SPELLED.get(name, name), value) for name, value in message["headers"]]
            await send(message)

        await self._app(scope, receive, send_spelled)
