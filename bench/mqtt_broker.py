"""How many QoS 1 messages a second come through a mosquitto with the shipped settings, and through stock ones.

Devices publish from another process, each on its own connection; our client takes from the broker and acknowledges
in batches every two milliseconds, as the log does. Prints what arrived a second and the processor time of our side
for each.
Usage: python bench/mqtt_broker.py [--connections N] [--window N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from adapters.mqtt.client import BrokerClient
from adapters.mqtt.settings import BrokerClientSettings
from bench.mqtt_endpoint import Batched
from broker.ingest.ports import Done, Inbound

SHIPPED = Path(__file__).resolve().parent.parent / "deploy" / "mosquitto.conf"
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


def start_broker(folder: Path, shipped: bool, autosave: str) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = []
    if shipped:
        lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith(LOCAL)]
        lines = [f"autosave_interval {autosave}" if line.startswith("autosave_interval") else line for line in lines]
        lines.append(f"persistence_location {folder}/")
    else:
        lines = ["max_queued_messages 0", "max_inflight_messages 200"]
    lines += [f"listener {port} 127.0.0.1", "allow_anonymous true", f"user {folder.owner()}"]
    (folder / "mosquitto.conf").write_text("\n".join(lines))
    program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        sys.exit("mosquitto is not installed")
    process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, port


async def run(name: str, shipped: bool, autosave: str, args: argparse.Namespace) -> dict[str, float | str]:
    """One broker under one load: what arrived a second, and our side's processor time for each."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        process, port = start_broker(Path(name_of_folder), shipped, autosave)
        intake = Counting()
        settings = BrokerClientSettings(
            host="127.0.0.1", port=port, client_id="b", tenant="t", device="d", subscriptions=("#",)
        )
        client = BrokerClient(intake, settings)
        await client.start()
        await client.connected.wait()
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        words = [port, "bench", "bench", 0, args.seconds, args.connections, args.connections, args.window]
        generator = [sys.executable, "-m", "bench.mqtt_load", *map(str, words)]
        sending = subprocess.Popen(generator, stdout=subprocess.PIPE, text=True)
        figures = json.loads((await asyncio.to_thread(sending.communicate))[0])
        await asyncio.wait_for(intake.until(int(figures["acknowledged"])), 60)
        seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        await client.stop()
        process.kill()
        process.wait()
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    rate, each = intake.count / seconds, cpu / intake.count * 1e6
    print(f"{name:34} {rate:9,.0f}/s {each:6.1f} µs each on our side")
    return {"settings": name, "per_second": rate, "cpu_us_each": each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=900, help="devices that publish at once")
    parser.add_argument("--window", type=int, default=1, help="messages each has out unacknowledged")
    args = parser.parse_args()
    cases = (("shipped", True, "1"), ("shipped, saved every 100 changes", True, "100"), ("in memory only", False, ""))
    rows = [uvloop.run(run(*case, args)) for case in cases]
    out = Path("bench/out")
    out.mkdir(parents=True, exist_ok=True)
    about = {"cores": os.cpu_count(), "load": os.getloadavg()}
    (out / "mqtt_broker.json").write_text(json.dumps(about | vars(args) | {"results": rows}, indent=2))


if __name__ == "__main__":
    main()
