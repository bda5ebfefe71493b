"""The role on a real log: a reading is written, judged and delivered by running roles, also after they were stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from broker.delivery.queue import subscribe
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, NewRecord
from broker.store.entities import EntityWriter
from schemas.clock import utc_now
from services.alerting import role as alerting
from services.alerting.settings import AlertingSettings
from services.notify import role as notifier
from services.notify.settings import NotifySettings
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import EBA, Flood, level
from tests.integration.notify.receivers import HttpReceiver

SECRET = b"s" * 32
TOPICS = {CHANGES: 2}


class City:
    """The writer's part, and the two roles."""

    def __init__(self, database: CityDatabase) -> None:
        self.database = database.system
        self.outlet = PostgresOutlet(TOPICS)
        self.writer = EntityWriter(self.outlet)

    async def measured(self, minutes: float, metres: float) -> None:
        async with self.database.transaction() as tx:
            await self.writer.write(tx, "fukui", [level(EBA, minutes, metres)], at=utc_now())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        log = PostgresLog(self.database, partitions=TOPICS)
        settings = AlertingSettings(clock="data", silence_every_s=0.2)
        sending = NotifySettings(allow_private_targets=True, poll_s=0.2)
        tasks = [
            asyncio.create_task(alerting.run(log, self.database, self.outlet, settings, stop)),
            asyncio.create_task(notifier.run(self.database, sending, stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
            await log.close()


@pytest.fixture
async def city(database: CityDatabase) -> City:
    await Flood(database).gauge()
    return City(database)


async def test_a_reading_becomes_a_webhook(city: City) -> None:
    async with HttpReceiver() as receiver:
        async with city.database.transaction() as tx:
            await subscribe(tx, "fukui", channel="webhook", target=receiver.url, secret=SECRET)
        async with city.running():
            await city.measured(0, 0.5)
            await city.measured(10, 2.1)
            await receiver.wait_for(1)
        await city.measured(20, 1.0)
        await city.measured(40, 0.5)
        await city.measured(60, 0.5)
        await city.measured(100, 0.5)
        async with city.running():
            await receiver.wait_for(2)
            while receiver.bodies()[-1]["data"]["msgType"] != "clear":
                await receiver.wait_for(len(receiver.got) + 1)
    first = receiver.bodies()[0]
    assert (first["type"], first["status"], first["data"]["stage"]) == ("flood.alert", "actual", "danger")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got)


async def test_a_record_that_is_no_change_stops_nothing(city: City) -> None:
    async with HttpReceiver() as receiver:
        async with city.database.transaction() as tx:
            await subscribe(tx, "fukui", channel="webhook", target=receiver.url, secret=SECRET)
            await city.outlet.put(tx, CHANGES, [NewRecord(b"x", b"\xff not a change")])
        async with city.running():
            await city.measured(0, 2.5)
            await receiver.wait_for(1)
