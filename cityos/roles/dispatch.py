"""The role `dispatch`: improves the buses' plans, follows buses and rivers, and has riders told."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import open_parts
from services.dispatch import role


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Keep the buses until `stop`."""
    async with open_parts(settings) as parts:
        await role.run(parts.log, parts.database, parts.outlet, settings.dispatch, stop)
