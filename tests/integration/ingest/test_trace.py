"""A trace from PUBLISH to the change event, through the log: each message's own, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from broker.consume import Consumption, Subscription
from broker.ingest.intake import LogIntake
from broker.ingest.judge import Judge
from broker.ingest.ports import AdapterRoute, Inbound
from broker.ingest.settings import IntakeSettings
from broker.ingest.writer import GROUP, ObservationWriter
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS
from broker.store.devices import Device, DeviceRegistry, register
from broker.store.entities import EntityWriter
from schemas.change import Change, decode_change
from schemas.observation import Observation, Rejection
from tests.conftest import CityDatabase

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARTITIONS = {OBSERVATIONS: 1, CHANGES: 1}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
DEVICES = ("traced", "plain")


def decode(topic: str, payload: bytes) -> Sequence[Observation | Rejection]:
    return [Observation(device=topic.split("/")[-1], property="level", value=json.loads(payload), observed_at=NOW)]


async def test_a_trace_goes_from_publish_to_its_own_change(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        for name in DEVICES:
            await register(tx, "fukui", Device("fukui", name, "test"), {})
    registry = DeviceRegistry(database.system)
    await registry.refresh()
    log = PostgresLog(database.system, partitions=PARTITIONS)
    settings = IntakeSettings()
    judge = Judge([AdapterRoute("t/+", "test", decode)], registry)
    intake = LogIntake(log, judge, lambda _tenant, _device: False, settings)
    writer = ObservationWriter(EntityWriter(PostgresOutlet(PARTITIONS)), registry, lambda: NOW)
    stored: list[None] = []
    subscription = Subscription(OBSERVATIONS, GROUP, wait=0.05)

    def committed() -> None:
        writer.committed()
        stored.append(None)

    consumption = Consumption(log, database.system, subscription, writer.handle, committed=committed)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(part.run(stop)) for part in (intake, consumption)]
    for name, trace in zip(DEVICES, (PARENT, None), strict=True):
        assert intake.offer(Inbound("fukui", name, f"t/{name}", b"1.5", NOW, "endpoint", trace), lambda _error: None)
    changes: list[Change] = []
    for _ in range(100):
        changes = [decode_change(record.value) for record in await log.read(CHANGES, 0, 0, limit=10)]
        if len(changes) == len(DEVICES):
            break
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*tasks)
    await log.close()
    traces = {change.entity.rpartition(":")[2]: change.trace for change in changes}
    assert traces == {"traced": PARENT, "plain": None}
    assert stored, "the figures are told after the commit"
