"""The role `evacuation`: proposals from changed stages, what nobody answers told again, old images forgotten."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial

from broker.consume import Consumption, Subscription
from broker.ports import CHANGES, Database, Log
from broker.waiting import Parts, again
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
    escalation = Escalation(database, settings, mode, by_data=by_data, clock=clock)
    async with Parts() as tasks:
        tasks.add(consumption.run(stop))
        forget = partial(forget_old, database, settings, clock)
        for work, every, otherwise in (
            (escalation.look, settings.look_every_s, "what nobody answered waits"),
            (forget, _FORGET_EVERY_S, "what is old stays"),
        ):
            tasks.add(again(work, stop=stop, every=every, log=_log, otherwise=otherwise))


async def forget_old(database: Database, settings: EvacuationSettings, clock: Clock) -> None:
    """Cameras' images and words of safety that are past their time, of every city."""
    async with database.transaction() as tx:
        await cameras.purge(tx, clock() - timedelta(hours=settings.stills_kept_h))
        await safety.purge(tx, clock() - timedelta(days=settings.safety_kept_days))
