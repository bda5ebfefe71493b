"""How many QoS 1 messages a second the MQTT endpoint takes and acknowledges, and what one costs it in processor time.

The load comes from another process over loopback: bare sockets that keep a window of unacknowledged messages, as
devices do. Two intakes: one that acknowledges at once (the cost of the protocol alone), and one that acknowledges in
batches every two milliseconds (as the log does). Usage: python bench/mqtt_endpoint.py [--messages N] [--version 4|5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import socket
import statistics
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import mqtt5
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.packets.codec import CODECS
from adapters.mqtt.settings import EndpointSettings
from bench.machine import machine, write
from broker.ingest.ports import Credentials, Done, Inbound, Principal

BATCH_SECONDS = 0.002
PAYLOAD = json.dumps({"level": 1.234, "time": "2026-07-13T10:00:00+09:00", "note": "x" * 140}).encode()


class AtOnce:
    """An intake that has room and is durable at once."""

    def offer(self, message: Inbound, done: Done) -> bool:
        done(None)
        return True

    async def room(self) -> None:
        return None


class Batched(AtOnce):
    """An intake that reports what came every two milliseconds, like a log that appends in batches."""

    def __init__(self) -> None:
        self._waiting: deque[Done] = deque()

    def offer(self, message: Inbound, done: Done) -> bool:
        if not self._waiting:
            asyncio.get_running_loop().call_later(BATCH_SECONDS, self._append)
        self._waiting.append(done)
        return True

    def _append(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for done in waiting:
            done(None)


class OpenDoor:
    """Everybody is the device they say they are."""

    async def admit(self, credentials: Credentials) -> Principal | None:
        return Principal("fukui", credentials.client_id, ("river/#",), ())


def load(port: int, version: int, connections: int, each: int, window: int, result: Any) -> None:
    """Publish from bare sockets and count acknowledgements; the time from first to last goes to `result`."""
    codec = CODECS[version]
    wire = [
        codec.encode(mqtt5.PublishPacket("river/g1/level", PAYLOAD, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=i + 1))
        for i in range(window)
    ]
    burst = [b"".join(wire[at : at + window // 4]) for at in range(0, window, window // 4)]
    ack = len(codec.encode(mqtt5.PubAckPacket(1)))

    async def device(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writer.write(codec.encode(mqtt5.ConnectPacket(f"bench-{number}", clean_start=True)))
        head = await reader.readexactly(2)
        await reader.readexactly(head[1])
        sent = acknowledged = turn = 0
        quarter = window // 4
        while acknowledged < each:
            while sent < each and sent - acknowledged <= window - quarter:
                writer.write(burst[turn % 4])
                sent, turn = sent + quarter, turn + 1
            await reader.readexactly(ack * quarter)
            acknowledged += quarter
        writer.close()

    async def everyone() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(device(number) for number in range(connections)))
        return time.perf_counter() - start

    result.put(uvloop.run(everyone()))


async def serve(intake: Any, version: int, args: argparse.Namespace) -> dict[str, float]:
    """One run: what it took."""
    each = args.messages // args.connections // args.window * args.window
    endpoint = Endpoint(intake, OpenDoor(), EndpointSettings(port=0))
    await endpoint.start()
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    worker = context.Process(
        target=load, args=(endpoint.port, version, args.connections, each, args.window, result), daemon=True
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    worker.start()
    seconds = await asyncio.to_thread(result.get, True, 120)
    used = resource.getrusage(resource.RUSAGE_SELF)
    worker.join()
    await endpoint.stop()
    total = each * args.connections
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"messages": total, "per_second": total / seconds, "cpu_us_each": cpu / total * 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    about = machine()
    rows = []
    for version in (5, 4):
        for name, intake in (("at once", AtOnce), ("2 ms batches", Batched)):
            runs = [uvloop.run(serve(intake(), version, args)) for _ in range(args.runs)]
            row: dict[str, Any] = {"version": "5.0" if version == 5 else "3.1.1", "intake": name}
            row |= {key: statistics.median(run[key] for run in runs) for key in ("per_second", "cpu_us_each")}
            rows.append(row)
            print(f"MQTT {row['version']:6} {name:13} {row['per_second']:9,.0f}/s {row['cpu_us_each']:6.1f} µs each")
    write("mqtt_endpoint", {"machine": about, "payload": len(PAYLOAD), "results": rows})


if __name__ == "__main__":
    main()
