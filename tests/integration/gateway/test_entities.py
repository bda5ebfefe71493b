"""Reading and upserting entities over HTTP, on a real database."""

from __future__ import annotations

from typing import Any

import httpx

from broker.ports import CHANGES
from tests.integration.gateway.conftest import City

GAUGE = "urn:ngsi-ld:WaterObserved:fukui-1"
UPSERT = "/ngsi-ld/v1/entityOperations/upsert"
ENTITIES = "/ngsi-ld/v1/entities"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"


def gauge(number: int = 1, level: float = 1.67, at: str = "2024-06-30T22:20:00Z", **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:WaterObserved:fukui-{number}",
        "type": "WaterObserved",
        "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR", "observedAt": at},
        **more,
    }


async def test_what_is_upserted_can_be_read(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    created = await writer.post(UPSERT, json=[gauge(location={"type": "Point", "coordinates": [136.2, 36.0]})])
    assert (created.status_code, created.json()) == (201, [GAUGE])
    answer = await api.get(f"{ENTITIES}/{GAUGE}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert CORE in answer.headers["link"]
    assert answer.json() == gauge(
        location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}}
    )
    again = await writer.post(UPSERT, json=[gauge(level=2.03, at="2024-06-30T23:20:00Z")])
    assert (again.status_code, again.content) == (204, b"")
    assert (await api.get(f"{ENTITIES}/{GAUGE}")).json() == gauge(level=2.03, at="2024-06-30T23:20:00Z")


async def test_update_keeps_what_is_not_given_and_replace_does_not(
    api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    await writer.post(UPSERT, json=[gauge(name="原目")])
    await writer.post(UPSERT, params={"options": "update"}, json=[gauge(level=2.0, at="2024-07-01T00:00:00Z")])
    assert (await api.get(f"{ENTITIES}/{GAUGE}")).json()["name"] == {"type": "Property", "value": "原目"}
    await writer.post(UPSERT, json=[gauge(level=2.1, at="2024-07-01T00:10:00Z")])
    assert "name" not in (await api.get(f"{ENTITIES}/{GAUGE}")).json()


async def test_the_forms_of_an_answer(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge(refDevice={"object": "urn:ngsi-ld:Device:1"})])

    async def get(**params: str) -> Any:
        answer = await api.get(f"{ENTITIES}/{GAUGE}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    simple = await get(options="keyValues")
    assert simple == {"id": GAUGE, "type": "WaterObserved", "waterLevel": 1.67, "refDevice": "urn:ngsi-ld:Device:1"}
    concise = await get(options="concise", attrs="waterLevel")
    level = {"value": 1.67, "unitCode": "MTR", "observedAt": "2024-06-30T22:20:00Z"}
    assert concise == {"id": GAUGE, "type": "WaterObserved", "waterLevel": level}
    assert {"createdAt", "modifiedAt"} <= (await get(options="sysAttrs")).keys()
    linked = await api.get(f"{ENTITIES}/{GAUGE}", headers={"Accept": "application/ld+json"})
    assert linked.headers["content-type"] == "application/ld+json"
    assert "link" not in linked.headers
    assert linked.json()["@context"] == CORE


async def test_json_is_asked_for_as_such(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    """4.9, 6.4.3.2: jsonKeys."""
    plan = {"plan": {"type": "JsonProperty", "json": {"town": "鯖江"}}}
    await writer.post(UPSERT, json=[{**gauge(1), **plan}, {**gauge(2), "plan": {"value": {"town": "鯖江"}}}])
    asked = {"type": "WaterObserved", "q": 'plan[town]=="鯖江"'}
    assert len((await api.get("/ngsi-ld/v1/entities", params=asked)).json()) == 2
    alone = await api.get("/ngsi-ld/v1/entities", params={**asked, "jsonKeys": "plan"})
    assert [entity["plan"]["type"] for entity in alone.json()] == ["JsonProperty"]


async def test_headers_are_spelled_as_standards_print_them(base_url: str, city: City) -> None:
    headers = {"Authorization": f"Bearer {await city.token('entities:write')}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:
        made = await client.post("/ngsi-ld/v1/entities", json=gauge())
        read = await client.get("/ngsi-ld/v1/entities?type=WaterObserved&count=true")
    assert b"Location" in dict(made.headers.raw)
    assert {b"Content-Type", b"Link", b"NGSILD-Results-Count"} <= dict(read.headers.raw).keys()


async def test_pages_of_a_query(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge(number) for number in range(5)])
    first = await api.get(ENTITIES, params={"type": "WaterObserved", "limit": "2", "count": "true"})
    assert [entity["id"][-1] for entity in first.json()] == ["0", "1"]
    assert first.headers["ngsild-results-count"] == "5"
    following = first.headers["link"].split("<")[-1].split(">")[0]
    second = await api.get(following)
    assert [entity["id"][-1] for entity in second.json()] == ["2", "3"]
    assert 'rel="prev"' in second.headers["link"]
    assert 'rel="next"' in second.headers["link"]
    last = await api.get(ENTITIES, params={"type": "WaterObserved", "limit": "2", "offset": "4"})
    assert 'rel="next"' not in last.headers["link"]


async def test_conditions_of_a_query(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge(1), gauge(2, name="江波"), gauge(13)])

    async def ids(**params: str) -> list[str]:
        answer = await api.get(ENTITIES, params=params)
        assert answer.status_code == 200, answer.text
        return [entity["id"].rpartition("-")[2] for entity in answer.json()]

    assert await ids(type="WaterObserved", idPattern="fukui-[0-9]$") == ["1", "2"]
    assert await ids(type="WaterObserved", id=f"{GAUGE},urn:ngsi-ld:WaterObserved:fukui-13") == ["1", "13"]
    assert await ids(attrs="name") == ["2"]
    assert await ids(type="Alert,WaterObserved", limit="1") == ["1"]
    assert await ids(type="Alert") == []
    assert await ids(local="true", limit="1", offset="1") == ["13"]


async def test_an_entity_of_several_types_is_found_by_each(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[{**gauge(1), "type": ["WaterObserved", "PointOfInterest"]}, gauge(2)])
    for name, expected in (("WaterObserved", 2), ("PointOfInterest", 1), ("PointOfInterest,WaterObserved", 2)):
        answer = await api.get(ENTITIES, params={"type": name, "count": "true"})
        assert len(answer.json()) == expected
        assert answer.headers["ngsild-results-count"] == str(expected)
    assert (await api.get("/ngsi-ld/v1/types")).json()["typeList"] == ["PointOfInterest", "WaterObserved"]


async def test_a_batch_with_bad_members_keeps_the_good_ones(api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    bad = {"id": "urn:ngsi-ld:WaterObserved:bad", "type": "WaterObserved", "waterLevel": {"type": "Property"}}
    answer = await writer.post(UPSERT, json=[gauge(1), bad, 7])
    assert answer.status_code == 207
    body = answer.json()
    assert body["success"] == [GAUGE]
    first, second = body["errors"]
    assert first == {
        "entityId": "urn:ngsi-ld:WaterObserved:bad",
        "error": {
            "type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData",
            "title": "The request's data is wrong",
            "status": 400,
            "detail": "a Property needs the member value",
            "field": "waterLevel.value",
        },
    }
    assert second["entityId"] == "[2]"
    assert (await api.get(f"{ENTITIES}/{GAUGE}")).status_code == 200


async def test_the_same_entity_twice_in_a_batch_is_applied_in_order(
    api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    late, later = gauge(level=1.0, at="2024-07-01T00:00:00Z"), gauge(level=1.5, at="2024-07-01T00:10:00Z")
    assert (await writer.post(UPSERT, json=[late, later])).json() == [GAUGE]
    assert (await api.get(f"{ENTITIES}/{GAUGE}")).json()["waterLevel"]["value"] == 1.5


async def test_a_tenant_sees_only_its_own(city: City, api: httpx.AsyncClient, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge()])
    other = {"NGSILD-Tenant": "neighbour"}
    assert (await api.get(f"{ENTITIES}/{GAUGE}", headers=other)).status_code == 404
    assert (await api.get(ENTITIES, params={"type": "WaterObserved"}, headers=other)).json() == []
    crossing = await writer.post(UPSERT, json=[gauge()], headers=other)
    assert crossing.status_code == 403
    assert crossing.json()["detail"].startswith("the token is bound to the tenant 'fukui'")
    unknown = await api.get(f"{ENTITIES}/{GAUGE}", headers={"NGSILD-Tenant": "atlantis"})
    assert unknown.status_code == 404
    assert unknown.json() == {
        "type": "https://uri.etsi.org/ngsi-ld/errors/NonexistentTenant",
        "title": "There is no such tenant",
        "status": 404,
        "detail": "there is no tenant named 'atlantis'",
    }


async def test_what_a_write_changed_is_on_the_log(city: City, writer: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[gauge()])
    records = [record for partition in (0, 1) for record in await city.log.read(CHANGES, partition, 0, limit=10)]
    assert [record.key for record in records] == [f"fukui/{GAUGE}".encode()]
