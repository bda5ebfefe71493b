"""The role `evacuation`: levels some hours ahead, proposals for districts, and telling again what nobody answers."""

from __future__ import annotations

import asyncio

from broker.store.entities import EntityWriter
from broker.waiting import Parts
from cityos.settings import Settings
from cityos.wiring import evacuation_mode, open_parts
from services.evacuation import role
from services.forecast import role as forecasting


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Forecast and propose until `stop`."""
    async with open_parts(settings) as parts, Parts() as tasks:
        by_data = settings.alerting.clock == "data"
        mode = evacuation_mode(settings)
        tasks.add(role.run(parts.log, parts.database, settings.evacuation, mode, stop, by_data=by_data))
        tasks.add(forecasting.run(parts.database, EntityWriter(parts.outlet), settings.forecast, stop))
