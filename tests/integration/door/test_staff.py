"""What staff do: apps, devices, people, the audit trail; and what the others cannot."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from broker.errors import Forbidden
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City


async def bearer(browser: Browser, *roles: str, tenant: str = "fukui") -> dict[str, str]:
    return {"Authorization": f"Bearer {await browser.staff(*roles, tenant=tenant)}"}


async def test_an_app_waits_for_its_scopes_and_gets_them(
    browser: Browser, other: Browser, api: httpx.AsyncClient
) -> None:
    await other.sign_up("dev@example.jp")
    await other.log_in("dev@example.jp")
    made = await other.register(
        grant_types=["client_credentials"], redirect_uris=[], scope="entities:read devices:read"
    )
    auth = (made["client_id"], made["client_secret"])
    form = {"grant_type": "client_credentials", "scope": "entities:read"}
    assert (await api.post("/oauth/token", data=form, auth=auth)).json()["error"] == "invalid_scope"
    staff = await bearer(browser, "administrator")
    [waiting] = (await api.get("/api/v1/apps", headers=staff)).json()["apps"]
    assert waiting["pending_scope"] == "devices:read entities:read"
    path = f"/api/v1/apps/{made['client_id']}"
    decided = await api.post(f"{path}/approval", headers=staff, json={"allow": ["entities:read", "users:write"]})
    assert decided.json()["scope"] == "entities:read", "what was not asked for is not given"
    assert (await api.post("/oauth/token", data=form, auth=auth)).status_code == 200
    await api.put(f"{path}/status", headers=staff, json={"status": "suspended"})
    assert (await api.post("/oauth/token", data=form, auth=auth)).status_code == 401
    lines = (await api.get("/api/v1/audit", headers=staff)).json()["lines"]
    actions = [line["action"] for line in lines if line["action"].startswith("app.")]
    assert actions == ["app.status", "app.approve", "app.register"]
    assert all(line["actor"] for line in lines if line["action"] == "app.approve")


async def test_devices_one_by_one(browser: Browser, api: httpx.AsyncClient, city: City) -> None:
    staff = await bearer(browser, "device-officer")
    device = {"id": "gauge-1", "family": "river_gauge", "entity_id": "urn:ngsi-ld:WaterObserved:gauge-1"}
    made = await api.post("/api/v1/devices", headers=staff, json=device)
    assert made.status_code == 201
    assert made.json()["username"] == "fukui/gauge-1"
    assert (await api.post("/api/v1/devices", headers=staff, json=device)).status_code == 409
    rotated = (await api.post("/api/v1/devices/gauge-1/secret", headers=staff)).json()
    assert rotated["password"] != made.json()["password"]
    for status in ("suspended", "approved"):
        answer = await api.put("/api/v1/devices/gauge-1/status", headers=staff, json={"status": status})
        assert answer.json() == {"id": "gauge-1", "status": status}
    nothing = await api.put("/api/v1/devices/none/status", headers=staff, json={"status": "approved"})
    assert nothing.status_code == 404
    async with city.database.system.transaction() as tx:
        actions = [
            row["action"] for row in await tx.fetch("select action from audit where object = 'gauge-1' order by id")
        ]
    assert actions == ["device.register", "device.secret", "device.status", "device.status"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
async def test_devices_by_csv(browser: Browser, api: httpx.AsyncClient, encoding: str) -> None:
    staff = await bearer(browser, "device-officer")
    text = 'id,family,profile\r\ng-1,river_gauge,"{""name"": ""足羽川""}"\r\ng-2,river_gauge,\r\n'
    made = await api.post("/api/v1/devices/csv", headers=staff, content=text.encode(encoding))
    assert [device["id"] for device in made.json()["devices"]] == ["g-1", "g-2"]
    listed = (await api.get("/api/v1/devices", headers=staff)).json()["devices"]
    assert listed[0]["profile"]["name"] == "足羽川"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "csv"),
        ("id,family\n", "csv"),
        ("name\nx\n", "csv"),
        ("id,family\ng-1\n", "csv"),
        ("id,family\n足羽,river_gauge\n", "id"),
        ("id,family\ng-1,river_gauge\ng-1,river_gauge\n", "id"),
        ("id,family,profile\ng-1,river_gauge,[]\n", "profile"),
        ('id,family,profile\ng-1,river_gauge,"{""report_interval_s"": -1}"\n', "profile"),
        ("id,family,entity_id\ng-1,river_gauge,nonsense\n", "entity_id"),
        ("\x00", "csv"),
    ],
)
async def test_wrong_csv_names_the_place_and_registers_nothing(
    browser: Browser, api: httpx.AsyncClient, city: City, text: str, field: str
) -> None:
    staff = await bearer(browser, "device-officer")
    answer = await api.post("/api/v1/devices/csv", headers=staff, content=text.encode())
    assert (answer.status_code, answer.json().get("field")) == (400, field)
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from device") == 0


async def test_roles_end_at_once_when_taken(browser: Browser, other: Browser, city: City, base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as api:
        chief, officer = await bearer(browser, "administrator"), await bearer(other, "device-officer")
        me = (await other.get("/account/session")).json()["person"]["id"]
        assert (await api.get("/api/v1/devices", headers=officer)).status_code == 200
        itself = (await browser.get("/account/session")).json()["person"]["id"]
        own = await api.put(f"/api/v1/users/{itself}", headers=chief, json={"roles": []})
        assert own.status_code == 409
        assert (await api.put(f"/api/v1/users/{me}", headers=chief, json={"roles": ["king"]})).status_code == 400
        changed = await api.put(f"/api/v1/users/{me}", headers=chief, json={"roles": [], "status": "suspended"})
        assert changed.status_code == 200
        assert (await other.get("/account/session")).json() == {"person": None}
        answer = await until_refused(api, officer)
        assert answer.json()["detail"].startswith("the token was called back")


async def until_refused(api: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    for _ in range(200):
        answer = await api.get("/api/v1/devices", headers=headers)
        if answer.status_code == 401:
            break
    return answer


STAFF_ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/api/v1/users", None),
    ("PUT", "/api/v1/users/fukui.x", {"roles": []}),
    ("GET", "/api/v1/apps", None),
    ("POST", "/api/v1/apps/fukui.x/approval", {"allow": []}),
    ("PUT", "/api/v1/apps/fukui.x/status", {"status": "active"}),
    ("POST", "/api/v1/devices", {"id": "a", "family": "river_gauge"}),
    ("POST", "/api/v1/devices/csv", None),
    ("PUT", "/api/v1/devices/a/status", {"status": "approved"}),
    ("POST", "/api/v1/devices/a/secret", None),
    ("GET", "/api/v1/rejected", None),
    ("GET", "/api/v1/audit", None),
    ("GET", "/api/v1/policy", None),
]


async def test_nobody_else_gets_in(city: City, api: httpx.AsyncClient) -> None:
    weak = {"Authorization": f"Bearer {await city.token('opendata:read', 'entities:read')}"}
    for method, path, body in STAFF_ROUTES:
        assert (await api.request(method, path, json=body)).status_code == 401, path
        refused = await api.request(method, path, json=body, headers=weak)
        assert refused.status_code == 403, path
        assert "needs the scope" in refused.json()["detail"]
    async with city.database.system.transaction() as tx:
        refusals = await tx.fetch("select actor, client, detail from audit where not allowed")
    assert len(refusals) >= len(STAFF_ROUTES) - 1, "a refusal leaves its line"
    assert all(row["actor"] and "needs the scope" in row["detail"] for row in refusals)


async def test_the_audit_trail_cannot_be_changed(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    for statement in ("update audit set actor = 'x'", "delete from audit", "truncate audit"):
        for database, tenant in ((city.database.system, None), (city.database.app, "fukui")):
            with pytest.raises(Forbidden):
                async with database.transaction(tenant) as tx:
                    await tx.execute(statement)


async def test_a_write_of_entities_leaves_one_line_however_many_it_writes(browser: Browser, city: City) -> None:
    headers = {"Authorization": f"Bearer {await city.token('entities:write')}", "CityOS-Purpose": "stock-taking"}
    made = [{"id": f"urn:ngsi-ld:ShelterStock:{n}", "type": "ShelterStock"} for n in range(3)]
    async with city.client() as client:
        path = "/ngsi-ld/v1/entityOperations/upsert"
        assert (await client.post(path, json=made, headers=headers)).status_code == 201
        assert (await client.post(path, json=[{"id": "urn:x:1", "type": "Alert"}], headers=headers)).status_code == 403
        gone = await client.delete(f"/ngsi-ld/v1/entities/{made[0]['id']}", headers=headers)
        assert gone.status_code == 204
    async with city.database.system.transaction() as tx:
        rows = await tx.fetch("select action, object, purpose from audit where action like 'entities.%' order by id")
    assert [tuple(row) for row in rows] == [
        ("entities.post", "3 entities", "stock-taking"),
        ("entities.delete", made[0]["id"], "stock-taking"),
    ]
