"""The role `gateway`: the open API, the event streams and the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import httpx

from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.keys import open_keys
from api_gateway.serve import listen, serve
from broker.consent.holdings import Holding
from broker.log.wake import channel_of
from broker.ports import CHANGES, Database, Outlet
from broker.store.entities import EntityWriter
from broker.store.postgres import open_database
from cityos.liveness import METRICS_FOLDER
from cityos.metrics_page import scrape_all
from cityos.policy_files import read_policy
from cityos.settings import Settings, naming_the_variable
from cityos.wiring import evacuation_mode, gateway_settings, open_log, veil_of
from schemas.clock import utc_now
from services.alerting.reading import FloodReading, StoredRules, city_now
from services.alerting.role import default_rules
from services.evacuation.desk import EvacuationDesk
from services.evacuation.levels import parse_levels
from services.evacuation.shelters.safety import SafetyHolding
from services.points.ledger import Ledger
from services.points.personal import PointsHolding
from services.points.town import Town
from services.presence.desk import FamilyDesk
from services.presence.personal import TagsHolding
from services.presence.searching import SearchDesk

if TYPE_CHECKING:
    from services.dispatch.service import BusService


def metrics_of(settings: Settings) -> Callable[[], str] | None:
    """The page of all processes where one machine runs them; elsewhere a collector asks each by name."""
    return partial(scrape_all, settings.city.folder / METRICS_FOLDER) if settings.telemetry.metrics_port == 0 else None


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`. Holds only the passwords of two database users: one tenant at a time, and the log's tail."""
    async with AsyncExitStack() as stack:
        silent = settings.gateway.database_seconds
        database = await open_database(settings.database.app_url, size=8, silent_seconds=silent)
        stack.push_async_callback(database.close)
        refusals = await open_database(settings.database.app_url, size=2, silent_seconds=silent)
        stack.push_async_callback(refusals.close)
        tail = await open_database(settings.database.tail_url, system=True, size=2)
        stack.push_async_callback(tail.close)
        log, outlet = await open_log(settings, tail)
        stack.push_async_callback(log.close)
        tags = _tags(settings)
        gateway = Gateway(
            database,
            log,
            outlet,
            await open_keys(database, settings.city.tenant),
            gateway_settings(settings),
            read_policy(settings.gateway.policy_file),
            city_now=city_now,
            flood=FloodReading(public_url=settings.gateway.public_url),
            rules=StoredRules(default_rules(settings.alerting)),
            evacuation=_evacuation(settings, outlet),
            points=await _points(settings, database, stack),
            buses=await _buses(settings, database, refusals, outlet, stack),
            chargers=settings.chargers.enabled,
            tags=tags,
            searches=SearchDesk(tags, veil_of(settings), utc_now) if tags is not None else None,
            refusals=refusals,
            holdings=_holdings(settings, tags),
            appended=partial(tail.notices, channel_of(CHANGES)) if settings.log.driver == "postgres" else None,
            other_metrics=metrics_of(settings),
        )
        with naming_the_variable("gateway"):
            sock = listen(gateway.settings)
        await serve(create_app(gateway), gateway.settings, stop, sock)


def _holdings(settings: Settings, tags: FamilyDesk | None) -> list[Holding]:
    """What the services that the city runs hold of persons."""
    found: list[Holding] = [SafetyHolding()]
    if settings.points.enabled:
        found.append(PointsHolding())
    if settings.dispatch.enabled:
        from services.dispatch.personal import RidesHolding

        found.append(RidesHolding())
    if tags is not None:
        found.append(TagsHolding(tags))
    if settings.chargers.enabled:
        from services.charging.personal import CardsHolding

        found.append(CardsHolding())
    return found


def _tags(settings: Settings) -> FamilyDesk | None:
    """The families' desk where the city runs watch tags."""
    return FamilyDesk(veil_of(settings), settings.tags, utc_now) if settings.tags.enabled else None


def _evacuation(settings: Settings, outlet: Outlet) -> EvacuationDesk:
    """The officers' desk; in a replay its present is the data's."""
    named = settings.evacuation.levels
    return EvacuationDesk(
        settings.evacuation,
        evacuation_mode(settings),
        EntityWriter(outlet),
        levels=parse_levels(named.read_text("utf-8")) if named else None,
        public_url=settings.gateway.public_url,
        present=city_now if settings.gateway.mode == "replay" else None,
    )


async def _points(settings: Settings, database: Database, stack: AsyncExitStack) -> Town | None:
    """The town's points where the city runs them."""
    if not settings.points.enabled:
        return None
    ledger = await stack.enter_async_context(Ledger(database, settings.points).running())
    return Town(database, ledger, fare_shop=settings.points.fare_shop)


async def _buses(
    settings: Settings, database: Database, refusals: Database, outlet: Outlet, stack: AsyncExitStack
) -> BusService | None:
    """The buses where the city runs them. Their engine is compiled and large: nobody else loads it."""
    if not settings.dispatch.enabled:
        return None
    from services.dispatch.role import travel_times
    from services.dispatch.service import BusService

    client = await stack.enter_async_context(httpx.AsyncClient())
    travel = travel_times(settings.dispatch, client)
    return BusService(database, travel, settings.dispatch, outlet, refusals=refusals)
