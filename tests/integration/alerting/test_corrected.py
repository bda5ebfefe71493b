"""A value that a person corrects is judged again, and no machine takes that back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from broker.ports import CHANGES, Record
from schemas.river import Stage
from tests.conftest import CityDatabase
from tests.integration.alerting.bench import EBA, Flood
from tests.integration.gateway.conftest import SETTINGS, City, open_city
from tests.integration.gateway.test_temporal import TEMPORAL


class Officer:
    """Corrects levels through the API, and has the alerting hear of it."""

    def __init__(self, city: City, client: httpx.AsyncClient, flood: Flood) -> None:
        self.city, self.client, self.flood = city, client, flood
        self.read = {0: 0, 1: 0}

    async def levels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.get(f"{TEMPORAL}/{EBA}")).json()["waterLevel"]
        return found

    async def corrects(self, index: int, metres: float) -> None:
        instance = (await self.levels())[index]["instanceId"]
        path = f"{TEMPORAL}/{EBA}/attrs/waterLevel/{instance}"
        answer = await self.client.patch(path, json={"value": metres})
        assert answer.status_code == 204, answer.text
        records: list[Record] = []
        for partition, offset in self.read.items():
            found = await self.city.log.read(CHANGES, partition, offset, limit=100)
            self.read[partition] += len(found)
            records += found
        assert records, "the correction is told"
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


@pytest.fixture
async def officer(database: CityDatabase) -> AsyncIterator[Officer]:
    flood = Flood(database)
    await flood.gauge()
    async with open_city(database, SETTINGS) as city, city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        yield Officer(city, client, flood)


async def stage(flood: Flood) -> str:
    return str((await flood.rows("select rank from gauge_state"))[0]["rank"])


async def test_an_alert_that_stood_on_a_corrected_value_is_withdrawn_for_that_reason(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.3))
    await officer.corrects(1, 0.52)
    assert [kind for kind, _ in await officer.messages()] == ["alert", "cancel"]
    assert (await officer.decisions())[-1] == ("lower", "corrected")
    assert await stage(flood) == str(Stage.BELOW.rank)
    [told] = await flood.rows("select cap from alert_message where kind = 'cancel'")
    assert "観測値が訂正されました" in told["cap"]

    for late in (2.3, 2.2, 2.2, 0.52):
        await flood.feed((10, late))
        assert [one["value"] for one in await officer.levels()] == [0.5, 0.52], (
            "a late copy, and a mended decoder's value"
        )
        assert await officer.now() == 0.52
    assert len(await officer.messages()) == 2
    versions = await flood.rows(
        "select h.number from history h join series s on s.id = h.series_id"
        " where s.attribute = 'waterLevel' and h.at = (select max(at) from history) order by h.version"
    )
    assert [row["number"] for row in versions] == [2.3, 2.2, 0.52, 0.52], "nothing that a gauge said is lost"

    flood.handler = flood.another_handler()
    await flood.feed((20, 0.5))
    assert await stage(flood) == str(Stage.BELOW.rank), "nor does a restart bring it back"
    await officer.corrects(1, 0.6)
    assert [one["value"] for one in await officer.levels()] == [0.5, 0.6, 0.5]


async def test_a_corrected_older_value_undoes_nothing_that_newer_ones_say(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 2.1), (20, 2.3))
    await officer.corrects(1, 0.55)
    assert await stage(flood) == str(Stage.DANGER.rank)
    assert [kind for kind, _ in await officer.messages()] == ["alert"]
    assert await officer.now() == 2.3


async def test_a_correction_says_nothing_of_whether_its_gauge_is_alive(officer: Officer) -> None:
    flood = officer.flood
    await flood.feed((0, 0.5), (10, 0.6))
    await flood.rows("update gauge_state set silent_since = now() returning entity_id")

    async def silent() -> list[bool]:
        return [row["silent"] for row in await flood.rows("select silent_since is not null as silent from gauge_state")]

    await officer.corrects(0, 0.4)
    assert await silent() == [True]
    await flood.feed((20, 0.6))
    assert await silent() == [False]
