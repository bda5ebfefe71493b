"""The role `evacuation`: proposals for districts, and escalation of those that nobody answers."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import evacuation_mode, open_parts
from services.evacuation import role


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Propose until `stop`."""
    async with open_parts(settings) as parts:
        by_data = settings.alerting.clock == "data"
        mode = evacuation_mode(settings)
        await role.run(parts.log, parts.database, settings.evacuation, mode, stop, by_data=by_data)
