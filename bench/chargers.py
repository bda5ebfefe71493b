"""How many charging stations one central system holds: `python -m bench.chargers [--stations N …]`.

A whole city as `cityos up` starts it; the stations, of both versions, are clients over real WebSockets in this process.
Each has a car at it and says a heartbeat and its meter once a minute. Then the central system's process is killed, and
all come back at once, with what they could not say meanwhile; at the end every meter's last reading must be in the
city's books.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from websockets.exceptions import InvalidHandshake

from bench.machine import cpu_seconds, machine, memory_mb, percentile, write
from broker.ports import Database
from broker.store.devices import secret_hash
from broker.store.postgres import open_database
from cityos.simulated_station import CallFailed, SimulatedStation
from schemas.charging import FAMILY
from services.charging.stations import station_urn
from tests.city import WholeCity, free_port

COUNTS = (200, 1_000, 5_000)
EVERY_S = 60.0
SECONDS = float(os.environ.get("CITYOS_BENCH_SECONDS", "60"))
LIMIT_S = 300.0
_AT_ONCE = 200
"""Handshakes that this process has under way: it is one machine that plays thousands."""
_BACK_WITHIN_S = 10.0
"""A station waits up to so long before it tries again (OCPP 1.6, RetryBackOffRandomRange)."""
_REGISTRY_S = 5.0
"""Until every process knows of devices that were registered."""
_CARD = "BENCH-CARD"
_BROKEN = (OSError, TimeoutError, InvalidHandshake, CallFailed)


class Figures(NamedTuple):
    """What stations lived through: milliseconds of each answer, and what went wrong."""

    answers: list[float]
    faults: list[str]


async def timed(figures: Figures, act: Callable[[], Awaitable[Any]]) -> None:
    """Do it and note how long the answer took, or what went wrong."""
    began = time.perf_counter()
    try:
        await act()
    except _BROKEN as error:
        figures.faults.append(f"{type(error).__name__}: {error}"[:120])
    else:
        figures.answers.append(1000 * (time.perf_counter() - began))


async def register(database: Database, count: int, secret: str) -> list[str]:
    """Register stations with one password, and the card."""
    names = [f"BENCH-{number:05}" for number in range(count)]
    async with database.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await tx.execute(
            "insert into device (tenant_id, id, family, entity_id, entity_type, secret_hash)"
            " select $1::int, n, $2, $3 || n, 'EVChargingStation', $4::bytea from unnest($5::text[]) n"
            " on conflict do nothing",
            tenant, FAMILY, station_urn(""), secret_hash(secret), names,
        )  # fmt: skip
        await tx.execute(
            "insert into charging_token (tenant_id, token) values ($1, $2) on conflict do nothing", tenant, _CARD
        )
    return names


async def come(station: SimulatedStation, gate: asyncio.Semaphore, figures: Figures) -> None:
    """Connect and boot, again and again until it is there; then say what was kept."""
    while True:
        try:
            async with gate:
                await station.connect()
                await station.boot()
                await station.say_what_was_kept()
            return
        except _BROKEN as error:
            figures.faults.append(f"{type(error).__name__}: {error}"[:120])
            await station.close()
            await asyncio.sleep(random.uniform(0.2, 2.0))


async def begin(station: SimulatedStation, figures: Figures) -> None:
    """A car comes."""
    await timed(figures, lambda: station.status("Preparing"))
    await timed(figures, lambda: station.start(_CARD))


async def live(station: SimulatedStation, until: float, figures: Figures) -> None:
    """A heartbeat and a meter value a minute, at times of its own, until `until` (monotonic)."""
    pause = random.uniform(0, EVERY_S)
    while time.monotonic() + pause < until:
        await asyncio.sleep(pause)
        await timed(figures, station.heartbeat)
        station.charge(timedelta(seconds=EVERY_S), 3000)
        await timed(figures, lambda: station.meter(power_w=3000))
        pause = EVERY_S * random.uniform(0.9, 1.1)


async def come_back(station: SimulatedStation, gate: asyncio.Semaphore, figures: Figures) -> None:
    """The line is cut: what is measured meanwhile is kept, and said when it is there again."""
    await station.until_cut()
    await station.close()
    station.charge(timedelta(minutes=1), 3000)
    await station.meter(power_w=3000)
    await asyncio.sleep(random.uniform(0, _BACK_WITHIN_S))
    await come(station, gate, figures)


async def lost(database: Database, stations: Sequence[SimulatedStation]) -> int:
    """Of how many stations the last reading is not in the books."""
    async with database.transaction() as tx:
        rows = await tx.fetch("select station, state::text as state from charging_session where open")
    read = {row["station"]: json.loads(row["state"])["meters"][-1][1] for row in rows}
    return sum(abs(read.get(each.name, -1.0) - each.meter_wh) > 1.0 for each in stations)


async def measure(city: WholeCity, database: Database, stations: Sequence[SimulatedStation]) -> dict[str, Any]:
    """All figures with these stations."""
    async with database.transaction() as tx:
        await tx.execute("delete from charging_session")
    count, pid = len(stations), city.pid("chargers")
    empty_mb = memory_mb({"chargers": [pid]})["chargers"]
    gate, coming, starting, living, back = asyncio.Semaphore(_AT_ONCE), *(Figures([], []) for _ in range(4))
    began = time.monotonic()
    await _all(come(each, gate, coming) for each in stations)
    came_s = time.monotonic() - began
    _tell(f"{count} stations are connected after {came_s:.1f} s")
    await _all(begin(each, starting) for each in stations)
    _tell("a car is at each; they live on")
    used, began = cpu_seconds([pid]), time.monotonic()
    await _all(live(each, began + EVERY_S + SECONDS, living) for each in stations)
    spent = time.monotonic() - began
    full_mb = memory_mb({"chargers": [pid]})["chargers"]
    cpu = (cpu_seconds([pid]) - used) / spent
    _tell("the central system is killed")
    city.kill("chargers")
    began = time.monotonic()
    await _all(come_back(each, gate, back) for each in stations)
    back_s = time.monotonic() - began
    missing = await lost(database, stations)
    await _all(each.close() for each in stations)
    return {
        "stations": count,
        "all_connected_s": round(came_s, 1),
        "kb_per_station": round((full_mb - empty_mb) * 1024 / count, 1),
        "memory_mb": full_mb,
        "cores_used": round(cpu, 3),
        "messages": len(living.answers),
        **{f"answer_p{int(share * 100)}_ms": round(percentile(living.answers, share), 1) for share in (0.5, 0.99)},
        "start_p99_ms": round(percentile(starting.answers, 0.99), 1),
        "unanswered": len(living.faults) + len(starting.faults),
        "all_back_s": round(back_s, 1),
        "tries_again": len(back.faults),
        "faults": sorted({*coming.faults, *starting.faults, *living.faults, *back.faults})[:5],
        "stations_with_a_loss": missing,
    }


async def _all(acts: Any) -> None:
    """Side by side, and none of them for ever."""
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for act in acts:
            group.create_task(act)


def _tell(text: str) -> None:
    print(f"   {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def run(counts: Sequence[int]) -> dict[str, Any]:
    """Measure each count against one city."""
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="cityos-bench-") as folder:
        city = WholeCity(Path(folder), CITYOS_CHARGERS_ENABLED="true", CITYOS_CHARGERS_PORT=str(port))
        figures: dict[str, Any] = {"machine": machine(), "runs": []}
        city.start()
        try:
            database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
            secret = secrets.token_urlsafe(15)
            names = await register(database, max(counts), secret)
            await asyncio.sleep(_REGISTRY_S)
            for count in counts:
                stations = [
                    SimulatedStation(url, name, "2.0.1" if number % 2 else "1.6", password=secret)
                    for number, name in enumerate(names[:count])
                ]
                made = await measure(city, database, stations)
                made["load"] = os.getloadavg()[0]
                print(json.dumps(made, ensure_ascii=False), flush=True)
                figures["runs"].append(made)
            await database.close()
        finally:
            city.stop()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, nargs="*", default=list(COUNTS))
    figures = asyncio.run(run(parser.parse_args().stations))
    write("chargers", figures)


if __name__ == "__main__":
    main()
