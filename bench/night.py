"""Ten thousand phones watching: how long each waits for the public snapshot of a running city.

    cityos up --demo
    python -m bench.night --url http://127.0.0.1:8080 [--phones 10000] [--every 30] [--seconds 60]

Each phone keeps one connection and asks every so many seconds, as the map does, saying what it has. City, database and
phones share this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import time
from collections import Counter
from statistics import quantiles
from urllib.parse import urlsplit

import uvloop

from bench.machine import machine

_PATH = "/api/v1/public/snapshot"
_OPENING = 200


class Crowd:
    """The phones, what they waited (seconds) and what they were answered."""

    def __init__(self, url: str, every: float, until: float) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.every, self.until = every, until
        self.waits: list[float] = []
        self.answers: Counter[str] = Counter()
        self._door = asyncio.Semaphore(_OPENING)

    async def phone(self) -> None:
        """One phone: begins at any moment of the interval, asks until the end."""
        await asyncio.sleep(random.random() * self.every)
        tag = ""
        try:
            async with self._door:
                reader, writer = await asyncio.open_connection(self.host, self.port)
            while time.monotonic() < self.until:
                began = time.monotonic()
                status, tag = await asyncio.wait_for(self._ask(reader, writer, tag), 30)
                self.waits.append(time.monotonic() - began)
                self.answers[status] += 1
                await asyncio.sleep(self.every)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tag: str) -> tuple[str, str]:
        known = f"If-None-Match: {tag}\r\n" if tag else ""
        writer.write(f"GET {_PATH} HTTP/1.1\r\nHost: city\r\nAccept-Encoding: gzip\r\n{known}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", "0")))
        return head[0].split()[1], fields.get("etag", tag)


async def measure(url: str, phones: int, every: float, seconds: float) -> None:
    """Run the crowd and print its waits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, phones + 500)), hard))
    crowd = Crowd(url, every, time.monotonic() + seconds)
    await asyncio.gather(*(crowd.phone() for _ in range(phones)))
    cuts = quantiles(crowd.waits, n=1000)
    print(f"{machine()}")
    print(f"{phones:,} phones, every {every:g} s: {len(crowd.waits):,} answers, {dict(crowd.answers)}")
    print(f"waits: p50 {cuts[499] * 1e3:.1f} ms, p99 {cuts[989] * 1e3:.1f} ms, longest {max(crowd.waits) * 1e3:.0f} ms")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    uvloop.run(measure(chosen.url, chosen.phones, chosen.every, chosen.seconds))


if __name__ == "__main__":
    main()
