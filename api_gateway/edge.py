"""The outermost layer: a trace for every request, security headers on every answer, bugs caught, all of it counted."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.address import caller_behind
from api_gateway.errors import internal_error

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CSP = b"content-security-policy"
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_log = logging.getLogger(__name__)


class EdgeMetrics:
    """What is counted of requests, by route and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter("cityos_http_requests_total", "answers by route and status", ["route", "status"],
                                registry=registry)  # fmt: skip
        self.seconds = Histogram("cityos_http_seconds", "time to the first byte of the answer", ["route"],
                                 buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10), registry=registry)  # fmt: skip
        self._counters: dict[tuple[str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer (labels are looked up once: `labels` costs more than the count)."""
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = self.requests.labels(route, str(status))
            self._timers.setdefault(route, self.seconds.labels(route))
        counter.inc()
        self._timers[route].observe(seconds)


class Edge:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, metrics: EdgeMetrics, *, tls: bool, proxies: Iterable[str] = ()) -> None:
        self._app = app
        self._proxies = tuple(ip_network(text) for text in proxies)
        self._metrics = metrics
        self._always = [*_ALWAYS, _HSTS] if tls else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        if self._proxies:
            scope["client"] = caller_behind(scope, self._proxies)

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message["headers"], *self._always]
                if not any(name == _CSP for name, _ in headers):
                    headers.append((_CSP, _API_POLICY))
                self._metrics.answered(_route(scope), status, time.perf_counter() - started)
            await send(message)

        scope["traceparent"] = given = _traceparent(scope)
        scope["trace"] = given.split("-")[1] if given else secrets.token_hex(16)
        try:
            await self._app(scope, receive, send_dressed)
        except Exception:
            _log.exception("a request failed", extra={"trace": scope["trace"], "path": scope["path"]})
            if status:
                raise  # half an answer is out; only closing the connection tells the client so
            await internal_error(scope["path"], scope["trace"])(scope, receive, send_dressed)


def _traceparent(scope: Scope) -> str | None:
    """The caller's trace context (W3C Trace Context, 3.2); None where there is none or it is not one.

    `scope["trace"]`, the 32 digits that an answer names for a report, is the caller's trace id or a new one.
    """
    for name, value in scope["headers"]:
        if name == b"traceparent" and _TRACEPARENT.fullmatch(value):
            return str(value.decode())
    return None


def _route(scope: Scope) -> str:
    """A label of bounded variety: the endpoint's name, never the path a stranger chose."""
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__qualname__", None) or (type(endpoint).__name__ if endpoint else "none")
