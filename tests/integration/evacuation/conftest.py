"""A city with two districts and their gauges, officers logged in, and the proposer fed with real changes."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_gateway.app import create_app
from api_gateway.shared import SharedAnswers
from broker.entities.merge import EntityUpdate
from broker.store.entities import EntityWriter
from schemas.clock import Clock, iso, utc_now
from schemas.river import Mode
from services.alerting.reading import FloodReading, StoredRules
from services.alerting.rulebook import load_rules
from services.evacuation.desk import EvacuationDesk
from services.evacuation.settings import EvacuationSettings
from services.evacuation.shelters.safety import SafetyHolding
from services.evacuation.watching import Proposer
from tests.integration.alerting.bench import EBA, START, Flood
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import SETTINGS, City, city

__all__ = ["city"]
PREFIX = "/api/v1/evacuation"


def district(name: str, west: float, **properties: Any) -> dict[str, Any]:
    """A square of a hundredth of a degree."""
    ring = [[west, 35.9], [west + 0.01, 35.9], [west + 0.01, 35.91], [west, 35.91], [west, 35.9]]
    known = {
        "id": name,
        "name": f"{name}地区",
        "nameEn": name.title(),
        "households": 120,
        "people": 300,
        "needHelp": 12,
    }
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {**known, **properties}, "geometry": geometry}


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


class Night:
    """The desk's city, its flood, and officers who speak to it over HTTP."""

    def __init__(self, city: City, mode: Mode, *, clock: Clock = utc_now, **settings: Any) -> None:
        self.mode = mode
        self.settings = EvacuationSettings(**settings)
        writer = EntityWriter(city.services.outlet)
        desk = EvacuationDesk(self.settings, mode, writer, public_url=SETTINGS.public_url, clock=clock)
        flood = FloodReading(public_url=SETTINGS.public_url)
        services = dataclasses.replace(
            city.services,
            evacuation=desk,
            flood=flood,
            rules=StoredRules(load_rules("")),
            holdings=[SafetyHolding()],
            chargers=True,
            metrics=type(city.services.metrics)(),
        )
        self.city = dataclasses.replace(city, app=create_app(services), services=services)
        # Nothing is kept for a second: tests ask again at once.
        self.city.app.state.shared = SharedAnswers(0.0)
        self.flood = Flood(city.database)
        self.proposer = Proposer(mode, by_data=True)
        self._open: list[httpx.AsyncClient] = []

    async def officer(self, *roles: str) -> httpx.AsyncClient:
        """Somebody at the desk, logged in with both factors."""
        client = self.city.client()
        self._open.append(client)
        token = await Browser(self.city, client).staff(*(roles or ("evacuation-officer",)))
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    async def anybody(self) -> httpx.AsyncClient:
        client = self.city.client()
        self._open.append(client)
        return client

    async def rise(self, *rows: tuple[float, float]) -> None:
        """Readings of 江波 through the writer, the alerting rules and the proposer."""
        await self.flood.feed(*rows)
        async with self.city.database.system.transaction() as tx:
            await self.proposer.handle(tx, self.flood.output.take())

    async def hear(self, entity: str, kind: str, values: dict[str, Any], minutes: float = 0) -> None:
        """What a source other than a gauge says, through the writer and the proposer."""
        at = iso(START + timedelta(minutes=minutes))
        attributes = {name: {"type": "Property", "value": value, "observedAt": at} for name, value in values.items()}
        async with self.city.database.system.transaction() as tx:
            await self.flood.writer.write(tx, "fukui", [EntityUpdate(entity, (kind,), attributes)], at=self.flood.now)
            await self.proposer.handle(tx, self.flood.stream.take())

    async def close(self) -> None:
        for client in self._open:
            await client.aclose()


@pytest.fixture
async def night(city: City) -> AsyncIterator[Night]:
    """江波 and 原目, neighbours; both are served by the gauge 江波. Nothing issued is an exercise."""
    night = Night(city, Mode.ACTUAL)
    await night.flood.gauge()
    yield night
    await night.close()


@pytest.fixture
async def officer(night: Night) -> httpx.AsyncClient:
    """An officer who has loaded the districts."""
    client = await night.officer()
    await load(client)
    return client


async def load(client: httpx.AsyncClient) -> None:
    body = collection(district("eba", 136.0, gauges=["124"]), district("harame", 136.01, gauges=[EBA]))
    answer = await client.put(f"{PREFIX}/districts", json=body)
    assert answer.status_code == 200, answer.text


async def seen(client: httpx.AsyncClient, *names: str) -> dict[str, int]:
    """The districts' revisions as the desk shows them."""
    found = (await client.get(f"{PREFIX}/desk")).json()["districts"]
    return {one["id"]: one["standing"]["revision"] for one in found if one["id"] in names}


async def wish(client: httpx.AsyncClient, kind: str, *names: str, **more: Any) -> dict[str, Any]:
    """A wish as the page would send it."""
    known = {"id": uuid.uuid4().hex, "kind": kind, "reason": "江波の水位が上がり続けている"}
    return {**known, "seen": await seen(client, *names), **more}
