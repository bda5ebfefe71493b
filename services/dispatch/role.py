"""The role `dispatch`: goes on improving the days' plans, within every promise."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx

from broker.errors import CityError
from broker.ports import Database
from schemas.clock import JST, Clock, utc_now
from services.dispatch import store
from services.dispatch.desk import BookingDesk
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import MatrixFile, Osrm, StraightLine, TravelTimes

_log = logging.getLogger(__name__)


def travel_times(settings: DispatchSettings, client: httpx.AsyncClient) -> TravelTimes:
    """The drivers that the settings name: OSRM before the file before the straight line."""
    found: TravelTimes = StraightLine(settings.speed, settings.detour)
    if settings.matrix:
        found = MatrixFile(Path(settings.matrix), found)
    return Osrm(client, settings.osrm, settings.osrm_timeout_s, found) if settings.osrm else found


async def run(database: Database, settings: DispatchSettings, stop: asyncio.Event, clock: Clock = utc_now) -> None:
    """Improve until `stop` is set. `database` is the system's: it sees every tenant's days."""
    async with httpx.AsyncClient() as client:
        desk = BookingDesk(database, travel_times(settings, client), settings, clock)
        while not stop.is_set():
            await _round(database, desk, settings, stop, clock)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), settings.improve_every_s)


async def _round(
    database: Database, desk: BookingDesk, settings: DispatchSettings, stop: asyncio.Event, clock: Clock
) -> None:
    """Each day of each tenant once. One that fails is logged and tried again in the next round."""
    today = clock().astimezone(JST).date()
    try:
        async with database.transaction() as tx:
            days = await store.days_to_improve(tx, today, today + timedelta(days=settings.days_ahead - 1))
        for tenant, day in days:
            if stop.is_set():
                return
            saved = await desk.improve(tenant, day)
            if saved > 0:
                _log.info("the plan of %s for %s is %.1f minutes shorter", tenant, day, saved)
    except CityError as error:
        _log.warning("plans are not improved at present: %s", error)
