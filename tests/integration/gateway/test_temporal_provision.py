"""Temporal representations written over HTTP (5.6.11 to 5.6.16), and what they mean for the entity's state."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import City
from tests.integration.gateway.test_entities import UPSERT, gauge
from tests.integration.gateway.test_temporal import TEMPORAL, time

ENTITIES = "/ngsi-ld/v1/entities"
RIVER = "urn:ngsi-ld:WaterObserved:asuwa"


def level(value: float, number: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": time(number), **more}


def river(**attributes: Any) -> dict[str, Any]:
    return {"id": RIVER, "type": "WaterObserved", **attributes}


async def history(api: httpx.AsyncClient, **params: str) -> Any:
    answer = await api.get(f"{TEMPORAL}/{RIVER}", params=params)
    return answer.json() if answer.status_code == 200 else answer.status_code


async def levels(api: httpx.AsyncClient, **params: str) -> list[float]:
    return [one["value"] for one in (await history(api, **params)).get("level", [])]


async def instance(api: httpx.AsyncClient, index: int, attribute: str = "level") -> str:
    return str((await history(api))[attribute][index]["instanceId"])


@pytest.fixture
async def flown(writer: httpx.AsyncClient) -> httpx.AsyncClient:
    """A river with two levels, and one of another dataset."""
    document = river(
        level=[level(1.0, 0), level(2.0, 1), level(7.0, 2, datasetId="urn:ngsi-ld:Dataset:radar")],
        name=[{"type": "LanguageProperty", "languageMap": {"ja": "足羽川"}, "observedAt": time(0)}],
    )
    answer = await writer.post(TEMPORAL, json=document)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{TEMPORAL}/{RIVER}"), answer.text
    return writer


async def test_the_newest_becomes_the_state(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    body = (await api.get(f"{ENTITIES}/{RIVER}")).json()
    assert [one["value"] for one in body["level"]] == [2.0, 7.0]
    assert body["name"]["languageMap"] == {"ja": "足羽川"}
    assert await levels(api) == [1.0, 2.0, 7.0]


async def test_an_archive_does_not_go_over_the_state(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await writer.post(UPSERT, json=[{**gauge(), "id": RIVER, "type": "WaterObserved", "level": level(5.0, 9)}])
    answer = await writer.post(TEMPORAL, json=river(level=[level(1.0, 0), level(2.0, 1)]))
    assert answer.status_code == 204
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"]["value"] == 5.0
    assert await levels(api) == [1.0, 2.0, 5.0]


async def test_more_of_the_same_is_added_and_repeats_are_not(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    document = river(level=[level(1.0, 0), level(2.5, 1), level(3.0, 3)])
    for _ in range(2):
        assert (await flown.post(TEMPORAL, json=document)).status_code == 204
    assert await levels(api, datasetId="@none") == [1.0, 2.5, 3.0]


async def test_attributes_are_added(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    path = f"{TEMPORAL}/{RIVER}/attrs"
    assert (await flown.post(path, json={"flow": [level(30.0, 0), level(31.0, 1)]})).status_code == 204
    assert [one["value"] for one in (await history(api))["flow"]] == [30.0, 31.0]
    unknown = await flown.post(f"{TEMPORAL}/urn:ngsi-ld:WaterObserved:none/attrs", json={"flow": [level(1, 0)]})
    assert unknown.status_code == 404


async def test_an_attribute_is_deleted_by_dataset_or_whole(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    path = f"{TEMPORAL}/{RIVER}/attrs/level"
    assert (await flown.delete(path)).status_code == 204
    assert await levels(api) == [7.0]
    assert (await flown.delete(path)).status_code == 404
    assert (await flown.delete(path, params={"deleteAll": "true"})).status_code == 204
    assert "level" not in await history(api)
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"], "the state is not history"


async def test_an_instance_is_changed_in_its_place(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    last = await instance(api, 1)
    path = f"{TEMPORAL}/{RIVER}/attrs/level/{last}"
    assert (await flown.patch(path, json={"value": 2.2})).status_code == 204
    found = await history(api, options="sysAttrs")
    assert (found["level"][1]["value"], found["level"][1]["instanceId"]) == (2.2, last)
    assert found["level"][1]["modifiedAt"] > found["level"][1]["createdAt"]
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"][0]["value"] == 2.2
    first = await instance(api, 0)
    assert (await flown.patch(f"{TEMPORAL}/{RIVER}/attrs/level/{first}", json={"value": 1.1})).status_code == 204
    assert await levels(api, datasetId="@none") == [1.1, 2.2]
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"][0]["value"] == 2.2


async def test_what_a_person_corrects_is_undone_by_no_late_copy(
    flown: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    """A device says 2.0, then 9.0, then 2.0 again of one time: the third is a copy for all that anybody can tell."""
    for value in (9.0, 2.0):
        assert (await flown.post(TEMPORAL, json=river(level=[level(value, 1)]))).status_code == 204
    assert await levels(api, datasetId="@none") == [1.0, 9.0]
    last = await instance(api, 1)
    path = f"{TEMPORAL}/{RIVER}/attrs/level/{last}"
    for value in (2.1, 2.0):
        assert (await flown.patch(path, json={"value": value})).status_code == 204
        assert (await instance(api, 1), await levels(api, datasetId="@none")) == (last, [1.0, value])
    for value in (9.0, 2.0):
        assert (await flown.post(TEMPORAL, json=river(level=[level(value, 1)]))).status_code == 204
    assert await levels(api, datasetId="@none") == [1.0, 2.0]
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"][0]["value"] == 2.0


async def test_an_instance_keeps_its_id_when_its_time_changes(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    first = await instance(api, 0)
    path = f"{TEMPORAL}/{RIVER}/attrs/level/{first}"
    assert (await flown.patch(path, json={"observedAt": time(5)})).status_code == 204
    found = (await history(api, datasetId="@none"))["level"]
    assert [(one["value"], one["observedAt"]) for one in found] == [(2.0, time(1)), (1.0, time(5))]
    assert found[1]["instanceId"] == first
    assert (await flown.patch(path, json={"value": 1.5})).status_code == 204
    assert await levels(api, datasetId="@none") == [2.0, 1.5]


async def test_a_deleted_instance_does_not_uncover_what_it_corrected(
    flown: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    await flown.post(TEMPORAL, json=river(level=[level(1.4, 0)]))
    path = f"{TEMPORAL}/{RIVER}/attrs/level/{await instance(api, 0)}"
    assert (await flown.delete(path)).status_code == 204
    assert await levels(api, datasetId="@none") == [2.0]
    assert (await flown.delete(path)).status_code == 404


async def test_the_state_is_the_newest_instance_that_is_left(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    async def state() -> list[float]:
        found = (await api.get(f"{ENTITIES}/{RIVER}")).json().get("level", [])
        return [one["value"] for one in (found if isinstance(found, list) else [found])]

    async def deletes(index: int) -> None:
        path = f"{TEMPORAL}/{RIVER}/attrs/level/{await instance(api, index)}"
        assert (await flown.delete(path)).status_code == 204

    await flown.patch(f"{TEMPORAL}/{RIVER}/attrs/level/{await instance(api, 1)}", json={"observedAt": time(-1)})
    assert (await levels(api), sorted(await state())) == ([2.0, 1.0, 7.0], [1.0, 7.0])
    await deletes(0)
    assert sorted(await state()) == [1.0, 7.0], "the newest is still there"
    await deletes(0)
    assert await state() == [7.0]
    await deletes(0)
    assert await state() == []
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["name"]
    answer = await flown.post(f"{TEMPORAL}/{RIVER}/attrs", json={"level": [level(1.0, 0)]})
    assert (answer.status_code, await levels(api), await state()) == (204, [1.0], [1.0]), "who writes it again means it"


async def test_an_instance_moved_to_another_dataset_takes_its_state_along(
    flown: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    path = f"{TEMPORAL}/{RIVER}/attrs/level/{await instance(api, 1)}"
    assert (await flown.patch(path, json={"datasetId": "urn:ngsi-ld:Dataset:staff"})).status_code == 204
    found = (await api.get(f"{ENTITIES}/{RIVER}")).json()["level"]
    assert sorted((one["value"], one.get("datasetId", "")[-5:]) for one in found) == [
        (1.0, ""),
        (2.0, "staff"),
        (7.0, "radar"),
    ]


async def test_what_is_said_without_a_time_is_no_matter_of_history(
    flown: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    note = {"note": {"type": "Property", "value": "見回り済み"}}
    assert (await flown.post(f"{ENTITIES}/{RIVER}/attrs", json=note)).status_code == 204
    found = (await api.get(f"{TEMPORAL}/{RIVER}", params={"timeproperty": "createdAt"})).json()["note"]
    kept = found[0] if isinstance(found, list) else found
    assert (await flown.delete(f"{TEMPORAL}/{RIVER}/attrs/note/{kept['instanceId']}")).status_code == 204
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["note"]["value"] == "見回り済み"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "", 405),
        ("DELETE", "/invalidId", 400),
        ("DELETE", "/urn:ngsi-ld:WaterObserved:none", 404),
        ("DELETE", "//attrs/level", 400),
        ("DELETE", f"/{RIVER}/attrs/le(vel", 400),
        ("DELETE", f"/{RIVER}/attrs/nothing", 404),
        ("DELETE", f"/{RIVER}/attrs/https://example.org/terms/nothing", 404),
        ("DELETE", f"/{RIVER}/attrs/level/invalidId", 400),
        ("DELETE", f"/{RIVER}/attrs/level/urn:ngsi-ld:Instance:1.99999999999999999.0", 404),
        ("PATCH", f"/{RIVER}/attrs/level/urn:ngsi-ld:Instance:1.2.3", 404),
        ("PATCH", f"/{RIVER}/attrs/level", 405),
        ("PATCH", f"/{RIVER}/attrs//urn:ngsi-ld:Instance:1.2.3", 405),
    ],
)
async def test_what_is_not_there(flown: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await flown.request(method, TEMPORAL + path, json={"value": 1} if method == "PATCH" else None)
    assert answer.status_code == status, answer.text
    if status != 405:
        assert answer.json()["title"]


async def test_a_stranger_writes_no_history(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert (await api.post(TEMPORAL, json=river(level=[level(0.0, 7)]))).status_code == 401
    assert (await api.delete(f"{TEMPORAL}/{RIVER}")).status_code == 401
    assert await levels(api, datasetId="@none") == [1.0, 2.0]


async def test_deleting_it_takes_what_it_made(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert (await flown.delete(f"{TEMPORAL}/{RIVER}")).status_code == 204
    assert await history(api) == 404
    assert (await api.get(f"{ENTITIES}/{RIVER}")).status_code == 404
    assert (await flown.delete(f"{TEMPORAL}/{RIVER}")).status_code == 404
    assert (await flown.post(TEMPORAL, json=river(level=[level(4.0, 0)]))).status_code == 201
    assert await levels(api) == [4.0]


async def test_deleting_it_leaves_an_entity_that_others_write(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await flown.post(f"{ENTITIES}/{RIVER}/attrs", json={"flow": {"type": "Property", "value": 3}})
    assert (await flown.delete(f"{TEMPORAL}/{RIVER}")).status_code == 204
    assert (await api.get(f"{ENTITIES}/{RIVER}")).json()["flow"]["value"] == 3
    assert "level" not in await history(api)


async def test_a_deleted_attribute_is_asked_for_by_when(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert (await flown.delete(f"{ENTITIES}/{RIVER}/attrs/name")).status_code == 204
    gone = await history(api, timeproperty="deletedAt")
    assert set(gone) == {"id", "type", "name"}
    assert gone["name"][0]["languageMap"] == {"@none": "urn:ngsi-ld:null"}
    asked = {
        "type": "WaterObserved",
        "timeproperty": "deletedAt",
        "timerel": "after",
        "timeAt": gone["name"][0]["deletedAt"],
    }
    assert (await api.get(TEMPORAL, params=asked)).json() == []
    asked["timeAt"] = time(0)
    assert [found["id"] for found in (await api.get(TEMPORAL, params=asked)).json()] == [RIVER]
    assert "name" in await history(api), "its values remain"


async def test_a_deleted_entity_has_a_history(flown: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert (await flown.delete(f"{ENTITIES}/{RIVER}")).status_code == 204
    assert await levels(api, datasetId="@none") == [1.0, 2.0]
    assert (await history(api, options="sysAttrs"))["deletedAt"]
    asked = {
        "type": "WaterObserved",
        "timerel": "after",
        "timeAt": time(0),
        "q": "level==2",
        "options": "temporalValues",
    }
    assert [found["id"] for found in (await api.get(TEMPORAL, params=asked)).json()] == [RIVER]
    assert len((await history(api, timeproperty="deletedAt"))["level"]) == 2
    await flown.post(UPSERT, json=[{"id": RIVER, "type": "WaterObserved", "level": level(3.0, 8)}])
    assert "deletedAt" not in await history(api, options="sysAttrs")
    assert (await api.get(TEMPORAL, params={**asked, "q": "level==3", "count": "true"})).headers[
        "ngsild-results-count"
    ] == "1"
    assert (await flown.delete(f"{TEMPORAL}/{RIVER}")).status_code == 204
    assert (await api.get(f"{ENTITIES}/{RIVER}")).status_code == 200


async def test_times_of_arrival(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await writer.post(TEMPORAL, json=river(level=[level(1.0, 0)], note=[{"type": "Property", "value": "渇水"}]))
    long_ago, far = "2024-08-01T00:00:00Z", "2100-01-01T00:00:00Z"
    observed = await history(api, timerel="before", timeAt=long_ago)
    assert set(observed) == {"id", "type", "level"}, "what has no observedAt is not of that time"
    for by in ("createdAt", "modifiedAt"):
        assert set(await history(api, timerel="before", timeAt=long_ago, timeproperty=by)) == {"id", "type"}
        arrived = await history(api, timerel="between", timeAt=long_ago, endTimeAt=far, timeproperty=by)
        assert arrived["level"][0]["observedAt"] == time(0) < arrived["level"][0][by]
        assert "observedAt" not in arrived["note"][0]


async def test_a_history_belongs_to_its_city(flown: httpx.AsyncClient, city: City) -> None:
    async with city.database.system.transaction() as tx:
        await tx.execute("insert into tenant (name) values ('sakai') on conflict do nothing")
    async with city.client() as other:
        other.headers["Authorization"] = f"Bearer {await city.token('entities:write', tenant='sakai')}"
        other.headers["NGSILD-Tenant"] = "sakai"
        assert (await other.get(f"{TEMPORAL}/{RIVER}")).status_code == 404
        assert (await other.delete(f"{TEMPORAL}/{RIVER}")).status_code == 404
        assert (await other.post(TEMPORAL, json=river(level=[level(9.0, 0)]))).status_code == 201
        assert (await other.delete(f"{TEMPORAL}/{RIVER}")).status_code == 204
    assert await levels(flown) == [1.0, 2.0, 7.0]
