"""A gauge's whole way in the tests: readings written as entities, their changes handed to the flood handler."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from broker.entities.merge import EntityUpdate
from broker.ports import CHANGES, NewRecord, Record, Transaction
from broker.store.entities import EntityWriter
from schemas.change import Change, decode_change
from schemas.clock import iso
from services.alerting.handlers import FloodHandler
from services.alerting.rulebook import load_rules
from services.alerting.settings import AlertingSettings
from services.alerting.watch import SilenceWatch
from tests.conftest import CityDatabase

START = datetime(2024, 7, 1, 0, 0, tzinfo=UTC)
PARTITIONS = 4
EBA = "urn:ngsi-ld:WaterObserved:180009:124"
MONITORING = EBA.replace("WaterObserved", "FloodMonitoring")
EBA_PROFILE = {
    "name": "江波",
    "river": "天王川",
    "address": "越前町江波",
    "location": {"type": "Point", "coordinates": [136.07416, 35.9425]},
    "stages": {"standby": 1.0, "caution": 1.4, "evacuation": None, "danger": 2.0},
}


class Stream:
    """An outlet that keeps records as a log of four partitions would."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._ends = [0] * PARTITIONS

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        for key, value in records:
            partition = zlib.crc32(key) % PARTITIONS
            self.records.append(Record(CHANGES, partition, self._ends[partition], key, value, START))
            self._ends[partition] += 1

    def take(self) -> list[Record]:
        """The records put since the last time."""
        taken, self.records = self.records, []
        return taken


class Flood:
    """A city with gauges, a handler, and a clock that the test moves."""

    def __init__(self, database: CityDatabase, **settings: Any) -> None:
        self.database = database.system
        self.stream = Stream()
        self.output = Stream()
        self.now = START
        self.writer = EntityWriter(self.stream)
        self.settings = AlertingSettings(**settings)
        self.handler = self.another_handler()
        self.watch = SilenceWatch(
            self.database, EntityWriter(self.output), self.settings, load_rules(""), lambda: self.now
        )

    def another_handler(self) -> FloodHandler:
        """A handler as another process, or the same one after a restart, would have it."""
        return FloodHandler(EntityWriter(self.output), self.settings, load_rules(""), lambda: self.now)

    async def gauge(self, entity_id: str = EBA, tenant: str = "fukui", **changes: Any) -> None:
        profile = msgspec.json.encode({**EBA_PROFILE, **changes}).decode()
        async with self.database.transaction() as tx:
            await tx.execute(
                "insert into device (tenant_id, id, family, entity_id, entity_type, profile)"
                " select id, $2, 'river_gauge', $3, 'WaterObserved', $4::jsonb from tenant where name = $1",
                tenant,
                f"gauge-{entity_id.rsplit(':', 1)[-1]}",
                entity_id,
                profile,
            )

    async def store(self, *rows: tuple[float, float], entity_id: str = EBA, tenant: str = "fukui") -> list[Record]:
        """Write readings (minutes, metres) as the writer does, and return the change records."""
        updates = [level(entity_id, minutes, metres) for minutes, metres in rows]
        self.now = max(self.now, START + timedelta(minutes=max(row[0] for row in rows), seconds=5))
        async with self.database.transaction() as tx:
            await self.writer.write(tx, tenant, updates, at=self.now)
        return self.stream.take()

    async def feed(self, *rows: tuple[float, float], entity_id: str = EBA, tenant: str = "fukui") -> None:
        """Write readings and have their changes handled, each in its own transaction."""
        for row in rows:
            await self.handle(await self.store(row, entity_id=entity_id, tenant=tenant))

    async def handle(self, records: Sequence[Record]) -> None:
        async with self.database.transaction() as tx:
            await self.handler.handle(tx, records)

    async def rows(self, query: str, *args: Any) -> list[Any]:
        async with self.database.transaction() as tx:
            return await tx.fetch(query, *args)

    async def entity(self, entity_id: str) -> dict[str, Any] | None:
        rows = await self.rows("select doc::text as doc from entity where id = $1", entity_id)
        return msgspec.json.decode(rows[0]["doc"]) if rows else None

    def announced(self) -> list[Change]:
        """The changes of entities that the flood service wrote."""
        return [decode_change(record.value) for record in self.output.take()]


def level(entity_id: str, minutes: float, metres: float) -> EntityUpdate:
    attribute = {
        "type": "Property",
        "value": metres,
        "unitCode": "MTR",
        "observedAt": iso(START + timedelta(minutes=minutes)),
    }
    return EntityUpdate(entity_id, ("WaterObserved",), {"waterLevel": attribute})
