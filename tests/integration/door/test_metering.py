"""Rate limits per app, and the counts of who used what."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from access.policy import Subject
from api_gateway.app import create_app
from api_gateway.usage.quotas import Rate
from api_gateway.usage.rates import SharedRates
from broker.errors import Unavailable
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

APP = Subject("app", "fukui.x", "fukui", client="fukui.x")


def limited(city: City, burst: int) -> City:
    """The same city with a narrow limit."""
    settings = city.services.settings.model_copy(update={"app_rate": 0.01, "app_burst": burst})
    services = dataclasses.replace(city.services, settings=settings, metrics=CollectorRegistry())
    app: FastAPI = create_app(services)
    return City(app, services, city.log, city.database)


async def test_an_app_that_asks_too_much_waits_and_the_others_do_not(city: City) -> None:
    narrow = limited(city, 3)
    greedy = {"Authorization": f"Bearer {await narrow.token('opendata:read')}"}
    modest = {"Authorization": f"Bearer {await narrow.token('opendata:read')}"}
    async with narrow.client() as api:
        answers = [await api.get("/ngsi-ld/v1/entities?type=Alert", headers=greedy) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert answers[3].headers["retry-after"] == "1"
        assert (await api.get("/ngsi-ld/v1/entities?type=Alert", headers=modest)).status_code == 200
        assert (await api.get("/ngsi-ld/v1/entities?type=Alert")).status_code == 200


async def test_two_processes_hold_one_rate(city: City) -> None:
    rate, app = Rate(0.01, 100), "fukui.x"
    one, other = SharedRates(), SharedRates()
    database = city.database.app

    def taken(process: SharedRates, most: int = 1000) -> int:
        return sum(process.allow("fukui", app, rate) for _ in range(most))

    assert taken(one, 60) == 60
    await one.settle(database)
    assert taken(other, 30) == 30, "it does not know of the other's yet"
    await other.settle(database)
    assert other.left("fukui", app, rate) == 10
    await one.settle(database)
    assert one.left("fukui", app, rate) == 10, "also one that nobody asked since"
    assert (taken(one), taken(other)) == (10, 10), "within a second both may let in what is left"
    await one.settle(database)
    await other.settle(database)
    assert (taken(one), taken(other)) == (0, 0)
    await other.settle(database)
    async with database.transaction("fukui") as tx:
        assert -11 < await tx.fetchval("select left_over from rate_left where client = $1", app) <= -9
    assert SharedRates().left("neighbour", app, rate) == 100


class Away:
    """A database that is not to be had."""

    def transaction(self, tenant: str | None = None) -> Any:
        raise Unavailable(f"no connection for {tenant}")


async def test_what_was_let_in_while_the_database_was_away_is_settled_later(city: City) -> None:
    rate, rates = Rate(0.01, 10), SharedRates()
    assert sum(rates.allow("fukui", "fukui.x", rate) for _ in range(20)) == 10
    away: Any = Away()
    await rates.settle(away)
    assert not rates.allow("fukui", "fukui.x", rate)
    await rates.settle(city.database.app)
    async with city.database.app.transaction("fukui") as tx:
        assert await tx.fetchval("select round(left_over) from rate_left") == 0


async def test_usage_is_counted_once_per_call(city: City, browser: Browser) -> None:
    app = {"Authorization": f"Bearer {await city.token('entities:write')}"}
    batch = [{"id": f"urn:ngsi-ld:WaterObserved:{n}", "type": "WaterObserved", "level": n} for n in range(50)]
    async with city.client() as api:
        for _ in range(2):
            await api.post("/ngsi-ld/v1/entityOperations/upsert", json=batch, headers=app)
        await api.get("/api/v1/devices", headers=app)
        await api.get("/ngsi-ld/v1/types")
        await api.get("/ngsi-ld/v1/entities?type=WaterObserved")
    meter = city.app.state.meter
    await meter.flush(city.database.app)
    await meter.flush(city.database.app)
    staff = {"Authorization": f"Bearer {await browser.staff('auditor')}"}
    report = (await browser.get("/api/v1/usage", headers=staff)).json()["usage"]
    counted = {(line["name"], line["data"]): (line["calls"], line["refused"]) for line in report}
    assert counted[("test", "devices")] == (1, 1)
    assert [calls for (name, _), (calls, refused) in counted.items() if name == "test" and not refused] == [2]
    assert sum(line["calls"] for line in report if line["client"] == "anonymous") >= 1
    sets = {(line["name"], line["data_set"]): line["calls"] for line in report if line["data_set"]}
    assert sets == {("test", "WaterObserved"): 2, ("", "WaterObserved"): 1}
    sheet = await browser.get("/api/v1/usage", headers=staff, params={"format": "csv"})
    assert sheet.content.startswith("\ufeffday,client,name,operation,dataSet,calls,refused,failed".encode())
    assert msgspec.json.decode((await browser.get("/api/v1/usage?since=2030-01-01", headers=staff)).content)["field"]


async def test_what_the_database_does_not_take_is_counted_later(city: City) -> None:
    meter = city.app.state.meter
    meter.count("fukui", APP, "query", "", 200)
    meter.count("atlantis", APP, "query", "", 200)
    await meter.flush(city.database.app)
    meter.count("fukui", APP, "query", "", 403)
    await meter.flush(city.database.app)
    async with city.database.system.transaction() as tx:
        [row] = await tx.fetch("select client, calls, refused, failed from usage")
    assert tuple(row) == ("fukui.x", 2, 1, 0)


async def test_a_months_quota_and_its_headers(city: City, browser: Browser) -> None:
    staff = {"Authorization": f"Bearer {await browser.staff('administrator')}"}
    app_token = await city.token("opendata:read")
    app = {"Authorization": f"Bearer {app_token}"}
    client = msgspec.json.decode(_claims_of(app_token))["client_id"]
    meter = city.app.state.meter
    limits = {"per_second": 2, "burst": 10, "per_month": 3}
    set_ = await browser.client.put(f"/api/v1/quotas/{client}", headers=staff, json=limits)
    assert set_.status_code == 200, set_.text
    await meter.flush(city.database.app)
    async with city.client() as api:
        answers = [await api.get("/ngsi-ld/v1/entities?type=Alert", headers=app) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert answers[0].headers["ratelimit-policy"] == '"app";q=10;w=5, "month";q=3;w=2592000'
        assert answers[0].headers["ratelimit"].startswith('"app";r=9;t=1, "month";r=2;t=')
        await meter.flush(city.database.app)
        over = await api.get("/ngsi-ld/v1/entities?type=Alert", headers=app)
        assert over.status_code == 429
        assert 1 <= int(over.headers["retry-after"]) <= 31 * 86400
        assert "3 requests of this month" in over.json()["detail"]
        assert (await api.get("/ngsi-ld/v1/entities?type=Alert")).status_code == 200
    [line] = (await browser.get("/api/v1/quotas", headers=staff)).json()["quotas"]
    assert (line["client"], line["per_month"]) == (client, 3)
    half = await browser.client.put("/api/v1/quotas/x", headers=staff, json={"burst": 10})
    assert (half.status_code, half.json()["field"]) == (400, "burst")
    assert (await browser.client.delete(f"/api/v1/quotas/{client}", headers=staff)).status_code == 200
    assert (await browser.client.delete(f"/api/v1/quotas/{client}", headers=staff)).status_code == 404


def _claims_of(token: str) -> bytes:
    body = token.split(".")[1]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


async def test_a_citys_limit_holds_for_strangers_too(city: City) -> None:
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into quota (tenant_id, client, per_second, burst, changed_by, changed_at)"
            " select id, '', 0.01, 2, 'x', now() from tenant where name = 'fukui'"
        )
    meter = city.app.state.meter
    meter.count("fukui", APP, "query", "", 200)
    await meter.flush(city.database.app)
    async with city.client() as api:
        answers = [(await api.get("/ngsi-ld/v1/types")).status_code for _ in range(3)]
        neighbour = await api.get("/ngsi-ld/v1/types", headers={"NGSILD-Tenant": "neighbour"})
    assert (answers, neighbour.status_code) == ([200, 200, 429], 200)


async def test_attempts_are_counted_by_all_processes_together(city: City) -> None:
    """Two gateways on one database; the limit is of the address, whichever of them it asks."""
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into attempt (address, left_over, at) values ('127.0.0.1', 2, now() + interval '1 hour')"
        )
    second = limited(city, 500)
    body = {"login": "nobody@example.jp", "password": "not the password"}
    async with city.client() as one, second.client() as other:
        statuses = [(await api.post("/account/login", json=body)).status_code for api in (one, other, one, other)]
    assert statuses == [401, 401, 429, 429]
