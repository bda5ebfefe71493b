"""A reading's whole journey: readings a second from MQTT to queryable with history, and how long one takes.

Everything runs on this machine: the city as `cityos up` starts it, the load generator beside it, and for the other
two ways an Apache Kafka in place of the log in PostgreSQL, or a mosquitto with the shipped settings before the bridge.

    python -m bench.journey [one-machine | kafka | mosquitto]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from api_gateway.oauth.clients import register_client
from bench.machine import children, cpu_seconds, machine, memory_mb, parts, percentile, write
from bench.probe import PROBE, Probe
from broker.ports import Database
from broker.store.devices import secret_hash
from broker.store.postgres import open_database
from tests.city import WholeCity
from tests.integration.mqtt.broker import Mosquitto
from tests.kafka import KafkaBroker, installed

DEVICES = int(os.environ.get("CITYOS_BENCH_DEVICES", "50000"))
SECONDS = int(os.environ.get("CITYOS_BENCH_SECONDS", "20"))
RATES = (100, 1_000, 5_000)
CROWDS = {"mosquitto": (900, 1)}
"""Connections, and readings that each sends before the first is acknowledged. Behind somebody else's broker each device
has its own; before our endpoint three networks send for all theirs, which is the harder way there."""
FEW = (3, 1000)
NETWORK = "bench-network"


LOOPBACK = {"CITYOS_GATEWAY_PRIVATE_HOSTS": "true", "CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS": "true"}
"""The webhook that is measured is on this machine."""


class Subject(NamedTuple):
    """What is measured: a running city, its store, and where devices publish."""

    city: WholeCity
    database: Database
    mqtt_port: int
    secret: str
    crowd: tuple[int, int]
    token: str

    def pids(self) -> dict[str, list[int]]:
        """Each part's processes; those that start and hold them all as `supervisor`."""
        running = parts(self.city.folder)
        counted = {pid for pids in running.values() for pid in pids}
        return {**running, "supervisor": [pid for pid in children(self.city.supervisor) if pid not in counted]}


async def register_devices(database: Database) -> str:
    """Register the devices, the probe and the network that speaks for them; returns the network's secret."""
    secret = secrets.token_urlsafe(24)
    async with database.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await tx.execute(
            "insert into device (tenant_id, id, family, entity_id, entity_type)"
            " select $1::int, 'bench-' || n, 'river_gauge', 'urn:ngsi-ld:WaterObserved:bench:' || n, 'WaterObserved'"
            " from generate_series(0, $2::int - 1) n"
            " union all select $1::int, 'probe', 'river_gauge', $3, 'WaterObserved'",
            tenant,
            DEVICES,
            PROBE,
        )
        await tx.execute(
            "insert into device (tenant_id, id, family, kind, secret_hash, profile)"
            " values ($1, $2, 'river_gauge', 'network', $3, $4::text::jsonb)",
            tenant,
            NETWORK,
            secret_hash(secret),
            json.dumps({"publish": ["city/river/+/up"]}),
        )
    return secret


async def token_for(city: WholeCity) -> str:
    """A token of an app that may subscribe."""
    owner = await open_database(city.running()["CITYOS_DATABASE_URL"], system=True, size=1)
    async with owner.transaction() as tx:
        client = await register_client(tx, "fukui", "bench", ["subscriptions:write"])
    await owner.close()
    async with httpx.AsyncClient(base_url=city.url) as asking:
        answer = await asking.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=client)
    return str(answer.raise_for_status().json()["access_token"])


async def consumed(database: Database) -> int:
    """How many of the log's records the writer has consumed: asked often, so it must cost little."""
    async with database.transaction() as tx:
        return int(await tx.fetchval("select coalesce(sum(next), 0) from position where consumer = 'writer'"))


async def stored(database: Database) -> int:
    """How many readings the accounting says are stored."""
    async with database.transaction() as tx:
        return int(await tx.fetchval("select coalesce(sum(count), 0) from accounting where outcome = 'stored'"))


async def drained(database: Database) -> float:
    """Wait until the writer has had nothing to consume for three seconds; when it consumed the last."""
    seen, changed_at = -1, time.perf_counter()
    while time.perf_counter() - changed_at < 3:
        if (now := await consumed(database)) != seen:
            seen, changed_at = now, time.perf_counter()
        await asyncio.sleep(0.05)
    return changed_at


def load(subject: Subject, rate: float, seconds: float) -> subprocess.Popen[str]:
    """Start the load generator."""
    words = [subject.mqtt_port, f"fukui/{NETWORK}", subject.secret, rate, seconds, DEVICES, *subject.crowd]
    command = [sys.executable, "-m", "bench.mqtt_load", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def result_of(generator: subprocess.Popen[str]) -> dict[str, Any]:
    """What the load generator measured."""
    output = await asyncio.to_thread(lambda: generator.communicate(timeout=900)[0])
    figures: dict[str, Any] = json.loads(output)
    return {name: round(value, 1) for name, value in figures.items()}


async def sustained(subject: Subject) -> dict[str, Any]:
    """As many readings as acknowledgements allow for a while; the time counts until the last is queryable."""
    await drained(subject.database)
    pids = subject.pids()
    used = {part: cpu_seconds(ids) for part, ids in pids.items()}
    before, began = await stored(subject.database), time.perf_counter()
    figures = await result_of(load(subject, 0, SECONDS))
    acknowledged_after = time.perf_counter() - began
    seconds = await drained(subject.database) - began
    count = await stored(subject.database) - before
    return {
        **figures,
        "stored": count,
        "lost": int(figures["acknowledged"]) - count,
        "acknowledged_per_s": round(figures["acknowledged"] / acknowledged_after),
        "readings_per_s": round(count / seconds),
        "drain_s": round(seconds - acknowledged_after, 1),
        "cpu_us_per_reading": {
            part: round((cpu_seconds(ids) - used[part]) * 1e6 / max(count, 1), 1) for part, ids in pids.items()
        },
    }


async def latency(subject: Subject, rate: int) -> dict[str, Any]:
    """PUBLISH to API-visible, to the event stream and to a webhook while `rate` readings a second go by."""
    generator = load(subject, rate, SECONDS + 3)
    probe = Probe(subject.mqtt_port, subject.city.url, f"fukui/{NETWORK}", subject.secret, subject.token)
    await probe.run(SECONDS)
    figures: dict[str, Any] = {"rate": rate, "load": await result_of(generator), "probes": len(probe.visible)}
    for name, values in (("visible", probe.visible), ("stream", probe.notified), ("webhook", probe.hooked)):
        for share in (0.5, 0.95, 0.99):
            figures[f"{name}_p{int(share * 100)}_ms"] = round(percentile(values, share), 1)
    return figures


@asynccontextmanager
async def surroundings(way: str, folder: Path) -> AsyncIterator[tuple[dict[str, str], int | None]]:
    """What the city needs beside it for `way`: its settings, and the MQTT port where that is not the city's own."""
    if way == "kafka":
        kafka = KafkaBroker(folder / "kafka", installed())
        kafka.start()
        try:
            yield {"CITYOS_LOG_DRIVER": "kafka", "CITYOS_KAFKA_BOOTSTRAP": kafka.bootstrap}, None
        finally:
            kafka.stop()
    elif way == "mosquitto":
        (folder / "mosquitto").mkdir()
        mosquitto = Mosquitto(folder / "mosquitto")
        await mosquitto.start()
        bridge = {"HOST": "127.0.0.1", "PORT": str(mosquitto.port), "CLIENT_ID": "city-os", "TENANT": "fukui"}
        bridge |= {"DEVICE": NETWORK, "SUBSCRIPTIONS": "city/river/+/up"}
        try:
            yield {f"CITYOS_BRIDGE_{name}": value for name, value in bridge.items()}, mosquitto.port
        finally:
            mosquitto.kill()
    else:
        yield {}, None


async def measure(way: str, folder: Path) -> dict[str, Any]:
    """All figures of one way."""
    async with surroundings(way, folder) as (settings, port):
        city = WholeCity(folder / "city", **LOOPBACK, **settings)
        figures: dict[str, Any] = {"way": way, "machine": machine(), "start_cold_s": round(city.start(), 1)}
        city.stop()
        figures["start_warm_s"] = round(city.start(), 1)
        try:
            database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
            crowd = CROWDS.get(way, FEW)
            subject = Subject(
                city, database, port or city.mqtt_port, await register_devices(database), crowd, await token_for(city)
            )
            await asyncio.sleep(15)
            figures["first_contact"] = await sustained(subject)
            figures["latency"] = [await latency(subject, rate) for rate in RATES]
            figures["sustained"] = await sustained(subject)
            figures["memory_mb"] = memory_mb(subject.pids())
            figures["memory_total_mb"] = round(sum(figures["memory_mb"].values()), 1)
            await database.close()
        finally:
            city.stop()
    return figures


def main() -> None:
    """Measure one way and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="?", default="one-machine", choices=("one-machine", "kafka", "mosquitto"))
    way = parser.parse_args().way
    with tempfile.TemporaryDirectory(prefix="cityos-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(measure(way, Path(folder)))
    write(f"journey-{way}", figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
