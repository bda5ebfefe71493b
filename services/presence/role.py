"""The role `presence`: follows detections, tells families, and does what the clock brings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from broker.consent.gate import Gate
from broker.consume import Consumption, Subscription
from broker.errors import CityError
from broker.ports import OBSERVATIONS, Database, Log, Outlet
from broker.store.entities import EntityWriter
from broker.veil import Veil
from schemas.clock import Clock, utc_now
from services.presence.keeping import Keeper
from services.presence.settings import TagsSettings
from services.presence.telling import Teller
from services.presence.watching import Presence

GROUP = "presence"
_SLOWLY = 60.0
_log = logging.getLogger(__name__)


async def run(
    log: Log,
    database: Database,
    outlet: Outlet,
    veil: Veil,
    settings: TagsSettings,
    stop: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Work until `stop` is set. `database` is the system's: it sees every tenant."""
    teller = Teller(Gate(database), clock)
    keeper = Keeper(database, veil, settings, teller, EntityWriter(outlet), clock)
    presence = Presence(veil, settings, teller, clock)
    consumption = Consumption(log, database, Subscription(OBSERVATIONS, GROUP), presence.handle)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumption.run(stop))
        tasks.create_task(_again(stop, settings.look_every_s, keeper.look))
        for work in (keeper.name, keeper.publish, keeper.forget):
            tasks.create_task(_again(stop, _SLOWLY, work))


async def _again(stop: asyncio.Event, seconds: float, work: Callable[[], Awaitable[int]]) -> None:
    """A round that fails is logged and made up for in the next."""
    while not stop.is_set():
        try:
            await work()
        except CityError as error:
            _log.warning("watch tags wait: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
