"""Running the application on a socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api_gateway.patience import PatientProtocol
from api_gateway.settings import GatewaySettings
from broker.errors import Invalid

_BACKLOG = 2048


def listen(settings: GatewaySettings) -> socket.socket:
    """The listening socket. With `reuse_port` the kernel shares connections among the processes that ask for it.

    Raises `Invalid` where the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        why = error.strerror or error
        raise Invalid(f"cannot listen on {settings.host} port {settings.port}: {why}", field="port") from error
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process that runs us decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: FastAPI, settings: GatewaySettings, stop: asyncio.Event, sock: socket.socket | None = None
) -> None:
    """Serve until `stop` is set: then event streams end, requests under way finish, the port closes."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve([sock or listen(settings)]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    app.state.fanout.close()
    server.should_exit = True
    await running
