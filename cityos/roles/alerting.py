"""The role `alerting`: stages, quality and alerts of river gauges."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import alerting_settings, open_parts
from services.alerting import role


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Judge readings until `stop`."""
    async with open_parts(settings) as parts:
        await role.run(parts.log, parts.database, parts.outlet, alerting_settings(settings), stop)
