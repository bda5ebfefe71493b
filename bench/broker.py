"""The context broker's speed over 100,000 entities: reads, queries, writes, history, notifications.

One city as `cityos up` starts it (one gateway), the load generator and the receivers beside it, all on this machine.
The figures are a gateway's and its database's together, so divide by the cores they used.

    python -m bench.broker [--seconds 5] [--entities 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.api import load
from bench.machine import children, cpu_seconds, machine, percentile, write
from broker.entities.merge import EntityUpdate
from broker.ports import Database, NewRecord, Transaction
from broker.store.entities import EntityWriter
from broker.store.history import History, Row, Series
from broker.store.postgres import open_database
from broker.store.values import declare, forget
from schemas.clock import iso, utc_now
from tests.city import WholeCity
from tests.integration.notify.receivers import HttpReceiver

POINTS = 10_000
SUBSCRIPTIONS = 10_000
UPDATES_PER_SECOND = 500
FEW_PER_SECOND = 50
SETTINGS = {
    "CITYOS_GATEWAY_AUTH": "off",
    "CITYOS_GATEWAY_PRIVATE_HOSTS": "true",
    "CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS": "true",
    "CITYOS_GATEWAY_APP_RATE": "1000000",
    "CITYOS_GATEWAY_APP_BURST": "1000000",
}
TYPE = "ParkingSpot"
PROBE = f"urn:ngsi-ld:{TYPE}:0"
ROOT = "/ngsi-ld/v1"

_EACH = """
local n = 0
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = (n + 7919) % {entities}
  return wrk.format("{method}", "{path}" .. n .. "{rest}", nil, {body})
end
"""
_ATTRIBUTE = '\'{"type":"Property","value":\' .. n .. \'}\''
_UPSERT = """
local n = 0
wrk.headers["Content-Type"] = "application/json"
request = function()
  local parts = {{}}
  for i = 1, {batch} do
    n = n + 1
    parts[i] = '{{"id":"urn:ngsi-ld:ParkingSpot:' .. (n * 7919 % {entities}) .. '","type":"ParkingSpot",'
      .. '"occupancy":{{"type":"Property","value":' .. n .. ',"unitCode":"P1"}}}}'
  end
  return wrk.format("POST", "/ngsi-ld/v1/entityOperations/upsert?options=update", nil,
    "[" .. table.concat(parts, ",") .. "]")
end
"""


class _Nobody:
    """An outlet that tells nobody: filling the store is not what is measured."""

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        """Drop the records."""


def spot(number: int) -> EntityUpdate:
    """An entity of about 500 bytes, somewhere in Japan."""
    place = {"type": "Point", "coordinates": [130 + number % 1000 / 100, 33 + number // 1000 / 20]}
    attributes = {
        "occupancy": {"type": "Property", "value": number, "unitCode": "P1", "observedAt": iso(utc_now())},
        "status": {"type": "Property", "value": "free" if number % 5 else "occupied"},
        "name": {"type": "Property", "value": f"駐車場{number}"},
        "location": {"type": "GeoProperty", "value": place},
        "refParkingSite": {"type": "Relationship", "object": f"urn:ngsi-ld:OffStreetParking:{number // 50}"},
    }
    return EntityUpdate(f"urn:ngsi-ld:{TYPE}:{number}", (TYPE,), attributes)


async def fill(database: Database, entities: int) -> None:
    """Make the entities, and a history of 10,000 numbers of the first one, one a minute."""
    writer = EntityWriter(_Nobody())
    for start in range(0, entities, 1000):
        async with database.transaction() as tx:
            await writer.write(tx, "fukui", [spot(n) for n in range(start, min(start + 1000, entities))], at=utc_now())
    began = datetime(2024, 6, 30, 15, tzinfo=UTC)
    series = Series(PROBE, "level", "", "MTR")
    rows = [Row(series, began + timedelta(minutes=n), float(n % 97), None, utc_now()) for n in range(POINTS)]
    async with database.transaction() as tx:
        await History().append(tx, await tx.fetchval("select id from tenant where name = 'fukui'"), rows)
    async with database.transaction() as tx:
        await tx.execute("analyze entity, history, series")


def reads(base: str, seconds: int, entities: int) -> dict[str, Any]:
    """Requests a second of each kind of read."""
    of_type = f"{ROOT}/entities?type={TYPE}&limit=20"
    one = f"{ROOT}/temporal/entities/{PROBE}?attrs=level"
    by = f"{one}&options=aggregatedValues&aggrMethods=avg,min,max,stddev,totalCount&aggrPeriodDuration"
    near = "georel=near;maxDistance==5000&geometry=Point&coordinates=%5B135,35%5D"
    inside = (
        "georel=within&geometry=Polygon&coordinates=%5B%5B%5B135,35%5D,%5B136,35%5D,%5B136,36%5D,%5B135,35%5D%5D%5D"
    )
    by_id = _EACH.format(
        entities=entities, method="GET", path=f"{ROOT}/entities/urn:ngsi-ld:{TYPE}:", rest="", body="nil"
    )
    return {
        "retrieve by id": load(base, "/", seconds, script=by_id),
        "query of 20 by type": load(base, of_type, seconds),
        "q that a fifth match": load(base, f"{of_type}&q=status==%22occupied%22", seconds),
        "q that 20 match": load(base, f"{of_type}&q=occupancy%3E={entities - 20}", seconds, connections=2),
        "q that none match, counted": load(base, f"{of_type}&q=status==%22no%22&count=true", seconds, connections=2),
        "geo: near, 5 km": load(base, f"{of_type}&{near}", seconds, connections=8),
        "geo: within a triangle": load(base, f"{of_type}&{inside}", seconds, connections=8),
        "aggregate 10,000 points by hour": load(base, f"{by}=PT1H", seconds, connections=1),
        "aggregate 10,000 points by day": load(base, f"{by}=P1D", seconds, connections=1),
        "aggregate 10,000 points, odd periods": load(base, f"{by}=PT47M", seconds, connections=1),
        "distinctCount of 10,000 points": load(
            base,
            f"{one}&options=aggregatedValues&aggrMethods=distinctCount&aggrPeriodDuration=P1D",
            seconds,
            connections=1,
        ),
        "10,000 points, temporalValues": load(base, f"{one}&options=temporalValues", seconds, connections=1),
        "last 100 points": load(base, f"{one}&lastN=100", seconds, connections=8),
    }


async def declared(base: str, database: Database, seconds: int, entities: int) -> dict[str, Any]:
    """The rare ones again, and what they cost a write, with the attributes' values kept in an index."""
    of_type = f"{ROOT}/entities?type={TYPE}&limit=20"
    began = time.monotonic()
    for name in ("occupancy", "status"):
        await declare(database, "fukui", name)
    print(f"declared two attributes of {entities:,} entities in {time.monotonic() - began:.1f} s")
    async with database.transaction() as tx:
        await tx.execute("analyze entity_value")
    path = f"{ROOT}/entities/urn:ngsi-ld:{TYPE}:"
    patch = _EACH.format(entities=entities, method="PATCH", path=path, rest="/attrs/occupancy", body=_ATTRIBUTE)
    asked: dict[str, dict[str, Any]] = {
        "q that 20 match": {"path": f"{of_type}&q=occupancy%3E={entities - 20}"},
        "q that none match, counted": {"path": f"{of_type}&q=status==%22no%22&count=true"},
        "q that a fifth match": {"path": f"{of_type}&q=status==%22occupied%22"},
        "update one attribute": {"path": "/", "script": patch},
    }
    figures = {
        f"{name}, declared": await asyncio.to_thread(load, base, seconds=seconds, **how) for name, how in asked.items()
    }
    async with database.transaction() as tx:
        for name in ("occupancy", "status"):
            await forget(tx, "fukui", name)
    return figures


def writes(base: str, seconds: int, entities: int) -> dict[str, Any]:
    """Requests a second of each kind of write."""
    path = f"{ROOT}/entities/urn:ngsi-ld:{TYPE}:"
    patch = _EACH.format(entities=entities, method="PATCH", path=path, rest="/attrs/occupancy", body=_ATTRIBUTE)
    return {
        "update one attribute": load(base, "/", seconds, script=patch),
        "upsert of 1": load(base, "/", seconds, script=_UPSERT.format(batch=1, entities=entities)),
        "upsert of 100": load(base, "/", seconds, script=_UPSERT.format(batch=100, entities=entities), connections=8),
    }


async def notifications(
    base: str, seconds: int, notifier: Sequence[int] = (), rate: int = UPDATES_PER_SECOND
) -> dict[str, Any]:
    """From an update's request to its notification, at so many updates a second in batches of ten; what the processes
    `notifier` spend on each."""
    used = cpu_seconds(notifier)
    async with HttpReceiver() as receiver, httpx.AsyncClient(base_url=base, timeout=30) as client:
        wanted = {
            "type": "Subscription",
            "entities": [{"type": "Probe"}],
            "notification": {"endpoint": {"uri": receiver.url, "accept": "application/json"}},
        }
        made = await client.post(f"{ROOT}/subscriptions", json=wanted)
        began, sent = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            batch = [probe(sent + n) for n in range(10)]
            (await client.post(f"{ROOT}/entityOperations/upsert", json=batch)).raise_for_status()
            sent += len(batch)
            await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
        reached = sent / (time.monotonic() - began)
        seen = -1
        while len(receiver.got) != seen:
            seen = len(receiver.got)
            await asyncio.sleep(2)
        await client.delete(made.headers["location"])
    delays = [(at - one["sent"]["value"]) * 1000 for (_, body), at in zip(receiver.got, receiver.times, strict=True)
              for one in json.loads(body)["data"]]  # fmt: skip
    return {
        "updates_per_second": round(reached),
        "sent": sent,
        "told": len(delays),
        "in_notifications": len(receiver.got),
        "notifier_us": round((cpu_seconds(notifier) - used) / len(delays) * 1e6) if delays and notifier else None,
        "mean_ms": round(statistics.fmean(delays), 1) if delays else None,
        "p50_ms": round(percentile(delays, 0.5), 1),
        "p99_ms": round(percentile(delays, 0.99), 1),
    }


def probe(number: int) -> dict[str, Any]:
    """One of a thousand entities, with the time that it is sent."""
    value = {"type": "Property", "value": time.time()}
    return {"id": f"urn:ngsi-ld:Probe:{number % 1000}", "type": "Probe", "sent": value}


async def matching(base: str, database: Database, seconds: int, notifier: Sequence[int] = ()) -> dict[str, Any]:
    """What an update costs the notifier with 10,000 subscriptions to other entities of other types, and of its type."""
    doc = {"id": "urn:x", "type": "Subscription", "watchedAttributes": ["other"],
           "notification": {"endpoint": {"uri": "http://127.0.0.1:9/", "accept": "application/json"}}}  # fmt: skip
    async with database.transaction() as tx:
        await tx.execute(
            "insert into subscription (tenant_id, id, doc, types) select t.id, 'urn:ngsi-ld:Subscription:bench-' || n,"
            " $1::text::jsonb || jsonb_build_object('id', 'urn:ngsi-ld:Subscription:bench-' || n, 'entities',"
            " jsonb_build_array(jsonb_build_object('type', 'Type' || n % 1000))), array['Type' || n % 1000]"
            " from tenant t, generate_series(1, $2::int) n where t.name = 'fukui'",
            json.dumps(doc),
            SUBSCRIPTIONS,
        )
    try:
        return await notifications(base, seconds, notifier)
    finally:
        async with database.transaction() as tx:
            await tx.execute("delete from subscription where id like 'urn:ngsi-ld:Subscription:bench-%'")


async def measure(folder: Path, seconds: int, entities: int) -> dict[str, Any]:
    """All the figures."""
    city = WholeCity(folder / "city", **SETTINGS)
    about = machine()
    city.start()
    database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
    try:
        await fill(database, entities)
        gateway = children(city.pid("gateway"))
        used = cpu_seconds(gateway)
        results = await asyncio.to_thread(reads, city.url, seconds, entities)
        results |= await declared(city.url, database, seconds, entities)
        results |= await asyncio.to_thread(writes, city.url, seconds, entities)
        await asyncio.sleep(5)
        notifier = children(city.pid("notifier"))
        told = {
            "alone": await notifications(city.url, seconds, notifier),
            "alone, few": await notifications(city.url, seconds, notifier, FEW_PER_SECOND),
            "beside 10,000 subscriptions": await matching(city.url, database, seconds, notifier),
        }
        used = round(cpu_seconds(gateway) - used, 1)
    finally:
        await database.close()
        city.stop()
    return {"machine": about, "entities": entities, "results": results, "notifications": told, "gateway_cpu_s": used}


def show(figures: dict[str, Any]) -> None:
    """The figures for people."""
    table = Table(title=f"Context broker, {figures['entities']:,} entities, one gateway")
    for column in ("request", "per second", "p50", "p99", "failed"):
        table.add_column(column, justify="left" if column == "request" else "right")
    for name, result in figures["results"].items():
        table.add_row(name, f"{result['per_second']:,}", result["p50"], result["p99"], str(result["failed"]))
    Console().print(table)
    for name, result in figures["notifications"].items():
        print(f"notifications, {name}: {json.dumps(result)}")
    print(json.dumps(figures["machine"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--entities", type=int, default=100_000)
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), chosen.seconds, chosen.entities))
    write("broker", figures)
    show(figures)


if __name__ == "__main__":
    main()
