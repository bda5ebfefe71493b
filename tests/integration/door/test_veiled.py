"""A policy that hides attributes, and lets some attributes and places be written by some: whoever may not see an
attribute cannot tell an entity that has it from one that has not, by any way out that data have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from access.defaults import DEFAULT_POLICY
from access.policy_file import plain
from api_gateway.policies import store
from tests.integration.door.test_areas import HERE, NAMES, NORTH, QUERY, SINCE, TEMPORAL, THERE, placed
from tests.integration.gateway.conftest import City
from tests.integration.gateway.test_access import store as put
from tests.integration.gateway.test_entities import ENTITIES, UPSERT, gauge
from tests.integration.gateway.test_personal import Told, subscribe

OPEN, SECRET = NAMES[1], NAMES[2]
HIDDEN = ["battery", "mast", "standsAt"]
WATER = {"types": ["WaterObserved"]}
VEIL = [
    {"name": "staff", "explanation": "staff see all", "allow": True, "scopes": ["flood:staff"], "attributes": HIDDEN,
     "actions": ["read"], **WATER},
    {"name": "veil", "explanation": "not for all", "allow": False, "attributes": HIDDEN, "actions": ["read"], **WATER},
]  # fmt: skip
PARK = {"id": "urn:ngsi-ld:PointOfInterest:1", "type": "PointOfInterest", "title": "Mast park"}
OBSERVED = "2024-06-30T23:30:00Z"


@asynccontextmanager
async def in_force(city: City, rules: list[dict[str, Any]], **areas: Any) -> AsyncIterator[None]:
    """Put rules before those of the platform into force."""
    given, now = {"rules": [*rules, *plain(DEFAULT_POLICY)["rules"]], "areas": areas}, datetime.now(UTC)
    async with city.database.system.transaction() as tx:
        number, _ = await store.draft(tx, "fukui", given, [], why="x", by="x", at=now)
        await store.activate(tx, "fukui", number, why="x", by="x", at=now)
    following = asyncio.create_task(city.app.state.policies.follow())
    async with asyncio.timeout(30):
        while city.app.state.policies.judge("fukui").policy.version != f"fukui.{number}":
            await city.app.state.policies.learn("fukui")
            await asyncio.sleep(0.02)
    yield
    following.cancel()


def secret(level: float = 1.0, at: str = "2024-06-30T22:20:00Z", battery: float = 3.5) -> dict[str, Any]:
    observed = {"type": "Property", "value": battery, "unitCode": "VLT", "observedAt": OBSERVED}
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": THERE}}
    return gauge(2, level, at, battery=observed, mast=place, standsAt={"type": "Relationship", "object": PARK["id"]})


@pytest.fixture
async def veiled(city: City, writer: httpx.AsyncClient) -> AsyncIterator[City]:
    await writer.post(UPSERT, json=[gauge(1), secret(), PARK])
    async with in_force(city, VEIL):
        yield city


async def test_no_way_out_tells_who_has_a_hidden_attribute(veiled: City, api: httpx.AsyncClient) -> None:
    staff = {"Authorization": f"Bearer {await veiled.token('flood:staff')}"}
    after = "timerel=after&timeAt=2024-06-30T23:00:00Z"
    for path, given in {
        f"{QUERY}&attrs=battery,name": [],
        f"{QUERY}&attrs=battery,waterLevel": [OPEN, SECRET],
        f"{QUERY}&pick=id,battery": [OPEN, SECRET],
        f"{QUERY}&pick=battery,name": [],
        f"{ENTITIES}?attrs=battery,name&count=true": [],
        f"{QUERY}&join=flat": [OPEN, SECRET],
        f"{QUERY}&join=inline": [OPEN, SECRET],
        f"{TEMPORAL}?type=WaterObserved&{SINCE}": [OPEN, SECRET],
        f"{TEMPORAL}?type=WaterObserved&{SINCE}&attrs=battery,name&count=true": [],
        f"{TEMPORAL}?type=WaterObserved&{after}&count=true": [],
        f"{TEMPORAL}?type=WaterObserved&{SINCE}&options=aggregatedValues&aggrMethods=max": [OPEN, SECRET],
        "/v2/entities?type=WaterObserved&attrs=battery,waterLevel": ["fukui-1", "fukui-2"],
    }.items():
        answer = await api.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert [entity["id"].removeprefix("urn:ngsi-ld:WaterObserved:") for entity in answer.json()] == [
            id_.removeprefix("urn:ngsi-ld:WaterObserved:") for id_ in given
        ], path
        assert answer.headers.get("ngsild-results-count", str(len(given))) == str(len(given)), path
        assert all(word not in answer.text for word in ("3.5", "35.5", "Mast", "standsAt")), path
        seen = await api.get(path, headers=staff)
        assert seen.status_code == 200, seen.text
        assert seen.text != answer.text or "attrs=battery,waterLevel" not in path, "staff see it"
    for path in (
        f"{ENTITIES}/{SECRET}?geometryProperty=mast",
        f"{ENTITIES}/{SECRET}?join=flat",
        f"{TEMPORAL}/{SECRET}?{SINCE}",
        "/ngsi-ld/v1/types/WaterObserved",
        "/ngsi-ld/v1/types?details=true",
        "/ngsi-ld/v1/attributes?details=true",
        "/v2/types/WaterObserved",
        "/v2/types",
        "/api/v1/catalogue/WaterObserved/download",
        "/api/v1/catalogue/WaterObserved/download?format=geojson",
    ):
        wish = {"Accept": "application/geo+json"} if "geometryProperty" in path else {}
        answer = await api.get(path, headers=wish)
        assert answer.status_code == 200, (path, answer.text)
        assert all(word not in answer.text for word in ("battery", "mast", "Mast", "standsAt", "35.5")), path
        seen = await api.get(path, headers=staff | wish)
        assert seen.text != answer.text, f"staff see it: {path}"


async def test_a_part_of_a_history_is_cut_by_what_is_seen(
    veiled: City, api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    """`max_points` is 50: what is hidden takes no room, and its times do not stand in Content-Range."""
    hours = [f"2024-07-{day:02}T{hour:02}:00:00Z" for day in (1, 2) for hour in range(24)]
    points = [{"type": "Property", "value": n, "observedAt": at} for n, at in enumerate(hours)]
    hidden = [{**point, "observedAt": point["observedAt"].replace(":00:00Z", ":30:00Z")} for point in points]
    body = {"id": SECRET, "type": "WaterObserved", "waterLevel": points, "battery": hidden}
    assert (await writer.post(TEMPORAL, json=body)).status_code == 204
    told = await api.get(f"{TEMPORAL}/{SECRET}?{SINCE}")
    assert (told.status_code, len(told.json()["waterLevel"])) == (200, 49)


async def test_a_change_of_what_is_hidden_is_told_to_nobody_else(veiled: City, writer: httpx.AsyncClient) -> None:
    for scopes in (["subscriptions:write"], ["subscriptions:write", "flood:staff"]):
        token = await veiled.token(*scopes)
        async with veiled.client() as app:
            made = await subscribe(app, "WaterObserved", Authorization=f"Bearer {token}")
            assert made.status_code == 201, made.text
    told = Told(veiled)
    await told.entities()
    await writer.post(UPSERT, json=[secret(battery=3.4)], params={"options": "update"})
    assert await told.entities() == [SECRET], "staff alone"
    await writer.post(UPSERT, json=[secret(2.0, "2024-07-01T00:00:00Z", 3.4)], params={"options": "update"})
    assert await told.entities() == [SECRET, SECRET]


async def test_who_may_write_which_attribute_and_where(
    city: City, api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    await writer.post(UPSERT, json=[placed(1, HERE, zero=5), placed(2, THERE, zero=5)])
    writes = {"actions": ["write"], **WATER}
    surveyor = await city.token("entities:write", "devices:write")
    rules = [
        {"name": "surveyors", "explanation": "surveyors set zeros", "allow": True, "attributes": ["zero"],
         "scopes": ["devices:write"], **writes},
        {"name": "no-zeros", "explanation": "zeros are surveyed", "allow": False, "attributes": ["zero"], **writes},
        {"name": "north", "explanation": "the north", "allow": True, "areas": ["北"], "scopes": ["entities:write"],
         **writes},
        {"name": "elsewhere", "explanation": "the county writes there", "allow": False, **writes},
    ]  # fmt: skip
    north, south = f"{ENTITIES}/{NAMES[1]}", f"{ENTITIES}/{NAMES[2]}"
    zero, level, there = {"zero": 1}, {"waterLevel": 2}, {"location": {"type": "Point", "coordinates": THERE}}
    instance = [{"type": "Property", "value": 3, "observedAt": OBSERVED}]
    async with in_force(city, rules, 北=NORTH):
        for method, path, body, why in (
            ("PATCH", f"{north}/attrs", zero, "the attribute zero: zeros are surveyed"),
            ("POST", f"{north}/attrs", zero | level, "zeros are surveyed"),
            ("PATCH", north, zero, "zeros are surveyed"),
            ("PUT", f"{north}/attrs/zero", {"type": "Property", "value": 1}, "zeros are surveyed"),
            ("DELETE", f"{north}/attrs/zero", None, "zeros are surveyed"),
            ("DELETE", north, None, "zeros are surveyed"),
            ("PUT", north, {"type": "WaterObserved", **level}, "zeros are surveyed"),
            ("POST", UPSERT, [placed(1, HERE)], "zeros are surveyed"),
            ("POST", f"{TEMPORAL}/{NAMES[1]}/attrs", {"zero": instance}, "zeros are surveyed"),
            ("DELETE", f"{TEMPORAL}/{NAMES[1]}/attrs/zero", None, "zeros are surveyed"),
            ("PUT", "/v2/entities/" + NAMES[1] + "/attrs/zero/value", 7, "zeros are surveyed"),
            ("PATCH", f"{south}/attrs", level, "the county writes there"),
            ("PATCH", f"{north}/attrs", there, "the county writes there"),
            ("DELETE", south, None, "the county writes there"),
            ("POST", f"{TEMPORAL}/{NAMES[2]}/attrs", {"waterLevel": instance}, "the county writes there"),
            ("POST", ENTITIES, placed(4, THERE), "the county writes there"),
            ("POST", ENTITIES, gauge(5), "the county writes there"),
            ("POST", UPSERT, [placed(2, THERE)], "the county writes there"),
            ("POST", "/v2/op/update", {"actionType": "append", "entities": [
                {"id": NAMES[2], "type": "WaterObserved", "waterLevel": {"value": 1}}]}, "the county writes there"),
        ):  # fmt: skip
            refused = await writer.request(method, path, json=body)
            assert refused.status_code == 403, (method, path, refused.status_code, refused.text)
            assert why in refused.text, (method, path, refused.text)
        both = await writer.post(UPSERT, json=[placed(6, HERE), placed(7, THERE)])
        assert (both.status_code, both.json()["success"]) == (207, ["urn:ngsi-ld:WaterObserved:fukui-6"])
        assert (await writer.patch(f"{north}/attrs", json=level)).status_code == 204
        by_surveyor = await api.patch(f"{north}/attrs", json=zero, headers={"Authorization": f"Bearer {surveyor}"})
        assert by_surveyor.status_code == 204, by_surveyor.text
        kept = (await api.get(north, params={"options": "keyValues"})).json()
        assert (kept["zero"], kept["waterLevel"]) == (1, 2)
        assert (await api.get(south, params={"options": "keyValues"})).json()["waterLevel"] == 1.0


async def test_writing_does_not_tell_that_a_person_is_known(city: City, writer: httpx.AsyncClient) -> None:
    await put(city, "urn:ngsi-ld:Person:1", "Person")
    told = []
    for id_ in ("urn:ngsi-ld:Person:1", "urn:ngsi-ld:Person:2"):
        body = {"name": {"type": "Property", "value": "y"}}
        answers = [
            await writer.patch(f"{ENTITIES}/{id_}/attrs", json=body),
            await writer.post(f"{ENTITIES}/{id_}/attrs", json=body),
            await writer.put(f"{ENTITIES}/{id_}/attrs/name", json=body["name"]),
            await writer.delete(f"{ENTITIES}/{id_}"),
            await writer.delete(f"{TEMPORAL}/{id_}"),
            await writer.post("/ngsi-ld/v1/entityOperations/delete", json=[id_]),
            await writer.post("/ngsi-ld/v1/entityOperations/merge", json=[{"id": id_, **body}]),
            await writer.patch(f"/v2/entities/{id_}/attrs", json={"name": {"value": "y"}}),
        ]
        told.append([(answer.status_code, answer.text.replace(id_, "ID")) for answer in answers])
    assert told[0] == told[1]
