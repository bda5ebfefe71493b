"""Reading history over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from broker.entities.parse import is_uri
from tests.integration.gateway.conftest import SETTINGS
from tests.integration.gateway.test_entities import GAUGE, UPSERT, gauge

TEMPORAL = "/ngsi-ld/v1/temporal/entities"
START = datetime(2024, 7, 1, tzinfo=UTC)


def time(number: int) -> str:
    return (START + timedelta(minutes=10 * number)).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def flooded(writer: httpx.AsyncClient) -> httpx.AsyncClient:
    """Five readings, ten minutes apart, and one correction."""
    for number, level in ((0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4), (1, 9.99)):
        await writer.post(UPSERT, params={"options": "update"}, json=[gauge(level=level, at=time(number))])
    return writer


async def values(api: httpx.AsyncClient, **params: str) -> list[tuple[float, str]]:
    answer = await api.get(f"{TEMPORAL}/{GAUGE}", params=params)
    assert answer.status_code == 200, answer.text
    return [(point["value"], point["observedAt"]) for point in answer.json().get("waterLevel", [])]


async def test_all_there_is_with_the_correction_in_force(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{TEMPORAL}/{GAUGE}")
    body = answer.json()
    assert (body["id"], body["type"]) == (GAUGE, "WaterObserved")
    corrected = body["waterLevel"][1]
    assert is_uri(corrected.pop("instanceId"))
    assert corrected == {"type": "Property", "value": 9.99, "unitCode": "MTR", "observedAt": time(1)}
    assert [point["value"] for point in body["waterLevel"]] == [0.0, 9.99, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("params", "numbers"),
    [
        ({"timerel": "before", "timeAt": time(2)}, [0, 1]),
        ({"timerel": "after", "timeAt": time(2)}, [3, 4]),
        ({"timerel": "between", "timeAt": time(1), "endTimeAt": time(3)}, [1, 2]),
        ({"timerel": "between", "timeAt": "2024-07-01T09:10:00+09:00", "endTimeAt": time(3)}, [1, 2]),
        ({"lastN": "2"}, [4, 3]),
        ({"lastN": "2", "timerel": "before", "timeAt": time(3)}, [2, 1]),
        ({"timerel": "after", "timeAt": time(9)}, []),
        ({"timerel": "after", "timeAt": "9999-12-31T23:59:59.999999Z"}, []),
        ({"timerel": "before", "timeAt": "0001-01-01T00:00:00Z"}, []),
    ],
)
async def test_spans(
    flooded: httpx.AsyncClient, api: httpx.AsyncClient, params: dict[str, str], numbers: list[int]
) -> None:
    assert [at for _, at in await values(api, **params)] == [time(number) for number in numbers]


async def test_pairs_of_value_and_time(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{TEMPORAL}/{GAUGE}", params={"options": "temporalValues", "lastN": "1"})
    assert answer.json()["waterLevel"] == {"type": "Property", "values": [[0.4, time(4)]]}


async def test_other_attributes_have_a_history_too(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    place = {"type": "Relationship", "object": "urn:ngsi-ld:Device:1", "observedAt": time(0)}
    await writer.post(UPSERT, json=[gauge(at=time(0), refDevice=place)])
    body = (await api.get(f"{TEMPORAL}/{GAUGE}", params={"attrs": "refDevice"})).json()
    assert is_uri(body["refDevice"][0].pop("instanceId"))
    assert body == {"id": GAUGE, "type": "WaterObserved", "refDevice": [place]}


async def test_a_query_leaves_out_who_has_nothing(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await flooded.post(UPSERT, json=[gauge(2, at=time(100))])
    params = {"type": "WaterObserved", "timerel": "before", "timeAt": time(1), "count": "true"}
    answer = await api.get(TEMPORAL, params=params)
    assert [entity["id"] for entity in answer.json()] == [GAUGE]
    assert answer.headers["ngsild-results-count"] == "1"


async def test_more_than_fits_is_told_and_can_be_continued(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    batch = [gauge(level=n / 10, at=time(n)) for n in range(SETTINGS.max_points + 20)]
    assert (await writer.post(UPSERT, params={"options": "update"}, json=batch)).status_code == 201
    params: dict[str, str] = {"timerel": "after", "timeAt": time(-1)}
    seen: list[str] = []
    statuses: list[int] = []
    for _ in range(2):
        answer = await api.get(f"{TEMPORAL}/{GAUGE}", params=params)
        statuses.append(answer.status_code)
        seen += [point["observedAt"] for point in answer.json()["waterLevel"]]
        params["timeAt"] = seen[-1]
        if answer.status_code == 206:
            assert answer.headers["content-range"] == f"date-time {time(-1)}-{seen[-1]}/*"
    assert statuses == [206, 200]
    assert seen == [time(n) for n in range(SETTINGS.max_points + 20)]


async def test_history_as_json_ld(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    answer: Any = await api.get(f"{TEMPORAL}/{GAUGE}", headers={"Accept": "application/ld+json"})
    assert answer.headers["content-type"] == "application/ld+json"
    assert "@context" in answer.json()


async def test_aggregates_by_period(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    params = {"options": "aggregatedValues", "aggrMethods": "avg,max,totalCount", "aggrPeriodDuration": "PT30M"}
    body = (await api.get(f"{TEMPORAL}/{GAUGE}", params={**params, "timerel": "after", "timeAt": time(-1)})).json()
    assert body["waterLevel"] == {
        "type": "Property",
        "avg": [[pytest.approx((0.0 + 9.99) / 2), time(-1), time(2)], [pytest.approx(0.3), time(2), time(5)]],
        "max": [[9.99, time(-1), time(2)], [0.4, time(2), time(5)]],
        "totalCount": [[2, time(-1), time(2)], [3, time(2), time(5)]],
    }
    params |= {"aggrPeriodDuration": "PT0S", "type": "WaterObserved", "timerel": "before", "timeAt": time(3)}
    (queried,) = (await api.get(TEMPORAL, params=params)).json()
    assert queried["waterLevel"]["totalCount"] == [[3, time(0), time(3)]]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"options": "aggregatedValues"}, "aggrMethods"),
        ({"options": "aggregatedValues", "aggrMethods": "median"}, "aggrMethods"),
        ({"options": "aggregatedValues", "aggrMethods": "avg", "aggrPeriodDuration": "1H"}, "aggrPeriodDuration"),
        ({"options": "aggregatedValues", "aggrMethods": "avg", "timeproperty": "createdAt"}, "timeproperty"),
        ({"options": "aggregatedValues,temporalValues", "aggrMethods": "avg"}, "options"),
        ({"options": "sums"}, "options"),
        ({"timeproperty": "sentAt"}, "timeproperty"),
        ({"pick": "waterLevel", "attrs": "waterLevel"}, "pick"),
        ({"pick": "waterLevel", "omit": "waterLevel"}, "omit"),
        ({"lastN": "0"}, "lastN"),
    ],
)
async def test_what_cannot_be_asked(
    flooded: httpx.AsyncClient, api: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    answer = await api.get(f"{TEMPORAL}/{GAUGE}", params=params)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


async def test_members_are_picked_and_left_out(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    one = f"{TEMPORAL}/{GAUGE}"
    assert set((await api.get(one, params={"pick": "id,waterLevel"})).json()) == {"id", "waterLevel"}
    assert set((await api.get(one, params={"omit": "type,waterLevel"})).json()) == {"id"}
    for params in ({"attrs": "nothing"}, {"pick": "nothing"}, {"omit": "id,type,waterLevel"}):
        assert (await api.get(one, params=params)).status_code == 404, params
    asked = {"type": "WaterObserved", "timerel": "after", "timeAt": time(-1), "pick": "id"}
    assert (await api.get(TEMPORAL, params=asked)).json() == [{"id": GAUGE}]
    assert (await api.get(TEMPORAL, params={**asked, "pick": "id,nothing"})).json() == []


async def test_a_query_in_a_body(flooded: httpx.AsyncClient) -> None:
    path = "/ngsi-ld/v1/temporal/entityOperations/query"
    body: dict[str, Any] = {
        "type": "Query",
        "entities": [{"type": "WaterObserved"}, {"type": "Bridge"}],
        "temporalQ": {"timerel": "between", "timeAt": time(2), "endTimeAt": time(4)},
    }
    answer = await flooded.post(path, json=body, params={"options": "temporalValues"})
    assert answer.json()[0]["waterLevel"]["values"] == [[0.2, time(2)], [0.3, time(3)]]
    del body["temporalQ"]
    assert (await flooded.post(path, json=body)).json()["field"] == "temporalQ"


async def test_a_page_of_histories_leads_to_the_next(flooded: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await flooded.post(UPSERT, json=[gauge(number, at=time(0)) for number in (2, 3)])
    asked = {"type": "WaterObserved", "timerel": "after", "timeAt": time(-1), "limit": "2"}
    first = await api.get(TEMPORAL, params=asked)
    second = await api.get(first.links["next"]["url"])
    assert [len(first.json()), len(second.json())] == [2, 1]
    assert "next" not in second.links


async def test_a_part_names_what_is_all_in_other_parts(writer: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    flow = {"type": "Property", "value": 3, "observedAt": time(900)}
    batch = [gauge(level=n / 10, at=time(n)) for n in range(SETTINGS.max_points + 5)]
    await writer.post(UPSERT, params={"options": "update"}, json=[*batch, gauge(at=time(70), flow=flow)])
    answer = await api.get(
        f"{TEMPORAL}/{GAUGE}", params={"timerel": "between", "timeAt": time(0), "endTimeAt": time(999)}
    )
    assert (answer.status_code, answer.json()["flow"]) == (206, [])
    answer = await api.get(f"{TEMPORAL}/{GAUGE}", params={"lastN": "60", "timerel": "before", "timeAt": time(999)})
    shown = answer.json()["waterLevel"]
    assert answer.headers["content-range"] == f"date-time {time(999)}-{shown[-1]['observedAt']}/60"


async def test_a_history_is_found_by_its_place(keeper: httpx.AsyncClient) -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}}
    level = [{"type": "Property", "value": 1.5, "observedAt": time(0)}]
    await keeper.post(TEMPORAL, json={"id": GAUGE, "type": "WaterObserved", "waterLevel": level, "location": [place]})
    asked = {"type": "WaterObserved", "timerel": "before", "timeAt": time(9), "georel": "near;maxDistance==1000"}
    for longitude, found in ((136.2, 1), (137.2, 0)):
        point = {"geometry": "Point", "coordinates": f"[{longitude},36.0]"}
        answer = await keeper.get(TEMPORAL, params={**asked, **point})
        assert (answer.status_code, len(answer.json())) == (200, found), answer.text
