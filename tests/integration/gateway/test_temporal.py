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
