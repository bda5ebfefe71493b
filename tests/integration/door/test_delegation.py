"""A prefecture reads what a municipality delegates, for as long as it does; the database sees to it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from broker.errors import CityError
from broker.store.tenants import add_tenant
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

GAUGE, SHELTER = "urn:ngsi-ld:WaterObserved:g", "urn:ngsi-ld:ShelterStock:s"
AS_FUKUI = {"NGSILD-Tenant": "fukui"}


@pytest.fixture
async def municipality(city: City, browser: Browser) -> dict[str, str]:
    """Fukui's administrator, with a gauge and a shelter's stock in the store."""
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        for entity in (
            {
                "id": GAUGE,
                "type": "WaterObserved",
                "level": {"type": "Property", "value": 2.7, "observedAt": "2024-07-01T00:00:00Z"},
            },
            {"id": SHELTER, "type": "ShelterStock", "water": {"type": "Property", "value": 90}},
        ):
            assert (await client.post("/ngsi-ld/v1/entities", json=entity)).status_code == 201
    return {"Authorization": f"Bearer {await browser.staff('administrator')}"}


@pytest.fixture
async def prefecture(city: City) -> dict[str, str]:
    """An app of the neighbour's that may read and write what is not personal."""
    token = await city.token("entities:read", "entities:write", "subscriptions:write", tenant="neighbour")
    return {"Authorization": f"Bearer {token}", **AS_FUKUI}


async def give(api: httpx.AsyncClient, staff: dict[str, str], *types: str, **more: Any) -> httpx.Response:
    body = {"reader": "neighbour", "types": list(types), "purpose": "県の水防", **more}
    return await api.post("/api/v1/delegations", headers=staff, json=body)


async def status(api: httpx.AsyncClient, headers: dict[str, str], path: str) -> int:
    return (await api.get(path, headers=headers)).status_code


async def test_what_is_delegated_is_read_and_nothing_else_until_it_is_taken_back(
    api: httpx.AsyncClient, municipality: dict[str, str], prefecture: dict[str, str]
) -> None:
    one, other = f"/ngsi-ld/v1/entities/{GAUGE}", f"/ngsi-ld/v1/entities/{SHELTER}"
    history = f"/ngsi-ld/v1/temporal/entities/{GAUGE}"
    assert await status(api, prefecture, one) == 403
    given = await give(api, municipality, "WaterObserved")
    assert given.status_code == 201, given.text
    read = await api.get(one, headers=prefecture)
    assert read.status_code == 200, read.text
    assert read.json()["level"]["value"] == 2.7
    assert await status(api, prefecture, other) == 404
    found = (await api.get("/ngsi-ld/v1/entities?type=WaterObserved,ShelterStock", headers=prefecture)).json()
    assert [entity["id"] for entity in found] == [GAUGE]
    past = await api.get(history, headers=prefecture)
    assert past.status_code == 200, past.text
    assert "2.7" in past.text
    assert (await api.get("/ngsi-ld/v1/types", headers=prefecture)).json()["typeList"] == ["WaterObserved"]
    shown = (await api.get("/api/v1/delegations", headers=municipality)).json()["delegations"]
    assert [(line["reader"], line["types"], line["revokedAt"]) for line in shown] == [
        ("neighbour", ["WaterObserved"], None)
    ]
    path = f"/api/v1/delegations/{given.json()['id']}"
    assert (await api.delete(path, headers=municipality)).status_code == 200
    assert (await api.delete(path, headers=municipality)).status_code == 404
    for path in (one, history, "/ngsi-ld/v1/entities?type=WaterObserved"):
        assert await status(api, prefecture, path) == 403
    trail = (await api.get("/api/v1/audit", headers=municipality)).json()["lines"]
    actions = [line["action"] for line in trail if line["action"].startswith("delegation")]
    assert actions == ["delegation.revoke", "delegation.give"]


async def test_a_delegation_is_for_reading_entities_alone(
    api: httpx.AsyncClient, municipality: dict[str, str], prefecture: dict[str, str]
) -> None:
    await give(api, municipality, "WaterObserved")
    refused = [
        await api.patch(f"/ngsi-ld/v1/entities/{GAUGE}/attrs", headers=prefecture, json={"level": 9}),
        await api.delete(f"/ngsi-ld/v1/entities/{GAUGE}", headers=prefecture),
        await api.get("/api/v1/devices", headers=prefecture),
        await api.get("/api/v1/audit", headers=prefecture),
        await api.get("/api/v1/delegations", headers=prefecture),
        await api.get("/api/v1/events", headers=prefecture),
        await api.get("/ngsi-ld/v1/subscriptions", headers=prefecture),
    ]
    assert {answer.status_code for answer in refused} == {403}, [answer.text for answer in refused]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"types": ["RideBooking"]}, "types"),
        ({"types": []}, "types"),
        ({"reader": "fukui"}, "reader"),
        ({"reader": "atlantis"}, "reader"),
        ({"until": "2001-01-01T00:00:00Z"}, "until"),
        ({"until": "2001-01-01T00:00:00"}, "until"),
    ],
)
async def test_what_cannot_be_delegated(
    api: httpx.AsyncClient, municipality: dict[str, str], change: dict[str, Any], field: str
) -> None:
    answer = await give(api, municipality, "WaterObserved", **change)
    assert (answer.status_code, answer.json()["field"].partition(".")[0]) == (400, field), answer.text


async def test_only_the_giver_takes_back(
    api: httpx.AsyncClient, city: City, municipality: dict[str, str], other: Browser
) -> None:
    number = (await give(api, municipality, "WaterObserved")).json()["id"]
    receiver = {"Authorization": f"Bearer {await other.staff('administrator', tenant='neighbour')}"}
    seen = (await api.get("/api/v1/delegations", headers=receiver)).json()["delegations"]
    assert [line["giver"] for line in seen] == ["fukui"]
    assert (await api.delete(f"/api/v1/delegations/{number}", headers=receiver)).status_code == 404
    async with city.database.app.transaction("neighbour") as tx:
        assert await tx.execute("update delegation set revoked_at = now(), revoked_by = 'x'") == "UPDATE 0"


async def test_the_database_itself_holds_a_guest_to_it(
    api: httpx.AsyncClient, city: City, municipality: dict[str, str]
) -> None:
    """Even statements that no code of ours would make."""
    await give(api, municipality, "WaterObserved")
    app = city.database.app
    async with app.transaction("fukui@neighbour") as tx:
        assert [row["id"] for row in await tx.fetch("select id from entity")] == [GAUGE]
        assert await tx.fetchval("select count(*) from series") == 1
        assert await tx.fetchval("select count(*) from history") == 1
    for statement in (
        "delete from entity",
        "insert into delegation select * from delegation",
        "select * from device",
        "select * from audit",
        "select * from user_account",
        "select * from delegation",
    ):
        with pytest.raises(CityError):
            async with app.transaction("fukui@neighbour") as tx:
                await tx.execute(statement)
    async with app.transaction("neighbour") as tx:
        await tx.execute("select set_config('cityos.reader_id', cityos_.id::text, true) from tenant cityos_")
        assert await tx.fetchval("select count(*) from entity") == 0


async def test_a_new_tenant_needs_no_restart(api: httpx.AsyncClient, city: City) -> None:
    where = {"NGSILD-Tenant": "sabae"}
    assert await status(api, where, "/ngsi-ld/v1/entities?type=Alert") == 404
    async with city.database.system.transaction() as tx:
        assert await add_tenant(tx, "sabae", title="鯖江市", code="182079", reject_unknown=False)
    token = await city.token("entities:write", tenant="sabae")
    entity = {"id": GAUGE, "type": "WaterObserved", "level": 1}
    made = await api.post("/ngsi-ld/v1/entities", headers={"Authorization": f"Bearer {token}"}, json=entity)
    assert made.status_code == 201
    assert await status(api, where, f"/ngsi-ld/v1/entities/{GAUGE}") == 200
    assert await status(api, AS_FUKUI, f"/ngsi-ld/v1/entities/{GAUGE}") == 404
