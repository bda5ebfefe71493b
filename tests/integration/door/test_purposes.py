"""A policy by scopes of entities and by the purpose that a caller states: at every way in and out that data have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.door.conftest import Browser
from tests.integration.door.test_areas import QUERY, SINCE, TEMPORAL, WATER, Divided, divided_by
from tests.integration.gateway.conftest import City
from tests.integration.gateway.test_entities import ENTITIES, UPSERT, gauge
from tests.integration.gateway.test_personal import Told, subscribe

NAMES = {number: gauge(number)["id"] for number in (1, 2, 3)}
RESEARCH = {"CityOS-Purpose": "research"}
WRITE = {**WATER, "actions": ["write"]}
RULES = [
    {"name": "all", "explanation": "staff see all", "allow": True, "scopes": ["flood:staff"], **WATER},
    {"name": "open", "explanation": "公開分", "allow": True, "entity_scopes": ["/Fukui/Open/#"], **WATER},
    {"name": "study", "explanation": "研究用", "allow": True, "entity_scopes": ["/Fukui/+"], "purposes": ["research"],
     **WATER},
    {"name": "rest", "explanation": "the rest is on trial", "allow": False, **WATER},
    {"name": "desk", "explanation": "staff mend", "allow": True, "scopes": ["flood:staff"], **WRITE},
    {"name": "trial", "explanation": "試験の担当", "allow": True, "entity_scopes": ["/Fukui/Trial"],
     "purposes": ["research"], "scopes": ["entities:write"], **WRITE},
    {"name": "no-more", "explanation": "gauges speak for themselves", "allow": False, **WRITE},
]  # fmt: skip
CASES = [
    {"name": "公開分", "action": "read", "type": "WaterObserved", "scope": "/Fukui/Open", "allowed": True},
    {"name": "目的なし", "action": "read", "type": "WaterObserved", "scope": "/Fukui/Trial", "allowed": False},
    {"name": "研究", "action": "read", "type": "WaterObserved", "scope": "/Fukui/Trial", "purpose": "research",
     "allowed": True, "rule": "study"},
]  # fmt: skip


def scoped(number: int, scope: str | list[str], level: float = 1.0, **more: Any) -> dict[str, Any]:
    return gauge(number, level, scope=scope, **more)


@pytest.fixture
async def divided(city: City, browser: Browser, writer: httpx.AsyncClient) -> AsyncIterator[Divided]:
    """A city of which strangers see the scope /Fukui/Open and, for research, those right below /Fukui."""
    entities = [scoped(1, ["/Sakai", "/Fukui/Open/River"]), scoped(2, "/Fukui/Trial"), gauge(3)]
    policy = {"rules": RULES, "purposes": {"research": "大学の研究"}, "cases": CASES}
    async with divided_by(city, browser, writer, entities, policy) as found:
        yield found


async def test_queries_and_files_give_what_scope_and_purpose_allow(divided: Divided) -> None:
    for path in (
        QUERY,
        f"{QUERY}&count=true",
        f"{ENTITIES}?q=waterLevel",
        f"{QUERY}&scopeQ=/Fukui/%23,/Sakai",
        f"{QUERY}&orderBy=waterLevel",
        f"{TEMPORAL}?type=WaterObserved&{SINCE}",
        "/v2/entities?type=WaterObserved",
    ):
        for stated, expected in ("", [NAMES[1]]), ("research", [NAMES[1], NAMES[2]]), ("idle", [NAMES[1]]):
            answer = await divided.stranger.get(path, headers={"CityOS-Purpose": stated})
            assert sorted(entity["id"] for entity in answer.json()) == expected, (path, stated, answer.text)
            assert answer.headers.get("ngsild-results-count", str(len(expected))) == str(len(expected))
    assert len((await divided.chief.get(QUERY)).json()) == 3, "staff see all"
    for headers, seen in ({}, False), (RESEARCH, True):
        table = await divided.stranger.get("/api/v1/catalogue/WaterObserved/download", headers=headers)
        assert (NAMES[1] in table.text, NAMES[2] in table.text, NAMES[3] in table.text) == (True, seen, False)


async def test_one_of_another_scope_is_refused_and_it_is_said_why(divided: Divided) -> None:
    for path in (f"{ENTITIES}/{{}}", f"{TEMPORAL}/{{}}?{SINCE}", "/v2/entities/{}"):
        statuses = [
            (await divided.stranger.get(path.format(NAMES[number]), headers=headers)).status_code
            for number in (1, 2, 3)
            for headers in ({}, RESEARCH)
        ]
        assert statuses == [200, 200, 401, 200, 401, 401], path
    refused = await divided.stranger.get(f"{ENTITIES}/{NAMES[2]}")
    assert "the rest is on trial (rule rest of policy fukui.1)" in refused.json()["detail"]


async def test_a_write_is_judged_by_the_scope_before_and_after_and_by_its_purpose(divided: Divided) -> None:
    async def written(number: int, scope: str, **headers: str) -> int:
        body = [scoped(number, scope, 2.0, at="2024-07-01T00:00:00Z")]
        return (await divided.writer.post(UPSERT, json=body, headers=headers)).status_code

    assert await written(2, "/Fukui/Trial") == 403
    assert await written(2, "/Fukui/Trial", **RESEARCH) == 204
    assert await written(2, "/Fukui/Open", **RESEARCH) == 403, "nothing is carried out of the scope"
    assert await written(1, "/Fukui/Trial", **RESEARCH) == 403, "nor into it"
    gone = await divided.writer.delete(f"{ENTITIES}/{NAMES[3]}", headers=RESEARCH)
    assert (gone.status_code, "gauges speak for themselves" in gone.text) == (403, True)


async def test_the_audit_trail_tells_who_stated_a_purpose_that_opens_something(divided: Divided) -> None:
    body = [scoped(2, "/Fukui/Trial", 2.0, at="2024-07-01T00:00:00Z")]
    assert (await divided.writer.post(UPSERT, json=body, headers=RESEARCH)).status_code == 204
    token = await divided.city.token("opendata:read")
    async with divided.city.client() as app:
        app.headers["Authorization"] = f"Bearer {token}"
        for purpose in ("research", "statistics"):
            assert (await app.get(QUERY, headers={"CityOS-Purpose": purpose})).status_code == 200
    lines = (await divided.chief.get("/api/v1/audit")).json()["lines"]
    assert "research" in {line["purpose"] for line in lines if line["action"] == "entities.post"}
    assert [(line["object"], line["purpose"]) for line in lines if line["action"] == "purpose.state"] == [
        (ENTITIES, "research"),
        (UPSERT, "research"),
    ]


async def test_subscriptions_tell_what_their_owner_saw_the_purpose_for(divided: Divided) -> None:
    token = await divided.city.token("subscriptions:write")
    async with divided.city.client() as app:
        app.headers["Authorization"] = f"Bearer {token}"
        assert (await subscribe(app, "WaterObserved")).status_code == 201
        told = Told(divided.city)
        await told.entities()
        await change(divided, 2, "/Fukui/Trial", "2024-07-01T00:00:00Z")
        assert await told.entities() == [], "no purpose was stated"
        assert (await subscribe(app, "WaterObserved", **RESEARCH)).status_code == 201
        await change(divided, 2, "/Fukui/Trial", "2024-07-01T00:10:00Z")
        assert await told.entities() == [NAMES[2]]
        await change(divided, 2, "/Fukui/Trial/Inner", "2024-07-01T00:20:00Z")
        assert await told.entities() == [], "it lies in another scope now"
        await change(divided, 1, "/Fukui/Open", "2024-07-01T00:00:00Z")
        assert await told.entities() == [NAMES[1]] * 2


async def change(divided: Divided, number: int, scope: str, at: str) -> None:
    """As staff, who may write anywhere."""
    written = await divided.chief.post(UPSERT, json=[scoped(number, scope, 2.0, at=at)])
    assert written.status_code == 204, written.text


async def test_events_are_of_the_scope_and_tell_nothing_of_before(divided: Divided, base_url: str) -> None:
    told: list[dict[str, Any]] = []
    async with (
        httpx.AsyncClient(base_url=base_url, timeout=30) as client,
        client.stream("GET", "/api/v1/events?types=WaterObserved", headers=RESEARCH) as stream,
    ):
        assert stream.status_code == 200
        lines = stream.aiter_lines()
        async for line in lines:
            if line.startswith(": connected"):
                break
        await change(divided, 2, "/Sakai", "2024-07-01T00:00:00Z")
        await change(divided, 2, "/Fukui/Open", "2024-07-01T00:10:00Z")
        async for line in lines:
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
                break
    assert [change["attributes"].get("scope") for change in told] == ["/Fukui/Open"]
    assert "/Sakai" not in json.dumps(told), "what it was before is of another scope"
