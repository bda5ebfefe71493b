"""The role `writer`: from observations to entities, history and accounting, and the store's upkeep."""

from __future__ import annotations

import asyncio

from api_gateway.oauth.upkeep import EXPIRED
from broker.consume import Consumption, Subscription
from broker.ingest.describer import Describer
from broker.ingest.writer import GROUP, ObservationWriter
from broker.log.postgres import PostgresLog
from broker.ports import OBSERVATIONS
from broker.sealing import keep_sealed
from broker.store.devices import DeviceRegistry
from broker.store.entities import EntityWriter
from broker.store.maintenance import Keeper
from broker.waiting import Parts
from cityos.journals import JOURNALS
from cityos.settings import Settings
from cityos.wiring import open_parts
from schemas.clock import utc_now


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Write until `stop`. Several share the log's partitions."""
    async with open_parts(settings) as parts:
        registry = DeviceRegistry(parts.database)
        await registry.refresh()
        writer = ObservationWriter(EntityWriter(parts.outlet), registry, utc_now)
        describer = Describer(parts.database, EntityWriter(parts.outlet), utc_now)
        consumption = Consumption(
            parts.log, parts.database, Subscription(OBSERVATIONS, GROUP), writer.handle, committed=writer.committed
        )
        trims = parts.log if isinstance(parts.log, PostgresLog) else None
        keeper = Keeper(parts.database, settings.keeper, utc_now, log=parts.log, trims=trims, sweeps=EXPIRED)
        async with Parts() as group:
            group.add(registry.keep_fresh(stop))
            group.add(describer.run(stop))
            group.add(consumption.run(stop))
            group.add(keeper.run(stop))
            group.add(keep_sealed(parts.database, JOURNALS, utc_now, stop))
