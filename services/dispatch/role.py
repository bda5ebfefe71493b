"""The role `dispatch`: improves plans within every promise, follows buses and rivers, and has riders told."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx

from broker.consume import Consumption, Subscription
from broker.ports import CHANGES, Database, Log, Outlet
from broker.waiting import Parts, again
from schemas.clock import Clock, utc_now
from services.dispatch import store
from services.dispatch.crew import Crew
from services.dispatch.days import Days
from services.dispatch.desk import BookingDesk
from services.dispatch.routers import Osrm, Valhalla
from services.dispatch.settings import DispatchSettings, speeds_by_hour
from services.dispatch.telling import Teller
from services.dispatch.travel import MatrixFile, StraightLine, TravelTimes
from services.dispatch.watching import ChangeWatcher

GROUP = "dispatch"
_log = logging.getLogger(__name__)


def travel_times(settings: DispatchSettings, client: httpx.AsyncClient) -> TravelTimes:
    """The drivers that the settings name: Valhalla before OSRM before the file before the straight line."""
    found: TravelTimes = StraightLine(settings.speed, settings.detour, speeds_by_hour(settings.speeds))
    if settings.matrix:
        found = MatrixFile(Path(settings.matrix), found)
    if settings.osrm:
        found = Osrm(client, settings.osrm, settings.osrm_timeout_s, found, settings)
    if settings.valhalla:
        found = Valhalla(client, settings.valhalla, settings.valhalla_timeout_s, found, settings)
    return found


async def run(
    log: Log,
    database: Database,
    outlet: Outlet,
    settings: DispatchSettings,
    stop: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Work until `stop` is set. `database` is the system's: it sees every tenant's days."""
    async with httpx.AsyncClient() as client:
        travel = travel_times(settings, client)
        days = Days(travel, settings, clock)
        desk, crew = BookingDesk(database, travel, settings, clock), Crew(database, days, outlet)
        keeper = Keeper(database, days, desk, Teller(database, days, crew))
        watcher = ChangeWatcher(database, days, desk, crew)
        consumption = Consumption(log, database, Subscription(CHANGES, GROUP), watcher.handle)
        async with Parts() as tasks:
            for work, every in ((keeper.improve, settings.improve_every_s), (keeper.tell, settings.tell_every_s)):
                round_ = partial(work, stop)
                tasks.add(again(round_, stop=stop, every=every, log=_log, otherwise="the buses' plans wait"))
            tasks.add(consumption.run(stop))


class Keeper:
    """What is done by the clock, for each tenant's days."""

    def __init__(self, database: Database, days: Days, desk: BookingDesk, teller: Teller) -> None:
        self._database, self._days, self._desk, self._teller = database, days, desk, teller

    async def improve(self, stop: asyncio.Event) -> None:
        """Each day of each tenant once."""
        today = self._days.today()
        async with self._database.transaction() as tx:
            last = today + timedelta(days=self._days.settings.days_ahead - 1)
            days = await store.days_to_improve(tx, today, last)
        for tenant, day in days:
            if stop.is_set():
                return
            anew = await self._desk.settle(tenant, day) if day == today else None
            if anew is not None:
                _log.warning("%s of %s is planned anew: broken %d, moved %d", day, tenant, len(anew.broken),
                             len(anew.moved))  # fmt: skip
            saved = await self._desk.improve(tenant, day)
            if saved > 0:
                _log.info("the plan of %s for %s is %.1f minutes shorter", tenant, day, saved)

    async def tell(self, stop: asyncio.Event) -> None:
        """Look at each tenant's today, then send what there is to send."""
        today = self._days.today()
        async with self._database.transaction() as tx:
            days = await store.days_to_improve(tx, today, today)
        for tenant, day in days:
            if stop.is_set():
                return
            await self._teller.look(tenant, day)
        await self._teller.send()
