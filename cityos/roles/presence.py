"""The role `presence`: where the wearers of watch tags are, for their families."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import open_parts, veil_of
from services.presence import role


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Follow detections until `stop`; where the city runs no watch tags, wait for it."""
    if not settings.tags.enabled:
        await stop.wait()
        return
    async with open_parts(settings) as parts:
        veil = veil_of(settings)
        await role.run(parts.log, parts.database, parts.outlet, veil, settings.tags, stop)
