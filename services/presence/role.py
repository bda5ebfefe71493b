"""The role `presence`: follows detections, tells families, and does what the clock brings."""

from __future__ import annotations

import asyncio
import logging

from broker.consent.gate import Gate
from broker.consume import Consumption, Subscription
from broker.errors import CityError
from broker.ports import OBSERVATIONS, Database, Log, Outlet
from broker.store.entities import EntityWriter
from broker.veil import Veil
from broker.waiting import Parts, again, rounds
from schemas.clock import Clock, utc_now
from services.presence.keeping import Keeper
from services.presence.settings import TagsSettings
from services.presence.telling import Teller
from services.presence.watching import Presence

GROUP = "presence"
_SLOWLY, _SOON = 60.0, 1.0
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
    # Before anything is heard: a batch under way would still know a tag by its former name.
    async for _ in rounds(stop=stop, every=_SOON):
        try:
            await keeper.key()
            break
        except CityError as error:
            _log.warning("watch tags wait: %s", error)
    async with Parts() as tasks:
        tasks.add(consumption.run(stop))
        for work, every in (
            (keeper.look, settings.look_every_s),
            (keeper.key, _SLOWLY),
            (keeper.name, _SLOWLY),
            (keeper.publish, _SLOWLY),
            (keeper.forget, _SLOWLY),
        ):
            tasks.add(again(work, stop=stop, every=every, log=_log, otherwise="watch tags wait"))
