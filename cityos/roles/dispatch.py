"""The role `dispatch`: improves the buses' plans in the background."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import open_parts
from services.dispatch import role


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Improve plans until `stop`."""
    async with open_parts(settings) as parts:
        await role.run(parts.database, settings.dispatch, stop)
