"""The role `points`: keeps the points' books by the clock, and rewards what the log tells of."""

from __future__ import annotations

import asyncio

from broker.consume import Consumption, Subscription
from broker.ports import CHANGES
from broker.waiting import Parts
from cityos.settings import Settings
from cityos.wiring import open_parts
from services.points.hearing import GROUP, Ears
from services.points.keeping import Keeper
from services.points.ledger import Ledger
from services.points.town import Town


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """End reservations, expire points, seal the journal, close each day, reward rides and charging, take fares, until
    told to stop."""
    async with open_parts(settings) as parts, Ledger(parts.database, settings.points).running() as ledger:
        ears = Ears(Town(parts.database, ledger, fare_shop=settings.points.fare_shop))
        consumption = Consumption(parts.log, parts.database, Subscription(CHANGES, GROUP), ears.handle)
        async with Parts() as tasks:
            tasks.add(Keeper(parts.database, ledger, settings.points).run(stop))
            tasks.add(consumption.run(stop))
