"""A load generator lean enough to leave the cores to what is measured: MQTT 3.1.1, QoS 1, a window of unacknowledged.

Run as a process of its own: ``python -m bench.mqtt_load PORT USER PASSWORD RATE SECONDS DEVICES CONNECTIONS [WINDOW]``.
WINDOW is how many readings a connection sends before the first is acknowledged. A rate of 0 means as fast as
acknowledgements come. Prints one line of JSON: sent, acknowledged, seconds, and the
times from PUBLISH to PUBACK.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time

from bench.machine import percentile

WINDOW = 1_000
_TICK = 0.005


def _remaining(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def _text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


def connect_packet(client_id: str, user: str, password: str) -> bytes:
    """CONNECT with a clean session (3.1.1, 3.1)."""
    body = _text("MQTT") + bytes([4, 0xC2]) + struct.pack("!H", 60) + _text(client_id) + _text(user) + _text(password)
    return b"\x10" + _remaining(len(body)) + body


def publish_packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH at QoS 1 (3.1.1, 3.3)."""
    body = _text(topic) + struct.pack("!H", packet_id) + payload
    return b"\x32" + _remaining(len(body)) + body


class Sender(asyncio.Protocol):
    """One connection: sends readings of its devices in turn, never more than `window` unacknowledged."""

    def __init__(self, connect: bytes, devices: range, window: int) -> None:
        self._connect = connect
        self._window = window
        self._topics = [f"city/river/bench-{number}/up" for number in devices]
        self._sent_at: dict[int, float] = {}
        self._next_id = 0
        self._buffer = b""
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.sent = 0
        self.delays: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._connect)

    def data_received(self, data: bytes) -> None:
        """Only CONNACK and PUBACK come back, four bytes each."""
        data = self._buffer + data
        whole = len(data) - len(data) % 4
        now = time.perf_counter()
        for start in range(0, whole, 4):
            if data[start] == 0x40:
                began = self._sent_at.pop(int.from_bytes(data[start + 2 : start + 4]))
                self.delays.append(now - began)
            elif not self.connected.done():
                self.connected.set_result(None)
        self._buffer = data[whole:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def send(self, count: int) -> int:
        """Send up to `count` readings in one write; returns how many the window allowed."""
        count = min(count, self._window - len(self._sent_at))
        packets = []
        now = time.perf_counter()
        milliseconds = int(time.time() * 1000)
        for _ in range(count):
            self._next_id = self._next_id % 65_535 + 1
            turn, place = divmod(self.sent, len(self._topics))
            payload = b'{"t":%d,"level":%.2f}' % (milliseconds, 1 + place % 97 / 100 + turn % 3 / 100)
            packets.append(publish_packet(self._topics[self.sent % len(self._topics)], payload, self._next_id))
            self._sent_at[self._next_id] = now
            self.sent += 1
        self._transport.write(b"".join(packets))
        return count

    @property
    def waiting(self) -> int:
        """Readings not yet acknowledged."""
        return len(self._sent_at)


async def generate(
    port: int,
    user: str,
    password: str,
    rate: float,
    seconds: float,
    devices: int,
    connections: int,
    window: int = WINDOW,
) -> dict[str, float]:
    """Send at `rate` readings a second (0: as fast as acknowledged) for `seconds`, then wait for what is out."""
    loop = asyncio.get_running_loop()
    share = devices // connections
    senders: list[Sender] = []
    for number in range(connections):
        hello = connect_packet(f"bench-{number}-{time.time_ns()}", user, password)
        span = range(number * share, (number + 1) * share)
        _, sender = await loop.create_connection(lambda h=hello, s=span: Sender(h, s, window), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.wait_for(sender.connected, 10)
        senders.append(sender)
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds and not any(sender.lost for sender in senders):
        due = int(rate * now) - sum(sender.sent for sender in senders) if rate else window * connections
        for sender in senders:
            due -= sender.send(min(due, -(-due // connections))) if due > 0 else 0
        await asyncio.sleep(_TICK if rate else 0.001)
    deadline = time.perf_counter() + 60
    while any(sender.waiting for sender in senders) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    delays = [delay * 1000 for sender in senders for delay in sender.delays]
    return {
        "sent": sum(sender.sent for sender in senders),
        "acknowledged": len(delays),
        "seconds": time.perf_counter() - began,
        "puback_p50_ms": percentile(delays, 0.5),
        "puback_p95_ms": percentile(delays, 0.95),
        "puback_p99_ms": percentile(delays, 0.99),
    }


if __name__ == "__main__":
    port, user, password, rate, seconds, *counts = sys.argv[1:]
    figures = generate(int(port), user, password, float(rate), float(seconds), *map(int, counts))
    print(json.dumps(asyncio.run(figures)))
