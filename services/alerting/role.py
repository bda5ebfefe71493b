"""The role `alerting`: consumes changes, watches for silence, and hears of edited devices."""

from __future__ import annotations

import asyncio

from broker.consume import Consumption, Subscription
from broker.ports import CHANGES, Database, Log, Outlet
from broker.store.entities import EntityWriter
from broker.waiting import Parts
from schemas.clock import Clock, utc_now
from services.alerting.handlers import FloodHandler
from services.alerting.rulebook import Rulebook, load_rules
from services.alerting.settings import AlertingSettings
from services.alerting.watch import SilenceWatch

GROUP = "alerting"


def default_rules(settings: AlertingSettings) -> Rulebook:
    """The rules of tenants that have stored none. Raises `Invalid` naming the path, or OSError without the file."""
    return load_rules(settings.rules.read_text("utf-8") if settings.rules else "")


async def run(
    log: Log,
    database: Database,
    outlet: Outlet,
    settings: AlertingSettings,
    stop: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Run until `stop` is set. `database` is the system's: it sees every tenant."""
    rules = default_rules(settings)
    handler = FloodHandler(EntityWriter(outlet), settings, rules, clock)
    consumption = Consumption(log, database, Subscription(CHANGES, GROUP, settings.batch), handler.handle)
    watch = SilenceWatch(database, EntityWriter(outlet), settings, rules, clock)
    async with Parts() as tasks:
        listener = tasks.add(_listen(database, handler))
        tasks.add(watch.run(stop))
        await consumption.run(stop)
        listener.cancel()


async def _listen(database: Database, handler: FloodHandler) -> None:
    async with database.notices("device") as event:
        while True:
            await event.wait()
            event.clear()
            handler.devices_changed()
