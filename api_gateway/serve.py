"""Running the application on a socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api_gateway.patience import PatientProtocol
from api_gateway.settings import GatewaySettings
from api_gateway.spelling import Spelling
from broker.errors import Invalid
from broker.renewal import follow, take_chain

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
    """Serve until `stop` is set: then event streams end, requests under way finish, the port closes.

    Raises `Invalid` where the certificate or its key is no good.
    """
    config = uvicorn.Config(
        Spelling(app),
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
    try:
        config.load()
    except OSError as error:
        why = f"{settings.tls_certificate} and {settings.tls_key}: {error}"
        raise Invalid(why, field="tls_certificate") from error
    server = _Server(config)
    running = asyncio.create_task(server.serve([sock or listen(settings)]))
    stopping = asyncio.create_task(stop.wait())
    renewing = asyncio.create_task(_follow_certificate(config.ssl, settings))
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    renewing.cancel()
    stopping.cancel()
    app.state.fanout.close()
    server.should_exit = True
    await running


async def _follow_certificate(context: ssl.SSLContext | None, settings: GatewaySettings) -> None:
    """Use a renewed certificate for the connections to come."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if context is not None and certificate is not None and key is not None:
        await follow((certificate, key), lambda: take_chain(context, certificate, key))
