"""The role `relay`: from the outbox to a log outside the database."""

from __future__ import annotations

import asyncio

from broker.log.outbox import relay
from cityos.settings import Settings
from cityos.wiring import open_parts


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Relay until `stop`. One at a time works, the others stand by."""
    async with open_parts(settings) as parts:
        await relay(parts.database, parts.log, stop)
