"""The role `evacuation`: proposals from changed stages, and escalation of those that nobody answers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from broker.consume import Consumption, Subscription
from broker.errors import CityError
from broker.ports import CHANGES, Database, Log
from schemas.clock import Clock, utc_now
from schemas.river import Mode
from services.evacuation.settings import EvacuationSettings
from services.evacuation.watching import Escalation, Proposer

GROUP = "evacuation"
_log = logging.getLogger(__name__)


async def run(
    log: Log,
    database: Database,
    settings: EvacuationSettings,
    mode: Mode,
    stop: asyncio.Event,
    *,
    by_data: bool = False,
    clock: Clock = utc_now,
) -> None:
    """Work until `stop` is set. `database` is the system's: it sees every tenant."""
    proposer = Proposer(mode, by_data=by_data, clock=clock)
    consumption = Consumption(log, database, Subscription(CHANGES, GROUP), proposer.handle)
    escalation = Escalation(database, settings, clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumption.run(stop))
        tasks.create_task(_escalate(escalation, settings.look_every_s, stop))


async def _escalate(escalation: Escalation, every: float, stop: asyncio.Event) -> None:
    """A round that fails is logged and made up for in the next."""
    while not stop.is_set():
        try:
            await escalation.look()
        except CityError as error:
            _log.warning("unanswered proposals wait: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
