"""The role `chargers`: the central system for charging stations."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

from adapters.ev_charger.central import CentralSystem
from adapters.ev_charger.courier import StationCourier
from adapters.ev_charger.door import Door
from adapters.mqtt.tls import tls_files
from broker.errors import Unavailable
from broker.ingest.doorkeeper import RegistryDoorkeeper
from broker.ports import Database
from broker.renewal import follow
from broker.store.devices import DeviceRegistry, note_seen
from broker.store.entities import EntityWriter
from broker.waiting import Parts, rounds
from cityos.settings import Settings, naming_the_variable
from cityos.wiring import open_intake, open_parts
from services.charging.balancer import Balancer
from services.charging.book import ChargingBook
from services.charging.showing import Showing

_LOOK_AGAIN = 30.0
_SEEN_EVERY = 60.0


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve stations until `stop`; what was taken is brought to the log and the books before they are answered."""
    async with open_parts(settings) as parts:
        registry, publishing, intake = await open_intake(parts, settings, personal=False)
        doorkeeper = RegistryDoorkeeper(registry, settings.city.tenant)
        door = Door(doorkeeper, registry, settings.city.tenant, settings.chargers)
        async with (
            ChargingBook(parts.database, EntityWriter(parts.outlet), settings.charging).running() as book,
            Parts() as group,
        ):
            central = CentralSystem(intake, book, door, settings.chargers)
            with naming_the_variable("chargers"):
                await central.start()
            group.add(registry.keep_fresh(stop))
            moving = asyncio.Event()
            group.add(intake.run(moving))
            group.add(StationCourier(central, parts.database).run(stop))
            group.add(Balancer(parts.database, settings.charging).run(stop))
            showing = Showing(parts.database, EntityWriter(parts.outlet), book.token)
            group.add(showing.run(stop, settings.charging.balance_s))
            keepers = [
                group.add(follow(tls_files(settings.chargers), central.reload_certificates)),
                group.add(publishing.follow()),
                group.add(_evict(central, registry, doorkeeper)),
                group.add(_note_seen(central, parts.database)),
            ]
            await stop.wait()
            for keeper in keepers:
                keeper.cancel()
            await central.stop()
            moving.set()


async def _evict(central: CentralSystem, registry: DeviceRegistry, doorkeeper: RegistryDoorkeeper) -> None:
    """End live connections as soon as the registry says so, and look again where an old secret's time runs out."""
    async for _ in rounds(registry.changed, every=_LOOK_AGAIN):
        await central.evict(doorkeeper.still)


async def _note_seen(central: CentralSystem, database: Database) -> None:
    """Heartbeats leave no record of their own: once a minute it is noted who was heard since."""
    noted = datetime.min.replace(tzinfo=UTC)
    while True:
        await asyncio.sleep(_SEEN_EVERY)
        heard = {each.name: each.heard_at for each in central.stations() if each.heard_at > noted}
        with contextlib.suppress(Unavailable):
            async with database.transaction() as tx:
                await note_seen(tx, heard)
            noted = max(heard.values(), default=noted)
