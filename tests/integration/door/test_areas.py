"""A policy that lets somebody read what lies in one part of the city: at every way out that data have."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from access.defaults import DEFAULT_POLICY
from access.policy_file import plain
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City
from tests.integration.gateway.test_entities import ENTITIES, UPSERT, gauge
from tests.integration.gateway.test_personal import Told, subscribe

NORTH = {"type": "Polygon", "coordinates": [[[136, 36], [137, 36], [137, 37], [136, 37], [136, 36]]]}
HERE, THERE = [136.5, 36.5], [136.5, 35.5]
NAMES = {1: "urn:ngsi-ld:WaterObserved:fukui-1", 2: "urn:ngsi-ld:WaterObserved:fukui-2"}
QUERY = f"{ENTITIES}?type=WaterObserved"
WATER = {"actions": ["read"], "types": ["WaterObserved"]}
RULES = [
    {"name": "all", "explanation": "staff see all", "allow": True, "scopes": ["flood:staff"], **WATER},
    {"name": "north", "explanation": "the north is open", "allow": True, "areas": ["北地区"], **WATER},
    {"name": "elsewhere", "explanation": "elsewhere gauges are on trial", "allow": False, **WATER},
]
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
SINCE = "timerel=after&timeAt=2024-01-01T00:00:00Z"


def placed(number: int, position: list[float], level: float = 1.0, **more: Any) -> dict[str, Any]:
    return gauge(number, level, location={"type": "Point", "coordinates": position}, **more)


@dataclass(frozen=True)
class Divided:
    """A city of which strangers see a part."""

    city: City
    chief: httpx.AsyncClient
    writer: httpx.AsyncClient
    stranger: httpx.AsyncClient

    async def sees(self, path: str = QUERY) -> list[str]:
        """The ids that a stranger is given."""
        answer = await self.stranger.get(path)
        assert answer.status_code == 200, answer.text
        return sorted(entity["id"] for entity in answer.json())


@asynccontextmanager
async def divided_by(
    city: City, browser: Browser, writer: httpx.AsyncClient, entities: list[dict[str, Any]], policy: dict[str, Any]
) -> AsyncIterator[Divided]:
    """The city with three `entities` once the `policy`, before the default rules, keeps strangers from some."""
    following = asyncio.create_task(city.app.state.policies.follow())
    async with city.client() as chief, city.client() as stranger:
        chief.headers["Authorization"] = f"Bearer {await browser.staff('administrator')}"
        await writer.post(UPSERT, json=entities)
        body = {**policy, "rules": [*policy["rules"], *plain(DEFAULT_POLICY)["rules"]], "why": "試験運用"}
        made = await chief.post("/api/v1/policies", json=body)
        assert (made.status_code, made.json()["failures"]) == (201, []), made.text
        assert (await chief.post("/api/v1/policies/1/activation", json={"why": "x"})).status_code == 200
        found = Divided(city, chief, writer, stranger)
        deadline = time.monotonic() + 30
        while len(await found.sees()) == 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        yield found
    following.cancel()


@pytest.fixture
async def divided(city: City, browser: Browser, writer: httpx.AsyncClient) -> AsyncIterator[Divided]:
    cases = [
        {"name": "北地区は見える", "action": "read", "type": "WaterObserved", "allowed": True,
         "location": {"type": "Point", "coordinates": HERE}, "rule": "north"},
        {"name": "ほかは見えない", "action": "read", "type": "WaterObserved", "allowed": False},
    ]  # fmt: skip
    policy = {"rules": RULES, "areas": {"北地区": NORTH}, "cases": cases}
    async with divided_by(city, browser, writer, [placed(1, HERE), placed(2, THERE), gauge(3)], policy) as found:
        yield found


async def test_queries_find_nothing_elsewhere(divided: Divided) -> None:
    for path in (
        QUERY,
        f"{QUERY}&count=true",
        f"{ENTITIES}?q=waterLevel",
        f"{QUERY}&georel=within&geometry=Polygon&coordinates=[[[130,30],[140,30],[140,40],[130,40],[130,30]]]",
        f"{QUERY}&orderBy=waterLevel",
        f"{TEMPORAL}?type=WaterObserved&{SINCE}",
        "/v2/entities?type=WaterObserved",
    ):
        answer = await divided.stranger.get(path)
        assert [entity["id"] for entity in answer.json()] == [NAMES[1]], path
        assert answer.headers.get("ngsild-results-count", "1") == "1"
    assert len((await divided.chief.get(QUERY)).json()) == 3, "staff see all"
    table = await divided.stranger.get("/api/v1/catalogue/WaterObserved/download")
    assert (NAMES[1] in table.text, NAMES[2] in table.text) == (True, False)


async def test_what_lies_elsewhere_is_refused_and_it_is_said_why(divided: Divided) -> None:
    for path in (f"{ENTITIES}/{{}}", f"{TEMPORAL}/{{}}?{SINCE}", "/v2/entities/{}"):
        assert (await divided.stranger.get(path.format(NAMES[1]))).status_code == 200, path
        refused = await divided.stranger.get(path.format(NAMES[2]))
        assert refused.status_code == 401, path
        assert "elsewhere gauges are on trial" in refused.text
    nowhere = await divided.stranger.get(f"{ENTITIES}/urn:ngsi-ld:WaterObserved:fukui-3")
    assert nowhere.status_code == 401, "what has no place lies in no area"
    listed = await divided.stranger.get("/ngsi-ld/v1/types")
    assert "WaterObserved" not in listed.json()["typeList"], "a route that cannot tell places apart gives nothing"


async def test_an_entity_is_judged_where_it_is_now(divided: Divided) -> None:
    await divided.writer.post(UPSERT, json=[placed(1, THERE, at="2024-07-01T00:00:00Z")])
    await divided.writer.post(UPSERT, json=[placed(2, HERE, at="2024-07-01T00:00:00Z")])
    assert await divided.sees() == [NAMES[2]]


async def test_a_shape_that_only_reaches_into_the_area_is_not_in_it(divided: Divided) -> None:
    ring = [[136.2, 35.8], [136.3, 35.8], [136.3, 36.2], [136.2, 36.2], [136.2, 35.8]]
    across = gauge(1, location={"type": "Polygon", "coordinates": [ring]})
    await divided.writer.post(UPSERT, json=[across])
    assert await divided.sees() == []


async def test_events_come_from_the_area_alone_and_tell_nothing_of_before(divided: Divided, base_url: str) -> None:
    told: list[dict[str, Any]] = []
    async with (
        httpx.AsyncClient(base_url=base_url, timeout=30) as client,
        client.stream("GET", "/api/v1/events?types=WaterObserved") as stream,
    ):
        if stream.status_code != 200:
            await stream.aread()
        assert stream.status_code == 200, stream.text
        lines = stream.aiter_lines()
        async for line in lines:
            if line.startswith(": connected"):
                break
        await divided.writer.post(UPSERT, json=[placed(2, THERE, 2.0, at="2024-07-01T00:00:00Z")])
        await divided.writer.post(UPSERT, json=[placed(2, HERE, 3.0, at="2024-07-01T00:10:00Z")])
        await divided.writer.post(UPSERT, json=[placed(1, HERE, 4.0, at="2024-07-01T00:00:00Z")])
        async for line in lines:
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
            if len(told) == 2:
                break
    levels = [change["attributes"]["waterLevel"]["value"] for change in told]
    assert sorted(levels) == [3.0, 4.0]
    assert "35.5" not in json.dumps(next(change for change in told if change["entity"] == NAMES[2]))


async def test_subscriptions_tell_of_the_area_alone(divided: Divided) -> None:
    token = await divided.city.token("subscriptions:write")
    async with divided.city.client() as app:
        made = await subscribe(app, "WaterObserved", Authorization=f"Bearer {token}")
        assert made.status_code == 201, made.text
    told = Told(divided.city)
    await told.entities()
    await divided.writer.post(UPSERT, json=[placed(2, THERE, 2.0, at="2024-07-01T00:00:00Z")])
    assert await told.entities() == []
    await divided.writer.post(UPSERT, json=[placed(1, HERE, 2.0, at="2024-07-01T00:00:00Z")])
    assert await told.entities() == [NAMES[1]]


async def test_a_district_is_an_area_by_its_name(divided: Divided) -> None:
    body = {"rules": plain(DEFAULT_POLICY)["rules"], "areas": {"a": {"district": "1-1"}}, "why": "x"}
    unknown = await divided.chief.post("/api/v1/policies", json=body)
    assert (unknown.status_code, unknown.json()["field"]) == (400, "areas")
    async with divided.city.database.app.transaction("fukui") as tx:
        await tx.execute(
            "insert into district (tenant_id, id, position, gauges, body)"
            " values (current_setting('cityos.tenant_id')::int, '1-1', 1, '{}', $1::text::jsonb)",
            json.dumps({"polygon": NORTH}),
        )
    made = await divided.chief.post("/api/v1/policies", json=body)
    assert made.status_code == 201, made.text
    kept = (await divided.chief.get(f"/api/v1/policies/{made.json()['version']}")).json()
    assert kept["areas"] == {"a": NORTH}
