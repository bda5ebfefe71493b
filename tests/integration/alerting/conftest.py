"""A person who puts measured levels right, by the city's own API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from broker.ports import CHANGES, Record
from schemas.clock import iso
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import EBA, START, Flood
from tests.integration.gateway.conftest import SETTINGS, City, open_city
from tests.integration.gateway.test_temporal import TEMPORAL


class Officer:
    """Corrects, moves and deletes levels through the API, and has the alerting hear of it."""

    def __init__(self, city: City, client: httpx.AsyncClient, flood: Flood) -> None:
        self.city, self.client, self.flood = city, client, flood
        self.read = {0: 0, 1: 0}

    async def levels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.get(f"{TEMPORAL}/{EBA}")).json()["waterLevel"]
        return found

    async def corrects(self, index: int, metres: float) -> None:
        await self._changes(index, {"value": metres})

    async def moves(self, index: int, minutes: float) -> None:
        await self._changes(index, {"observedAt": iso(START + timedelta(minutes=minutes))})

    async def deletes(self, index: int) -> None:
        answer = await self.client.delete(await self._path(index))
        assert answer.status_code == 204, answer.text
        await self.hears()

    async def _changes(self, index: int, part: dict[str, Any]) -> None:
        answer = await self.client.patch(await self._path(index), json=part)
        assert answer.status_code == 204, answer.text
        await self.hears()

    async def _path(self, index: int) -> str:
        return f"{TEMPORAL}/{EBA}/attrs/waterLevel/{(await self.levels())[index]['instanceId']}"

    async def hears(self) -> None:
        """The alerting takes in what the API has written since."""
        records: list[Record] = []
        for partition, offset in self.read.items():
            found = await self.city.log.read(CHANGES, partition, offset, limit=100)
            self.read[partition] += len(found)
            records += found
        assert records, "what was done is told"
        await self.flood.handle(records)

    async def messages(self) -> list[tuple[str, str]]:
        rows = await self.flood.rows("select kind, headline from alert_message order by sent_at, alert_id, number")
        return [tuple(row.values()) for row in rows]

    async def decisions(self) -> list[tuple[str, str]]:
        rows = await self.flood.rows("select kind, why from decision order by id")
        return [tuple(row.values()) for row in rows]

    async def now(self) -> float:
        entity = await self.flood.entity(EBA)
        assert entity is not None
        return float(entity["waterLevel"]["value"])

    async def last_inputs(self) -> dict[str, Any]:
        [row] = await self.flood.rows("select inputs::text as inputs from decision order by id desc limit 1")
        inputs: dict[str, Any] = msgspec.json.decode(row["inputs"])
        return inputs


@pytest.fixture
async def officer(database: CityDatabase) -> AsyncIterator[Officer]:
    flood = Flood(database)
    await flood.gauge()
    async with open_city(database, SETTINGS) as city, city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        yield Officer(city, client, flood)


async def stage(flood: Flood) -> str:
    return str((await flood.rows("select rank from gauge_state"))[0]["rank"])
