"""From settings to parts: which driver stands behind which port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.bus_vehicle.routes import ROUTES as BUS_VEHICLE_ROUTES
from adapters.commands.routes import ROUTES as COMMAND_ROUTES
from adapters.dam.routes import ROUTES as DAM_ROUTES
from adapters.ev_charger.routes import ROUTES as EV_CHARGER_ROUTES
from adapters.flood_notice.routes import ROUTES as FLOOD_NOTICE_ROUTES
from adapters.power_meter.routes import ROUTES as POWER_METER_ROUTES
from adapters.rain_gauge.routes import ROUTES as RAIN_GAUGE_ROUTES
from adapters.river_gauge.routes import ROUTES as RIVER_GAUGE_ROUTES
from adapters.watch_tag.routes import ROUTES as WATCH_TAG_ROUTES
from api_gateway.settings import GatewaySettings
from broker.errors import Invalid
from broker.ingest.doorkeeper import MayPublish, anything
from broker.ingest.intake import LogIntake
from broker.ingest.judge import Judge
from broker.ingest.personal import Curtain
from broker.ingest.ports import AdapterRoute
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS, Database, Log, Outlet
from broker.store.devices import DeviceRegistry
from broker.store.postgres import open_database
from broker.veil import Veil, parse_key
from cityos.publishing import Publishing
from cityos.settings import Settings, naming_the_variable
from schemas.river import Mode
from services.alerting.settings import AlertingSettings

_STREAM_POLL_ON_KAFKA = 0.05
_BUILT_PAGES = Path(__file__).resolve().parent.parent / "web" / "dist"

ROUTES: tuple[AdapterRoute, ...] = (
    *RIVER_GAUGE_ROUTES,
    *RAIN_GAUGE_ROUTES,
    *DAM_ROUTES,
    *FLOOD_NOTICE_ROUTES,
    *BUS_VEHICLE_ROUTES,
    *WATCH_TAG_ROUTES,
    *EV_CHARGER_ROUTES,
    *POWER_METER_ROUTES,
    *COMMAND_ROUTES,
)
"""Which adapter takes which topics; a new family adds its routes here."""


class Parts(NamedTuple):
    """The open drivers of one process."""

    database: Database
    log: Log
    outlet: Outlet


def partitions_of(settings: Settings) -> Mapping[str, int]:
    """How many partitions each topic has."""
    return {OBSERVATIONS: settings.log.partitions, CHANGES: settings.log.partitions}


def evacuation_mode(settings: Settings) -> Mode:
    """What evacuation notices are. A replayed flood, or alerts that are an exercise's, never lead to an actual one."""
    played = settings.gateway.mode == "replay" or settings.alerting.clock == "data"
    practised = settings.alerting.mode not in (None, Mode.ACTUAL)
    return (
        Mode.EXERCISE if settings.evacuation.mode is Mode.ACTUAL and (played or practised) else settings.evacuation.mode
    )


def alerting_settings(settings: Settings) -> AlertingSettings:
    """The alerting's settings; a city whose documents have no address of their own has them where its people look."""
    public_url = settings.alerting.public_url or settings.gateway.public_url
    return settings.alerting.model_copy(update={"public_url": public_url})


@asynccontextmanager
async def open_parts(settings: Settings, *, size: int = 6) -> AsyncIterator[Parts]:
    """Open database and log as the system (writer, services)."""
    async with AsyncExitStack() as stack:
        database = await open_database(settings.database.system_url, system=True, size=size)
        stack.push_async_callback(database.close)
        log, outlet = await open_log(settings, database)
        stack.push_async_callback(log.close)
        yield Parts(database, log, outlet)


async def open_log(settings: Settings, database: Database) -> tuple[Log, Outlet]:
    """The log that the settings name, and what puts change events on it in a transaction. Only its driver is loaded."""
    partitions = partitions_of(settings)
    if settings.log.driver == "kafka":
        from broker.log.kafka import KafkaLog
        from broker.log.outbox import OutboxOutlet

        return KafkaLog(partitions=partitions, settings=settings.kafka), OutboxOutlet(partitions)
    return PostgresLog(database, partitions=partitions), PostgresOutlet(partitions)


async def open_registry(database: Database) -> DeviceRegistry:
    """The registry of devices as it stands, with the places of those whose detections carry them."""
    registry = DeviceRegistry(database, frozenset(route.family for route in ROUTES if route.personal))
    await registry.refresh()
    return registry


class Entrance(NamedTuple):
    """What every way in shares; whoever opened it keeps registry and policies fresh."""

    registry: DeviceRegistry
    publishing: Publishing
    intake: LogIntake


async def open_intake(parts: Parts, settings: Settings, *, personal: bool = True) -> Entrance:
    """The registry and the policies as they stand, and the entrance that asks them.

    `personal`: whether what is about persons may come this way; who takes none needs no key to hide it.
    """
    registry = await open_registry(parts.database)
    publishing = Publishing(settings, parts.database, registry)
    await publishing.learn()

    def is_network(tenant: str, device_id: str) -> bool:
        device = registry.find(tenant, device_id)
        return device is not None and device.kind == "network"

    judge = judge_of(registry, settings, publishing.may, personal=personal)
    return Entrance(registry, publishing, LogIntake(parts.log, judge, is_network, settings.intake))


def judge_of(
    registry: DeviceRegistry, settings: Settings, may_publish: MayPublish = anything, *, personal: bool = True
) -> Judge:
    """What decides about messages; those of personal families only where the city runs them."""
    curtain = Curtain(veil_of(settings)) if personal and settings.tags.enabled else None
    return Judge(ROUTES, registry, curtain, may_publish)


def veil_of(settings: Settings) -> Veil:
    """The pseudonyms and seals of watch tags. Raises `Invalid` where there is no key."""
    if settings.tags.key is None:
        raise Invalid("watch tags need CITYOS_TAGS_KEY: 32 random bytes in base64", field="CITYOS_TAGS_KEY")
    with naming_the_variable("tags"):
        return Veil(parse_key(settings.tags.key.get_secret_value()), settings.tags.epoch_days)


def gateway_settings(settings: Settings) -> GatewaySettings:
    """The gateway's settings with what other groups say: the default tenant, the map, and the pages that are built."""
    pages = settings.gateway.web_folder or (_BUILT_PAGES if _BUILT_PAGES.is_dir() else None)
    changes = {"default_tenant": settings.city.tenant, "map": settings.map, "web_folder": pages}
    if settings.log.driver == "kafka":
        # Kafka tells nobody that it has grown: event streams must ask, and often enough for people who watch.
        changes["stream_poll_seconds"] = min(settings.gateway.stream_poll_seconds, _STREAM_POLL_ON_KAFKA)
    return settings.gateway.model_copy(update=changes)
