"""The API's speed: reads by id, queries and batch upserts a second, with real gateway processes and `wrk`.

    python -m bench.api [--workers 2] [--seconds 5]

Everything shares this machine's cores: PostgreSQL, the gateways, and the load generator.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.clients import register_client
from api_gateway.oauth.keys import open_keys
from api_gateway.serve import serve
from api_gateway.settings import GatewaySettings
from bench.machine import machine, write
from broker.entities.merge import EntityUpdate
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES
from broker.store.entities import EntityWriter
from broker.store.migrate import migrate
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from schemas.clock import iso, utc_now

ENTITIES = 10_000
CONNECTIONS = 64
PARTITIONS = {CHANGES: 4}
TYPES = ("WaterObserved", "EVChargingStation")

_BY_ID = """
local n = 0
request = function()
  n = (n + 7919) % {entities}
  local kind = n % 2 == 0 and "{even}" or "{odd}"
  return wrk.format("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:" .. kind .. ":bench-" .. n)
end
"""
_UPSERT = """
local n = 0
wrk.headers["Content-Type"] = "application/json"
request = function()
  local parts = {{}}
  for i = 1, {batch} do
    n = n + 1
    parts[i] = '{{"id":"urn:ngsi-ld:WaterObserved:up-' .. (n * 7919 % 50000) .. '","type":"WaterObserved",'
      .. '"waterLevel":{{"type":"Property","value":' .. n .. ',"unitCode":"MTR"}}}}'
  end
  return wrk.format("POST", "/ngsi-ld/v1/entityOperations/upsert?options=update", nil,
    "[" .. table.concat(parts, ",") .. "]")
end
"""


def entity(number: int) -> EntityUpdate:
    """A gauge or a charger of about 400 bytes."""
    name = TYPES[number % 2]
    level = {"type": "Property", "value": number / 100, "unitCode": "MTR", "observedAt": iso(utc_now())}
    place = {"type": "Point", "coordinates": [135.5 + number % 100 / 100, 35.5 + number // 100 / 100]}
    attributes = {
        "waterLevel": level,
        "location": {"type": "GeoProperty", "value": place},
        "name": {"type": "Property", "value": f"観測所{number}"},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{number}"},
    }
    return EntityUpdate(f"urn:ngsi-ld:{name}:bench-{number}", (name,), attributes)


async def prepare(server: EmbeddedPostgres) -> str:
    """Migrate, fill, and register a writing client; returns a token-getting pair as `id:secret`."""
    owner = await open_database(server.url(), system=True, size=2)
    roles = ("cityos_app", "cityos_system")
    await migrate(owner, MIGRATED_PACKAGES, {role: server.password(role) for role in roles})
    writer = EntityWriter(PostgresOutlet(PARTITIONS))
    async with owner.transaction() as tx:
        await tx.execute("insert into tenant (name) values ('fukui')")
        client_id, secret = await register_client(tx, "fukui", "bench", ["entities:write"])
    for start in range(0, ENTITIES, 1000):
        async with owner.transaction() as tx:
            await writer.write(tx, "fukui", [entity(n) for n in range(start, start + 1000)], at=utc_now())
    async with owner.transaction() as tx:
        await tx.execute("analyze")
    await owner.close()
    return f"{client_id}:{secret}"


async def run_gateway(app_url: str, system_url: str, port: int) -> None:
    """One gateway process, as a role runs it."""
    # One app sends everything here; its rate would be measured in place of the gateway.
    settings = GatewaySettings(
        port=port, reuse_port=True, public_url=f"http://127.0.0.1:{port}", app_rate=1e6, app_burst=1_000_000
    )
    database = await open_database(app_url, silent_seconds=settings.database_seconds)
    system = await open_database(system_url, system=True, size=2)
    gateway = Gateway(
        database=database,
        log=PostgresLog(system, partitions=PARTITIONS),
        outlet=PostgresOutlet(PARTITIONS),
        keys=await open_keys(database, "fukui"),
        settings=settings,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(create_app(gateway), settings, stop)
    await database.close()
    await system.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(base: str) -> None:
    """Return when the gateway says that it is ready."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{base}/health/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"no gateway became ready at {base}")


def load(
    base: str,
    path: str,
    seconds: int,
    *,
    script: str | None = None,
    token: str | None = None,
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Run wrk and read its figures."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        said = subprocess.run([*command, base + path], capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    latency = dict(re.findall(r"(50|99)%\s+([\d.]+\w+)", said))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return {
        "per_second": round(rate),
        "p50": latency["50"],
        "p99": latency["99"],
        "failed": int(failed[1]) if failed else 0,
    }


def measure(base: str, seconds: int, token: str) -> dict[str, dict[str, Any]]:
    """All the figures."""
    by_id = _BY_ID.format(entities=ENTITIES, even=TYPES[0], odd=TYPES[1])
    query = "/ngsi-ld/v1/entities?type=WaterObserved&limit=20"
    load(base, "/health/live", 1)
    return {
        "answer without data": load(base, "/health/live", seconds),
        "entity by id": load(base, "/", seconds, script=by_id),
        "entity by id, with a token": load(base, "/", seconds, script=by_id, token=token),
        "query of 20 by type": load(base, query, seconds),
        "query of 20, keyValues": load(base, query + "&options=keyValues", seconds),
        "upsert of 1": load(base, "/", seconds, script=_UPSERT.format(batch=1), token=token),
        "upsert of 100": load(base, "/", seconds, script=_UPSERT.format(batch=100), token=token),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--serve", nargs=3, metavar=("APP_URL", "SYSTEM_URL", "PORT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        uvloop.run(run_gateway(chosen.serve[0], chosen.serve[1], int(chosen.serve[2])))
        return
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            figures = bench(server, chosen.workers, chosen.seconds)
        finally:
            server.stop()
    write("api", figures)
    show(figures)


def bench(server: EmbeddedPostgres, workers: int, seconds: int) -> dict[str, Any]:
    """Start the gateways, measure, stop them."""
    about = machine()
    client = asyncio.run(prepare(server))
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    urls = [server.url("cityos_app"), server.url("cityos_system")]
    command = [sys.executable, "-m", "bench.api", "--serve", *urls, str(port)]
    gateways = [subprocess.Popen(command, env=os.environ) for _ in range(workers)]
    try:
        wait_until_ready(base)
        client_id, _, secret = client.partition(":")
        answer = httpx.post(f"{base}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
        results = measure(base, seconds, answer.json()["access_token"])
    finally:
        for gateway in gateways:
            gateway.terminate()
        for gateway in gateways:
            gateway.wait(20)
    return {"machine": about, "workers": workers, "connections": CONNECTIONS, "results": results}


def show(figures: dict[str, Any]) -> None:
    table = Table(title=f"API, {figures['workers']} workers, {figures['connections']} connections")
    for column in ("request", "per second", "p50", "p99", "failed"):
        table.add_column(column, justify="left" if column == "request" else "right")
    for name, result in figures["results"].items():
        table.add_row(name, f"{result['per_second']:,}", result["p50"], result["p99"], str(result["failed"]))
    Console().print(table)
    print(json.dumps(figures["machine"]))


if __name__ == "__main__":
    main()
