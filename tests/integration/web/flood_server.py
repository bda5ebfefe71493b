"""Serves `web/dist` and a `FloodCity` over HTTP as the gateway does, with faults that a test can switch on.

Same routes, same headers (the gateway's own content security policy), same event stream. The gateway itself cannot
be told to drop a connection at a chosen moment or to be away for two seconds, which these tests are about.
"""

from __future__ import annotations

import json
import queue
import struct
import threading
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from api_gateway.routes.pages import content_security_policy
from tests.integration.web.flood_city import FloodCity

LEVELS = {
    "3": {"ja": "高齢者等避難", "en": "Evacuation of the elderly", "colour": "#ff2800"},
    "4": {"ja": "避難指示", "en": "Evacuation order", "colour": "#aa00aa"},
    "5": {"ja": "緊急安全確保", "en": "Emergency safety measures", "colour": "#0c000c"},
}
DIST = Path(__file__).parents[3] / "web" / "dist"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".geojson": "application/geo+json",
}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


TILE_COLOUR = (120, 200, 90)
# A map tile of one colour: 256 by 256, eight bits, true colour.
TILE = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress((b"\0" + bytes(TILE_COLOUR) * 256) * 256))
    + _chunk(b"IEND", b"")
)


class FloodServer:
    """One server on a free port of the loopback. `connections` holds the Last-Event-ID of each stream opened; `kept` is
    the public picture, served also while the city is `away`."""

    def __init__(self, city: FloodCity) -> None:
        self.city = city
        self.connections: list[str | None] = []
        self.away = False
        self.refuses_streams = False
        self.kept: dict[str, Any] | None = None
        self._cursor = 0
        self._streams: set[queue.Queue[bytes | None]] = set()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End all streams and free the port."""
        self.drop_streams()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def send(self, change: dict[str, Any], event: str = "change") -> None:
        """One event to every open stream."""
        self._cursor += 1
        data = json.dumps(change, ensure_ascii=False)
        message = f"id: 0:{self._cursor}\nevent: {event}\ndata: {data}\n\n".encode()
        with self._lock:
            for stream in self._streams:
                stream.put(message)

    def drop_streams(self) -> None:
        """Every open stream breaks off."""
        with self._lock:
            for stream in self._streams:
                stream.put(None)

    def wait_for_stream(self, count: int = 1, seconds: float = 10) -> None:
        """Until streams were opened `count` times since the start."""
        end = time.monotonic() + seconds
        while len(self.connections) < count or not self._streams:
            assert time.monotonic() < end, f"{len(self.connections)} streams were opened, {count} expected"
            time.sleep(0.02)

    def open_stream(self, last_event_id: str | None) -> queue.Queue[bytes | None]:
        """For the handler."""
        stream: queue.Queue[bytes | None] = queue.Queue()
        with self._lock:
            self._streams.add(stream)
            self.connections.append(last_event_id)
        return stream

    def close_stream(self, stream: queue.Queue[bytes | None]) -> None:
        """For the handler."""
        with self._lock:
            self._streams.discard(stream)


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[FloodServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if not url.path.startswith("/api/"):
            return self._tile() if url.path.startswith("/tiles/") else self._file(url.path)
        if url.path == "/api/v1/public/snapshot" and self.owner.kept is not None:
            return self._send(200, json.dumps(self.owner.kept, ensure_ascii=False).encode(), "application/json")
        if self.owner.away:
            return self._send(503, b"away", "text/plain")
        if url.path == "/api/v1/events":
            return self._send(503, b"no streams", "text/plain") if self.owner.refuses_streams else self._events()
        if url.path.endswith("/still"):
            return self._still(unquote(url.path.split("/")[-2]))
        body = self._api(url.path, query)
        if body is None:
            return self._send(404, b"{}", "application/problem+json")
        return self._send(200, json.dumps(body, ensure_ascii=False).encode(), "application/json")

    def _api(self, path: str, query: dict[str, str]) -> dict[str, Any] | None:
        city = self.owner.city
        parts = path.removeprefix("/api/v1/").split("/")
        match parts:
            case ["config"]:
                return city.config()
            case ["flood", "gauges"]:
                return city.gauges()
            case ["flood", "alerts"]:
                return city.active_alerts()
            case ["evacuation", "public"]:
                return {"orders": city.orders, "levels": LEVELS}
            case ["evacuation", "shelters"]:
                return {"shelters": city.shelters}
            case ["evacuation", "cameras"]:
                return city.seen()
            case ["flood", "gauges", gauge, "hydrograph"]:
                start, end = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
                return city.hydrograph(unquote(gauge), start, end)
            case _:
                return None

    def _events(self) -> None:
        stream = self.owner.open_stream(self.headers.get("Last-Event-ID"))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b"retry: 500\nid: 0:0\n: connected\n\n")
            while (message := stream.get()) is not None:
                self.wfile.write(message)
        finally:
            self.owner.close_stream(stream)

    def _file(self, path: str) -> None:
        file = (DIST / path.lstrip("/") if path != "/" else DIST / "index.html").resolve()
        if not file.is_relative_to(DIST) or not file.is_file():
            return self._send(404, b"not found", "text/plain")
        return self._send(200, file.read_bytes(), KINDS.get(file.suffix, "application/octet-stream"))

    def _still(self, camera: str) -> None:
        taken = format_datetime(self.owner.city.cameras[camera][1].astimezone(UTC), usegmt=True)
        self._send(200, TILE, "image/png", {"Last-Modified": taken})

    def _tile(self) -> None:
        return self._send(200, TILE, "image/png")

    def _send(self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", content_security_policy(self.owner.city.tile_url))
        self.end_headers()
        self.wfile.write(body)
