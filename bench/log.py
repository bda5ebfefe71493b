"""How many records a second the log takes and gives, for both drivers. Prints a table and writes JSON.

    python -m bench.log [--driver postgres|kafka] [--seconds 4]

Sixteen callers append at the same time, each 1, 100 or 1,000 records of 200 bytes per call; then one consumer
reads everything back. Everything runs on this machine: server, appenders and reader share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.machine import machine, percentile, write
from broker.log.kafka import KafkaLog
from broker.log.postgres import PostgresLog
from broker.log.settings import KafkaSettings
from broker.ports import OBSERVATIONS, Log, NewRecord
from broker.store.migrate import migrate
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from tests.kafka import KafkaBroker, installed

CALLERS = 16
VALUE = os.urandom(200)
PARTITIONS = {OBSERVATIONS: 8}
SIZES = (1, 100, 1000)


class FromTheStart:
    """Positions of a reader that has read nothing."""

    async def load(self, _group: str, _topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Log]:
    """The log in a fresh PostgreSQL with its own durability settings."""
    server = EmbeddedPostgres(folder / "postgres")
    await asyncio.to_thread(server.start)
    try:
        owner = await open_database(server.url(), system=True, size=1)
        roles = {role: server.password(role) for role in ("cityos_app", "cityos_system")}
        await migrate(owner, MIGRATED_PACKAGES, roles)
        await owner.close()
        database = await open_database(server.url("cityos_system"), system=True)
        log = PostgresLog(database, partitions=PARTITIONS)
        yield log
        await log.close()
        await database.close()
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[Log]:
    """The log on one fresh Kafka broker."""
    broker = KafkaBroker(folder / "kafka", await asyncio.to_thread(installed))
    await asyncio.to_thread(broker.start)
    try:
        log = KafkaLog(partitions=PARTITIONS, settings=KafkaSettings(bootstrap=broker.bootstrap))
        yield log
        await log.close()
    finally:
        await asyncio.to_thread(broker.stop)


DRIVERS = {"postgres": postgres, "kafka": kafka}


async def append_for(log: Log, size: int, seconds: float) -> tuple[int, float, list[float]]:
    """Records appended, the time it took, and each call's latency."""
    latencies: list[float] = []
    started = time.perf_counter()

    async def call(number: int) -> int:
        records = [NewRecord(b"gauge-%d-%d" % (number, n), VALUE) for n in range(size)]
        calls = 0
        while (before := time.perf_counter()) < started + seconds:
            await log.append(OBSERVATIONS, records)
            latencies.append(time.perf_counter() - before)
            calls += 1
        return calls * size

    count = sum(await asyncio.gather(*(call(number) for number in range(CALLERS))))
    return count, time.perf_counter() - started, latencies


async def read_back(log: Log, group: str) -> tuple[int, float]:
    """Records that one consumer reads from the start to the end, and the time it took from the first."""
    total = sum((await log.ends(OBSERVATIONS)).values())
    consumer = await log.consumer(OBSERVATIONS, group, FromTheStart())
    count = len(await consumer.poll(max_records=1, wait=30))
    started = time.perf_counter()
    while count < total:
        count += len(await consumer.poll(max_records=5000, wait=5))
    took = time.perf_counter() - started
    await consumer.close()
    return count, took


async def delay(log: Log, group: str, calls: int = 200) -> list[float]:
    """From the start of an append of one record to the moment a waiting consumer has it."""
    ends = await log.ends(OBSERVATIONS)

    class AtTheEnd:
        async def load(self, _group: str, _topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
            return {partition: ends[partition] for partition in partitions}

    consumer = await log.consumer(OBSERVATIONS, group, AtTheEnd())
    await consumer.poll(max_records=1, wait=4)
    found: list[float] = []
    for number in range(calls):
        before = time.perf_counter()
        sending = asyncio.create_task(log.append(OBSERVATIONS, [NewRecord(b"%d" % number, VALUE)]))
        records = await consumer.poll(max_records=10, wait=5)
        found.append(time.perf_counter() - before)
        await sending
        assert len(records) == 1
        await asyncio.sleep(0.005)
    await consumer.close()
    return found


async def measure(driver: str, seconds: float) -> list[dict[str, Any]]:
    """One row per size of call, each on a fresh server."""
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(dir="var") as folder:
            async with DRIVERS[driver](Path(folder)) as log:
                count, took, latencies = await append_for(log, size, seconds)
                read, read_took = await read_back(log, "bench")
                delays = await delay(log, "delay") if size == 1 else []
        rows.append(
            {
                "driver": driver,
                "records_per_call": size,
                "callers": CALLERS,
                "appended_per_s": round(count / took),
                "append_p50_ms": _ms(latencies, 0.5),
                "append_p99_ms": _ms(latencies, 0.99),
                "read_per_s": round(read / read_took),
                "append_to_poll_p50_ms": _ms(delays, 0.5),
                "append_to_poll_p99_ms": _ms(delays, 0.99),
            }
        )
    return rows


def _ms(seconds: Sequence[float], share: float) -> float | None:
    return round(percentile(seconds, share) * 1000, 2) if seconds else None


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a table."""
    names = list(rows[0])
    print("  ".join(f"{name:>21}" for name in names))
    for row in rows:
        print("  ".join(f"{'' if row[name] is None else row[name]:>21}" for name in names))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--driver", choices=sorted(DRIVERS), action="append")
    parser.add_argument("--seconds", type=float, default=4.0)
    chosen = parser.parse_args()
    Path("var").mkdir(exist_ok=True)
    ran_on = machine()
    rows = [row for driver in chosen.driver or DRIVERS for row in asyncio.run(measure(driver, chosen.seconds))]
    show(rows)
    write("log", {"machine": ran_on, "rows": rows})


if __name__ == "__main__":
    main()
