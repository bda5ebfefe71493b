"""How many QoS 1 messages a second come through a mosquitto with the shipped settings, and how fast a queue empties.

Devices publish from another process, each on its own connection; our client takes from the broker and acknowledges
in batches every two milliseconds, as the log does. Then the client is away while they publish on, a hundred devices
more connect, and the client comes back. Beside the shipped settings: the file written after every change, and no file
at all. Prints what arrived a second, the processor time of our side for each, how long a device took to connect while
much was queued, and how much of the queue our client took a second.
Usage: python bench/mqtt_broker.py [--connections N] [--window N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from adapters.mqtt.client import BrokerClient
from adapters.mqtt.settings import BrokerClientSettings
from bench.mqtt_endpoint import Batched
from bench.mqtt_load import connect_packet
from broker.ingest.ports import Done, Inbound

SHIPPED = Path(__file__).resolve().parent.parent / "deploy" / "mosquitto.conf"
_NEWCOMERS = 100
LOCAL = ("listener ", "password_file ", "persistence_location ", "allow_anonymous ")


class Counting(Batched):
    """Reports every two milliseconds, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._wanted = 0
        self._there = asyncio.Event()

    def offer(self, message: Inbound, done: Done) -> bool:
        self.count += 1
        if self.count == self._wanted:
            self._there.set()
        return super().offer(message, done)

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        if self.count < count:
            self._wanted = count
            self._there.clear()
            await self._there.wait()


def start_broker(folder: Path, settings: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """A mosquitto with these lines in its settings, and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [*settings, f"listener {port} 127.0.0.1", "allow_anonymous true", f"user {folder.owner()}"]
    lines += [f"persistence_location {folder}/"]
    (folder / "mosquitto.conf").write_text("\n".join(lines))
    program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        sys.exit("mosquitto is not installed")
    process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, port


def lines_of(saved: str) -> list[str]:
    """The shipped settings, saved as shipped, after every change, or never."""
    lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith(LOCAL)]
    if saved == "never":
        return [line for line in lines if not line.startswith(("persistence", "autosave"))]
    if saved == "every change":
        return [line for line in lines if not line.startswith("autosave")] + [
            "autosave_on_changes true",
            "autosave_interval 1",
        ]
    return lines


async def publish(port: int, args: argparse.Namespace, seconds: int) -> int:
    """Let the devices publish; how many messages the broker has acknowledged to them."""
    words = [port, "bench", "bench", 0, seconds, args.connections, args.connections, args.window]
    generator = [sys.executable, "-m", "bench.mqtt_load", *map(str, words)]
    sending = subprocess.Popen(generator, stdout=subprocess.PIPE, text=True)
    return int(json.loads((await asyncio.to_thread(sending.communicate))[0])["acknowledged"])


async def run(saved: str, args: argparse.Namespace) -> dict[str, float | str]:
    """One broker under one load."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        process, port = start_broker(Path(name_of_folder), lines_of(saved))
        intake = Counting()
        settings = BrokerClientSettings(
            host="127.0.0.1", port=port, client_id="b", tenant="t", device="d", subscriptions=("#",)
        )
        client = BrokerClient(intake, settings)
        await client.start()
        await client.connected.wait()
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        await asyncio.wait_for(intake.until(await publish(port, args, args.seconds)), 60)
        seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        rate, each = intake.count / seconds, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        each *= 1e6 / intake.count
        await client.stop()
        queued = await publish(port, args, args.away)
        connecting = await asyncio.to_thread(connect, port)
        emptied = await empty(client, intake, queued)
        await client.stop()
        process.kill()
        process.wait()
    print(
        f"{saved:14} {rate:9,.0f}/s {each:6.1f} µs each on our side; of {queued:,} queued {emptied:,.0f}/s;"
        f" a device connects in {connecting * 1000:.1f} ms"
    )
    figures: dict[str, float | str] = {"saved": saved, "per_second": rate, "cpu_us_each": each, "queued": queued}
    return figures | {"emptied_per_second": emptied, "connecting_ms": connecting * 1000}


def connect(port: int) -> float:
    """The seconds that one connection after another takes until it is acknowledged."""
    start = time.perf_counter()
    for number in range(_NEWCOMERS):
        with socket.create_connection(("127.0.0.1", port), 60) as newcomer:
            newcomer.sendall(connect_packet(f"newcomer-{number}", "bench", "bench"))
            newcomer.recv(4)
    return (time.perf_counter() - start) / _NEWCOMERS


async def empty(client: BrokerClient, intake: Counting, queued: int) -> float:
    """What our client takes a second from a queue of `queued`, for at most twenty seconds."""
    had, start = intake.count, time.perf_counter()
    await client.start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(intake.until(had + queued), 20)
    return (intake.count - had) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=900, help="devices that publish at once")
    parser.add_argument("--window", type=int, default=1, help="messages each has out unacknowledged")
    parser.add_argument("--away", type=int, default=8, help="seconds for which our client is away")
    args = parser.parse_args()
    rows = [uvloop.run(run(saved, args)) for saved in ("as shipped", "every change", "never")]
    out = Path("bench/out")
    out.mkdir(parents=True, exist_ok=True)
    about = {"cores": os.cpu_count(), "load": os.getloadavg()}
    (out / "mqtt_broker.json").write_text(json.dumps(about | vars(args) | {"results": rows}, indent=2))


if __name__ == "__main__":
    main()
