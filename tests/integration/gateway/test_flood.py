"""The flood routes, over gauges that were judged by the real rules."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from lxml import etree

from api_gateway.app import create_app
from services.alerting.reading import FloodReading, StoredRules, city_now
from services.alerting.rulebook import load_rules
from tests.integration.alerting.bench import EBA, Flood
from tests.integration.door.test_veiled import in_force
from tests.integration.gateway.conftest import SETTINGS, City

GAUGES = "/api/v1/flood/gauges"


@pytest.fixture
async def flooded(city: City) -> City:
    """A replay in which one gauge rises above danger and another value is doubtful."""
    flood = Flood(city.database, clock="data")
    await flood.gauge()
    await flood.feed((0, 0.5), (10, 2.1), (20, 2.2))
    services = dataclasses.replace(
        city.services,
        settings=SETTINGS.model_copy(update={"mode": "replay"}),
        flood=FloodReading(public_url=SETTINGS.public_url),
        rules=StoredRules(load_rules("name: 初期")),
        city_now=city_now,
        metrics=type(city.services.metrics)(),
    )
    return dataclasses.replace(city, app=create_app(services), services=services)


@pytest.fixture
async def client(flooded: City) -> AsyncIterator[httpx.AsyncClient]:
    async with flooded.client() as client:
        yield client


async def holding(city: City, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {await city.token(*scopes)}"}


async def test_gauges_at_the_citys_present(client: httpx.AsyncClient) -> None:
    body = (await client.get(GAUGES)).json()
    assert body["now"] == "2024-07-01T00:20:00Z"
    [gauge] = body["gauges"]
    assert (gauge["id"], gauge["stage"], gauge["level"], gauge["suspectStage"]) == (EBA, "danger", 2.2, None)
    assert (await client.get("/api/v1/config")).json()["now"] == "2024-07-01T00:20:00Z"
    assert (await client.get(GAUGES, headers={"NGSILD-Tenant": "neighbour"})).json()["gauges"] == []


async def test_staff_see_what_is_suspected(city: City) -> None:
    flood = Flood(city.database, clock="data")
    await flood.gauge()
    await flood.feed((0, 0.5), (10, 9.0))
    services = dataclasses.replace(city.services, flood=FloodReading(), metrics=type(city.services.metrics)())
    watched = dataclasses.replace(city, app=create_app(services), services=services)
    async with watched.client() as client:
        shown = (await client.get(GAUGES)).json()["gauges"][0]["suspectStage"]
        staff = (await client.get(GAUGES, headers=await holding(watched, "flood:staff"))).json()["gauges"][0]
    assert (shown, staff["suspectStage"]) == (None, "danger")


@pytest.mark.parametrize("path", [GAUGES, "/api/v1/flood/alerts"])
async def test_who_has_the_answer_is_not_sent_it_again(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await client.get(path, headers={"If-None-Match": first.headers["etag"], "NGSILD-Tenant": "neighbour"})
    assert other.status_code == 200


async def test_a_hydrograph(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{GAUGES}/{EBA}/hydrograph")).json()
    assert [point["level"] for point in body["points"]] == [0.5, 2.1, 2.2]
    assert body["thresholds"]["danger"] == 2.0
    part = {"from": "2024-07-01T09:10:00+09:00", "to": "2024-07-01T00:20:00Z"}
    assert [p["level"] for p in (await client.get(f"{GAUGES}/{EBA}/hydrograph", params=part)).json()["points"]] == [2.1]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2024-07-01T00:00:00"}, "from"),
        ({"to": "yesterday"}, "to"),
        ({"from": "2024-07-02T00:00:00Z", "to": "2024-07-01T00:00:00Z"}, "from"),
        ({"from": "2020-01-01T00:00:00Z"}, "from"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"from": "9999-12-31T23:59:59Z"}, "from"),
    ],
)
async def test_spans_that_are_none(client: httpx.AsyncClient, params: dict[str, str], field: str) -> None:
    answer = await client.get(f"{GAUGES}/{EBA}/hydrograph", params=params)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_an_unknown_gauge(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{GAUGES}/urn:ngsi-ld:WaterObserved:0/hydrograph")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:city-os:problem:not-found")


async def test_alerts_lead_to_cap_documents(client: httpx.AsyncClient) -> None:
    [alert] = (await client.get("/api/v1/flood/alerts")).json()["alerts"]
    assert (alert["gauge"], alert["stage"], alert["status"]) == (EBA, "danger", "actual")
    feed = await client.get("/feeds/alerts.atom")
    assert feed.headers["content-type"] == "application/atom+xml"
    [link] = etree.fromstring(feed.content).xpath("//*[local-name()='entry']/*[local-name()='link']/@href")
    document = await client.get(link)
    assert document.headers["content-type"] == "application/cap+xml"
    assert etree.fromstring(document.content).findtext("{*}status") == "Actual"
    assert (await client.get("/cap/nothing.xml")).status_code == 404


async def test_decisions_are_for_staff(flooded: City, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/flood/decisions")).status_code == 401
    staff = await holding(flooded, "flood:staff")
    found = (await client.get("/api/v1/flood/decisions", params={"gauge": EBA}, headers=staff)).json()["decisions"]
    assert found[0]["inputs"]["level"] == 2.1
    assert found[0]["why"] == "danger-at-once"


async def test_rules_are_read_and_replaced_by_who_may(flooded: City, client: httpx.AsyncClient) -> None:
    rules = "/api/v1/flood/rules"
    both = await holding(flooded, "rules:read", "rules:write")
    reader = await holding(flooded, "rules:read")
    assert (await client.get(rules)).status_code == 401
    assert (await client.get(rules, headers=reader)).json()["document"] == {"name": "初期"}
    assert (await client.put(rules, json={}, headers=reader)).status_code == 403
    stored = await client.put(rules, json={"lower": {"margin_m": 0.2}}, headers=both)
    assert (stored.status_code, stored.json()["number"]) == (200, 1)
    wrong = await client.put(rules, json={"lower": {"margin": 0.2}}, headers=both)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "lower.margin")
    assert (await client.put(rules, content=b"{", headers=both)).json()["type"] == "urn:city-os:problem:not-json"
    assert (await client.get(rules, headers=reader)).json()["document"] == {"lower": {"margin_m": 0.2}}


async def test_accounting_shows_the_books_and_whether_they_balance(flooded: City, client: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date()
    rows = [("g1", "received", 12), ("g1", "stored", 8), ("g1", "duplicate", 1), ("g1", "rejected:bad-time", 1)]
    rows.append(("g1", "discarded", 2))
    async with flooded.database.system.transaction() as tx:
        await tx.executemany(
            "insert into account (tenant_id, device, day, outcome, count)"
            " select id, $1, $2, $3, $4 from tenant where name = 'fukui'",
            [(device, today, outcome, count) for device, outcome, count in rows],
        )
    headers = await holding(flooded, "accounting:read")
    body = (await client.get("/api/v1/accounting", headers=headers)).json()
    assert body["balanced"] is True
    assert body["total"] == {"received": 12, "stored": 8, "duplicate": 1, "rejected": {"bad-time": 1}, "discarded": 2}
    async with flooded.database.system.transaction() as tx:
        await tx.execute("update account set count = 9 where outcome = 'received'")
    lost = (await client.get("/api/v1/accounting", params={"device": "g1"}, headers=headers)).json()
    assert lost["balanced"] is False
    neighbour = {"Authorization": f"Bearer {await flooded.token('accounting:read', tenant='neighbour')}"}
    assert (await client.get("/api/v1/accounting", headers=neighbour)).json()["devices"] == []


async def test_a_policy_that_hides_levels_closes_what_cannot_leave_them_out(
    flooded: City, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/api/v1/public/snapshot")).json()["gauges"]
    rule = {"name": "trial", "explanation": "on trial", "allow": False, "actions": ["read"],
            "types": ["WaterObserved"], "attributes": ["waterLevel"]}  # fmt: skip
    async with in_force(flooded, [rule]):
        assert (await client.get("/api/v1/public/snapshot")).json()["gauges"] == [], "not the picture of before either"
        for path in (GAUGES, f"{GAUGES}/{EBA}/hydrograph"):
            refused = await client.get(path)
            assert refused.status_code == 401, path
            assert "the attribute waterLevel: on trial" in refused.text
