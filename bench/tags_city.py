"""Watch tags end to end on a city as `cityos up` starts it: `python -m bench.tags_city`.

Detections a second from MQTT PUBLISH to presence (poles that upload five minutes at a time of those who live beside
them), and the time from the PUBLISH of a child's arrival to the family's webhook while 500 detections a second go by.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings
from bench.journey import LOOPBACK
from bench.machine import cpu_seconds, machine, parts, percentile, write
from broker.delivery.personal import reach
from broker.ports import Database
from broker.store.postgres import open_database
from broker.veil import Veil, parse_key
from cityos.tag_day import NETWORK, Cast, TagDay, payload_of
from cityos.tag_walks import Heard, Message, Walks
from schemas.clock import utc_now
from services.presence.desk import FamilyDesk
from services.presence.searching import SearchDesk
from services.presence.settings import TagsSettings
from tests.city import WholeCity
from tests.integration.notify.receivers import HttpReceiver

TAGS, DETECTORS = int(os.environ.get("CITYOS_BENCH_TAGS", "1400")), 150
DETECTIONS, MINUTES = int(os.environ.get("CITYOS_BENCH_DETECTIONS", "100000")), 5
RATE, PROBES = 500, 150
_ACROSS_S = 20.0


class Bench:
    """One furnished city under load."""

    def __init__(self, city: WholeCity, app: Database, system: Database) -> None:
        self._city, self._app, self._system = city, app, system
        self._walks = Walks(TAGS, DETECTORS)
        self._chance, self.sightings = random.Random(3), 0
        near = {place: name for name, place in self._walks.poles.items()}
        self._pole_of = [near[home] for home in self._walks.homes]
        self._school = near[self._walks.school]

    async def furnish(self) -> Cast:
        """Detectors, families, tags; the first `PROBES` children are the family's that is told."""
        veil = Veil(parse_key(self._city.running()["CITYOS_TAGS_KEY"]), TagsSettings().epoch_days)
        desk = FamilyDesk(veil, TagsSettings(enabled=True), utc_now)
        searches = SearchDesk(desk, veil, utc_now)
        day = TagDay(self._app, self._system, desk, searches, "fukui", self._walks, own=PROBES)
        return await day.furnish()

    def publisher(self, cast: Cast) -> Publisher:
        """A line to the city, as the detectors' network."""
        secret = SecretStr(cast.secret)
        return Publisher(PublisherSettings(port=self._city.mqtt_port, username=f"fukui/{NETWORK}", password=secret))

    def passing(self) -> tuple[str, bytes]:
        """Somebody who is not of the family is heard where they live, now."""
        now, tag = utc_now(), self._chance.randrange(PROBES, TAGS - 1)
        heard = Heard(0, self._pole_of[tag], tag, self._chance.randint(-90, -50))
        return f"city/tag/{heard.detector}/up", payload_of(Message(0, heard.detector, (heard,)), now, now)

    def uploads(self) -> list[tuple[str, bytes]]:
        """The last hours as the poles upload them, `MINUTES` at a time, in order of time."""
        beside: defaultdict[str, list[int]] = defaultdict(list)
        for tag in range(PROBES, TAGS - 1):
            beside[self._pole_of[tag]].append(tag)
        rounds = DETECTIONS // (MINUTES * (TAGS - 1 - PROBES)) + 1
        now = utc_now()
        start, made = now - timedelta(minutes=rounds * MINUTES), []
        for begin in range(0, rounds * MINUTES, MINUTES):
            for pole, tags in sorted(beside.items()):
                minutes = range(begin, begin + MINUTES)
                heard = tuple(Heard(m, pole, tag, self._chance.randint(-90, -50)) for m in minutes for tag in tags)
                made.append((f"city/tag/{pole}/up", payload_of(Message(begin, pole, heard), start, now)))
        self.sightings = rounds * MINUTES * (TAGS - 1 - PROBES)
        return made

    async def consumed(self) -> int:
        """How far presence has read the log."""
        async with self._system.transaction() as tx:
            return int(await tx.fetchval("select coalesce(sum(next), 0) from position where consumer = 'presence'"))

    async def throughput(self, cast: Cast) -> dict[str, Any]:
        """Everything at once, until the last detection is in presence."""
        messages = self.uploads()
        pids = parts(self._city.folder)
        used = {part: cpu_seconds(ids) for part, ids in pids.items()}
        before, began = await self.consumed(), time.perf_counter()
        async with self.publisher(cast) as publisher:
            for topic, payload in messages:
                await publisher.publish(topic, payload)
            await publisher.drain()
        acknowledged = time.perf_counter() - began
        while await self.consumed() - before < len(messages):
            if time.perf_counter() - began > 600:
                raise TimeoutError("presence did not catch up within ten minutes")
            await asyncio.sleep(0.1)
        seconds = time.perf_counter() - began
        cost = {part: round((cpu_seconds(ids) - used[part]) * 1e6 / self.sightings, 1) for part, ids in pids.items()}
        return {
            "detections": self.sightings,
            "acknowledged_per_s": round(self.sightings / acknowledged),
            "detections_per_s": round(self.sightings / seconds),
            "cpu_us_per_detection": cost,
        }

    async def latency(self, cast: Cast) -> dict[str, Any]:
        """Children arrive at school one after the other while others pass; when does the family's server know?"""
        async with HttpReceiver() as receiver, self.publisher(cast) as publisher:
            async with self._app.transaction("fukui") as tx:
                await reach(tx, "fukui", cast.family, "webhook", receiver.url, ["tags"], utc_now(), secret=b"bench")
            sent: list[float] = []
            began = time.perf_counter()
            for step in range(round(_ACROSS_S * 10)):
                await asyncio.sleep(max(0.0, began + step / 10 - time.perf_counter()))
                for _ in range(RATE // 10):
                    await publisher.publish(*self.passing())
                if step < PROBES:
                    now = utc_now()
                    message = Message(0, self._school, (Heard(0, self._school, step, -50),))
                    sent.append(time.time())
                    await publisher.publish(f"city/tag/{self._school}/up", payload_of(message, now, now))
            await publisher.drain()
            await receiver.wait_for(PROBES, 120)
            told = {body["data"]["tag"]: at for body, at in zip(receiver.bodies(), receiver.times, strict=False)}
        delays = sorted((at - began_at) * 1000 for at, began_at in zip(sorted(told.values()), sent, strict=False))
        return {
            "rate": RATE,
            "probes": len(delays),
            **{f"told_p{int(share * 100)}_ms": round(percentile(delays, share)) for share in (0.5, 0.95, 0.99)},
        }


async def measure(folder: Path) -> dict[str, Any]:
    """All figures."""
    city = WholeCity(folder / "city", CITYOS_TAGS_ENABLED="true", **LOOPBACK)
    city.start()
    try:
        running = city.running()
        app = await open_database(running["CITYOS_DATABASE_APP_URL"], size=2)
        system = await open_database(running["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=2)
        bench = Bench(city, app, system)
        began = time.perf_counter()
        cast = await bench.furnish()
        figures = {"machine": machine(), "tags": TAGS, "furnished_s": round(time.perf_counter() - began, 1)}
        figures["latency"] = await bench.latency(cast)
        figures["throughput"] = await bench.throughput(cast)
        await app.close()
        await system.close()
    finally:
        city.stop()
    return figures


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cityos-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(measure(Path(folder)))
    write("tags-city", figures)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
