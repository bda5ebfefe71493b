"""A central system on a database of its own, with log, writer and book as in a city; stations are clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from adapters.commands.routes import ROUTES as ANSWERS
from adapters.ev_charger.central import CentralSystem
from adapters.ev_charger.courier import StationCourier
from adapters.ev_charger.door import Door
from adapters.ev_charger.routes import ROUTES
from adapters.ev_charger.settings import ChargersSettings
from adapters.power_meter.routes import ROUTES as METERS
from broker.consume import Consumption, Subscription
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ingest.intake import LogIntake
from broker.ingest.judge import Judge
from broker.ingest.settings import IntakeSettings
from broker.ingest.writer import GROUP, ObservationWriter
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS
from broker.store.commands import Wish, add_command
from broker.store.devices import Device, DeviceRegistry, register
from broker.store.entities import EntityWriter
from cityos.simulated_station import SimulatedStation
from schemas.charging import FAMILY
from schemas.clock import utc_now
from services.charging.book import ChargingBook
from services.charging.settings import ChargingSettings
from services.charging.showing import Showing
from tests.conftest import CityDatabase

SECRET = "eighteen-characters"
PATIENCE = 60.0
PARTITIONS = {OBSERVATIONS: 2, CHANGES: 2}


@dataclass
class Central:
    """The running parts, and the stations that a test made."""

    database: CityDatabase
    system: CentralSystem
    registry: DeviceRegistry
    doorkeeper: RegistryDoorkeeper
    log: PostgresLog
    intake: LogIntake
    made: list[SimulatedStation] = field(default_factory=list)

    async def register(self, name: str, *, status: str = "approved", secret: str | None = SECRET) -> None:
        urn = f"urn:ngsi-ld:EVChargingStation:{name}"
        device = Device("fukui", name, FAMILY, status=status, entity_id=urn, entity_type="EVChargingStation")
        async with self.database.system.transaction() as tx:
            await register(tx, "fukui", device, {}, secret)
        await self.registry.refresh()

    async def station(self, name: str = "EV-1", version: Any = "1.6", **more: Any) -> SimulatedStation:
        """A registered station that is connected and has booted."""
        await self.register(name)
        station = self.client(name, version, **more)
        await station.connect()
        assert await station.boot() == "Accepted"
        return station

    def client(
        self, name: str, version: Any = "1.6", *, password: str | None = SECRET, **more: Any
    ) -> SimulatedStation:
        url = f"wss://localhost:{self.system.tls_port}" if more.get("ssl") else f"ws://127.0.0.1:{self.system.port}"
        station = SimulatedStation(url, name, version, password=password, **more)
        self.made.append(station)
        return station

    async def rows(self, query: str, *parameters: Any) -> list[Any]:
        async with self.database.system.transaction() as tx:
            return await tx.fetch(query, *parameters)

    async def execute(self, query: str, *parameters: Any) -> None:
        async with self.database.system.transaction() as tx:
            await tx.execute(query, *parameters)

    async def allow(self, *cards: str) -> None:
        """Put cards on the city's list."""
        for card in cards:
            await self.execute(
                "insert into charging_token (tenant_id, token) select id, $1 from tenant where name = 'fukui'", card
            )

    async def entity(self, urn: str, **wanted: Any) -> dict[str, Any]:
        """The entity's values once they are as wanted."""
        return await until(lambda: self._entity(urn), lambda values: wanted.items() <= values.items())

    async def _entity(self, urn: str) -> dict[str, Any]:
        rows = await self.rows("select doc::text as doc from entity where id = $1", urn)
        doc = json.loads(rows[0]["doc"]) if rows else {}
        return {name: each.get("value") for name, each in doc.items() if isinstance(each, dict)}


async def tell(central: Central, number: str, name: str, arguments: dict[str, Any]) -> None:
    """Have the station EV-1 told something."""
    now = utc_now()
    async with central.database.system.transaction("fukui") as tx:
        await add_command(tx, Wish(number, "EV-1", name, arguments, "a test", now + timedelta(minutes=5)), now)


async def until(look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    """What `look` sees once it is good."""
    seen = None
    try:
        async with asyncio.timeout(PATIENCE):
            while not good(seen := await look()):  # noqa: ASYNC110  # what is waited for is a row of the database
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"it never came; last seen: {seen}")
    return seen


@asynccontextmanager
async def running(database: CityDatabase, **settings: Any) -> AsyncIterator[Central]:
    """The central system, while the block lasts."""
    outlet, system = PostgresOutlet(PARTITIONS), database.system
    log, registry = PostgresLog(system, partitions=PARTITIONS), DeviceRegistry(system)
    await registry.refresh()
    doorkeeper = RegistryDoorkeeper(registry, "fukui")
    given = ChargersSettings(enabled=True, port=0, **settings)
    intake = LogIntake(log, Judge((*ROUTES, *METERS, *ANSWERS), registry), lambda _t, _d: False, IntakeSettings())
    writer = ObservationWriter(EntityWriter(outlet), registry, utc_now)
    consumption = Consumption(log, system, Subscription(OBSERVATIONS, GROUP, wait=0.05), writer.handle)
    stop = asyncio.Event()
    async with ChargingBook(system, EntityWriter(outlet), ChargingSettings()).running() as book:
        central = CentralSystem(intake, book, Door(doorkeeper, registry, "fukui", given), given)
        await central.start()
        showing = Showing(system, EntityWriter(outlet), book.token).run(stop, 0.1)
        works = (intake.run(stop), StationCourier(central, system).run(stop), consumption.run(stop), showing)
        keepers = [asyncio.create_task(work) for work in works]
        parts = Central(database, central, registry, doorkeeper, log, intake)
        try:
            yield parts
        finally:
            for station in parts.made:
                await station.close()
            await central.stop()
            stop.set()
            await asyncio.wait_for(asyncio.gather(*keepers), PATIENCE)
    await log.close()


@pytest.fixture
async def central(database: CityDatabase) -> AsyncIterator[Central]:
    async with running(database) as parts:
        yield parts
