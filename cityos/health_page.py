"""A role's own small page: ``/metrics``, ``/health/live`` and ``/health/ready``, from a thread of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from broker.errors import CityError
from broker.waiting import rounds

_BEAT_SECONDS = 1.0
_STUCK_SECONDS = 30.0
_CHECK_SECONDS = 3.0

Check = Callable[[], Awaitable[str | None]]
"""Raises `CityError` where what the role needs does not answer. Gives what does not keep the role from working and a
person should look at all the same."""


class Health:
    """Whether the role's event loop still turns, and whether what it needs answers."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat = monotonic()
        self._problem: str | None = "not started yet"
        self.warning: str | None = None
        """What a person should look at although the role works."""

    @property
    def alive(self) -> bool:
        """False where the event loop has stood still for half a minute: restart the process."""
        return self._monotonic() - self._beat < _STUCK_SECONDS

    @property
    def problem(self) -> str | None:
        """What keeps the role from working at present; None when it is ready."""
        return self._problem if self.alive else "the process stands still"

    async def keep(self, stop: asyncio.Event, check: Check | None = None) -> None:
        """Beat every second and ask `check`, until `stop`."""
        async for _ in rounds(stop=stop, every=_BEAT_SECONDS):
            self._beat = self._monotonic()
            self._problem, self.warning = await _asked(check)
        self._problem = "stopping"


async def _asked(check: Check | None) -> tuple[str | None, str | None]:
    """The problem and the warning."""
    try:
        if check is not None:
            async with asyncio.timeout(_CHECK_SECONDS):
                return None, await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s", None
    except CityError as error:
        return str(error), None
    return None, None


class Page:
    """Serves the page on a thread until closed. Raises OSError when the port is taken."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        class Handler(_Handler):
            pass

        Handler.registry, Handler.health = registry, health
        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), daemon=True, name="metrics")
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    health: Health
    timeout = 5
    server_version = "cityos"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.registry))
        elif path == "/health/live":
            self._say(None if self.health.alive else "the process stands still")
        elif path == "/health/ready":
            self._say(self.health.problem, self.health.warning)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /health/live, /health/ready\n")

    def _say(self, problem: str | None, warning: str | None = None) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        body = {"status": "fail" if problem else "warn" if warning else "pass"}
        if output := problem or warning:
            body["output"] = output
        self._answer(status, "application/health+json", json.dumps(body, ensure_ascii=False).encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a page asked every few seconds would fill the log."""
