"""Rate limits per app, and the counts of who used what."""

from __future__ import annotations

import dataclasses

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api_gateway.app import create_app
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City


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


async def test_usage_is_counted_once_per_call(city: City, browser: Browser) -> None:
    app = {"Authorization": f"Bearer {await city.token('entities:write')}"}
    batch = [{"id": f"urn:ngsi-ld:WaterObserved:{n}", "type": "WaterObserved", "level": n} for n in range(50)]
    async with city.client() as api:
        for _ in range(2):
            await api.post("/ngsi-ld/v1/entityOperations/upsert", json=batch, headers=app)
        await api.get("/api/v1/devices", headers=app)
        await api.get("/ngsi-ld/v1/types")
    meter = city.app.state.meter
    await meter.flush(city.database.app)
    await meter.flush(city.database.app)
    staff = {"Authorization": f"Bearer {await browser.staff('auditor')}"}
    report = (await browser.get("/api/v1/usage", headers=staff)).json()["usage"]
    counted = {(line["name"], line["data"]): (line["calls"], line["refused"]) for line in report}
    assert counted[("test", "devices")] == (1, 1)
    assert [calls for (name, _), (calls, refused) in counted.items() if name == "test" and not refused] == [2]
    assert sum(line["calls"] for line in report if line["client"] == "anonymous") >= 1
    sheet = await browser.get("/api/v1/usage", headers=staff, params={"format": "csv"})
    assert sheet.content.startswith("\ufeffday,client,name,operation,calls,refused".encode())
    assert msgspec.json.decode((await browser.get("/api/v1/usage?since=2030-01-01", headers=staff)).content)["field"]


async def test_what_the_database_does_not_take_is_counted_later(city: City) -> None:
    meter = city.app.state.meter
    meter.count("fukui", "fukui.x", "query", refused=False)
    meter.count("atlantis", "atlantis.x", "query", refused=False)
    await meter.flush(city.database.app)
    meter.count("fukui", "fukui.x", "query", refused=True)
    await meter.flush(city.database.app)
    async with city.database.system.transaction() as tx:
        [row] = await tx.fetch("select client, calls, refused from usage")
    assert tuple(row) == ("fukui.x", 2, 1)
