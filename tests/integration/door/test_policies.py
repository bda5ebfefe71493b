"""A municipality's own policy: drafted, tested, put in force and rolled back, with who, when and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from access.defaults import DEFAULT_POLICY, ROLES
from access.policy_file import plain
from api_gateway.ngsi_ld.owners import CurrentOwners
from api_gateway.policies.book import PolicyBook
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

TYPES = "/ngsi-ld/v1/entities?type=WaterObserved"
NO_WATER = {
    "name": "no-water-levels",
    "explanation": "water levels are checked first",
    "allow": False,
    "actions": ["read"],
    "types": ["WaterObserved"],
}
CASE = {"name": "strangers do not see levels", "action": "read", "type": "WaterObserved", "allowed": False}


def rules(*first: dict[str, Any]) -> list[dict[str, Any]]:
    return [*first, *plain(DEFAULT_POLICY)["rules"]]


@pytest.fixture
async def chief(city: City, browser: Browser) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's API."""
    token = await browser.staff("administrator")
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        policies = asyncio.create_task(city.app.state.policies.follow())
        yield client
        policies.cancel()


async def draft(chief: httpx.AsyncClient, *first: dict[str, Any], **more: Any) -> int:
    body = {"rules": rules(*first), "why": "議会の決定", **more}
    answer = await chief.post("/api/v1/policies", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["version"])


async def activate(chief: httpx.AsyncClient, version: int, why: str = "大雨のため") -> httpx.Response:
    return await chief.post(f"/api/v1/policies/{version}/activation", json={"why": why})


async def becomes(api: httpx.AsyncClient, status: int) -> httpx.Response:
    """The answer to a stranger once it has that status: an activation is heard within moments."""
    deadline = time.monotonic() + 30
    while (answer := await api.get(TYPES)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)
    return answer


async def test_a_version_comes_into_force_and_is_rolled_back(
    chief: httpx.AsyncClient, api: httpx.AsyncClient, city: City
) -> None:
    assert (await api.get(TYPES)).status_code == 200
    version = await draft(chief, NO_WATER, cases=[CASE])
    assert (await api.get(TYPES)).status_code == 200, "a draft changes nothing"
    assert (await activate(chief, version)).json() == {"version": version}
    refused = await becomes(api, 401)
    assert refused.json()["detail"] == ("water levels are checked first (rule no-water-levels of policy fukui.1)")
    assert (await chief.get("/api/v1/policy")).json()["version"] == "fukui.1"
    neighbour = await api.get(TYPES, headers={"NGSILD-Tenant": "neighbour"})
    assert neighbour.status_code == 200, "another city's policy is its own"
    async with city.client() as other:
        other.headers["Authorization"] = f"Bearer {await city.token('entities:read')}"
        hidden = await other.get(
            "/ngsi-ld/v1/temporal/entities?type=WaterObserved&timerel=after&timeAt=2024-01-01T00:00:00Z"
        )
        assert hidden.status_code == 403, "history answers alike"
        assert (await other.get("/api/v1/policies")).status_code == 403
    assert (await activate(chief, 0, "晴れた")).status_code == 200
    await becomes(api, 200)
    told = (await chief.get("/api/v1/policies")).json()
    assert [(line["version"], line["why"]) for line in told["activations"]] == [(0, "晴れた"), (1, "大雨のため")]
    assert told["activations"][0]["decidedBy"] == told["versions"][0]["madeBy"] != ""
    lines = (await chief.get("/api/v1/audit")).json()["lines"]
    acts = [line["action"] for line in lines if line["action"].startswith("policy.")]
    assert acts == ["policy.activate", "policy.activate", "policy.draft"]


async def test_a_version_whose_cases_do_not_hold_stays_a_draft(
    chief: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    body = {"rules": rules(), "cases": [CASE], "why": "試し"}
    made = (await chief.post("/api/v1/policies", json=body)).json()
    assert made["failures"] == [{"name": CASE["name"], "expected": "refused", "got": "allowed by open-data"}]
    refused = await activate(chief, made["version"])
    assert (refused.status_code, CASE["name"] in refused.json()["detail"]) == (409, True)
    assert (await api.get(TYPES)).status_code == 200
    shown = (await chief.get(f"/api/v1/policies/{made['version']}")).json()
    assert (shown["why"], shown["cases"], len(shown["failures"])) == ("試し", 1, 1)


async def test_nobody_locks_everybody_out(chief: httpx.AsyncClient) -> None:
    body = {"rules": rules()[:5], "why": "うっかり"}
    made = (await chief.post("/api/v1/policies", json=body)).json()
    refused = await activate(chief, made["version"])
    assert (refused.status_code, "take it back" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rules": [{**NO_WATER, "scopes": ["made:up"]}], "why": "x"}, "rules"),
        ({"rules": [NO_WATER, NO_WATER], "why": "x"}, "rules"),
        ({"rules": [{**NO_WATER, "types": ["*"], "allow": True}], "why": "x"}, "rules"),
        ({"rules": [{**NO_WATER, "actions": ["fly"]}], "why": "x"}, "rules"),
        ({"rules": rules(), "cases": [{"name": "x"}], "why": "x"}, "cases"),
        ({"rules": rules({**NO_WATER, "explanation": "\x00"}), "why": "x"}, "rules"),
        ({"rules": rules(), "cases": [{**CASE, "name": "\x00"}], "why": "x"}, "cases"),
        ({"rules": rules(), "why": "  "}, "why"),
        ({"rules": rules()}, "why"),
    ],
)
async def test_bad_drafts_name_the_field(chief: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await chief.post("/api/v1/policies", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


async def test_personal_data_stay_behind_their_gate_whoever_writes_the_policy(chief: httpx.AsyncClient) -> None:
    person = {**NO_WATER, "name": "persons", "types": ["Person"], "allow": True, "scopes": ["entities:read"]}
    answer = await chief.post("/api/v1/policies", json={"rules": rules(person), "why": "x"})
    assert (answer.status_code, "consent gate" in answer.json()["detail"]) == (400, True)


async def test_only_who_may_write_policies_does(city: City, browser: Browser) -> None:
    assert "policies:write" not in ROLES["auditor"]
    headers = {"Authorization": f"Bearer {await browser.staff('auditor')}"}
    async with city.client() as client:
        answer = await client.post("/api/v1/policies", json={"rules": rules(), "why": "x"}, headers=headers)
        assert answer.status_code == 403
        assert (await client.get("/api/v1/policies", headers=headers)).json() == {"versions": [], "activations": []}
        assert (await client.get("/api/v1/policies/1", headers=headers)).status_code == 404


async def test_a_subscription_that_fires_is_judged_by_the_policy_of_that_moment(
    chief: httpx.AsyncClient, city: City
) -> None:
    version = await draft(chief, NO_WATER)
    owners = CurrentOwners(PolicyBook(DEFAULT_POLICY))
    async with city.database.system.transaction() as tx:
        client = await tx.fetchval(
            "insert into oauth_client (tenant_id, client_id, name, scopes) select id, 'fukui.x', 'x',"
            " '{subscriptions:write}' from tenant where name = 'fukui' returning client_id"
        )
    owner = {"kind": "app", "id": client, "client": client, "scopes": ["subscriptions:write"]}

    async def seen() -> bool:
        async with city.database.system.transaction() as tx:
            access = await owners.access(tx, "fukui", {"owner": owner})
        assert access is not None
        return access["only"] is None or "WaterObserved" in access["only"]

    assert await seen()
    await activate(chief, version)
    assert not await seen()
    await activate(chief, 0)
    assert await seen()
