"""The role `points`: keeps the points' books by the clock."""

from __future__ import annotations

import asyncio

from cityos.settings import Settings
from cityos.wiring import open_parts
from services.points.keeping import Keeper
from services.points.ledger import Ledger


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """End reservations, expire points, seal the journal and close each day, until told to stop."""
    async with open_parts(settings) as parts, Ledger(parts.database, settings.points).running() as ledger:
        await Keeper(parts.database, ledger, settings.points).run(stop)
