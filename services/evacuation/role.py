"""The role `evacuation`: proposals from changed stages, escalation of those nobody answers, old images forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from broker.consume import Consumption, Subscription
from broker.errors import CityError
from broker.ports import CHANGES, Database, Log
from schemas.clock import Clock, utc_now
from schemas.river import Mode
from services.evacuation import cameras
from services.evacuation.settings import EvacuationSettings
from services.evacuation.shelters import safety
from services.evacuation.watching import Escalation, Proposer

GROUP = "evacuation"
_FORGET_EVERY_S = 600.0
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
        tasks.create_task(_again("unanswered proposals wait", escalation.look, settings.look_every_s, stop))
        forget = partial(forget_old, database, settings, clock)
        tasks.create_task(_again("what is old stays", forget, _FORGET_EVERY_S, stop))


async def forget_old(database: Database, settings: EvacuationSettings, clock: Clock) -> None:
    """Cameras' images and words of safety that are past their time, of every city."""
    async with database.transaction() as tx:
        await cameras.purge(tx, clock() - timedelta(hours=settings.stills_kept_h))
        await safety.purge(tx, clock() - timedelta(days=settings.safety_kept_days))


async def _again(
    without: str, act: Callable[[], Coroutine[Any, Any, object]], every: float, stop: asyncio.Event
) -> None:
    """Do it until `stop`. A round that fails is logged (`without` it) and made up for in the next."""
    while not stop.is_set():
        try:
            await act()
        except CityError as error:
            _log.warning("%s: %s", without, error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
