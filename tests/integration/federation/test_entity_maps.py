"""A query's pages are of one list, whatever comes and goes meanwhile (ETSI GS CIM 009, 5.2.39, 5.7.2, 5.14)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from broker.store.entity_maps import forget_expired
from tests.conftest import CityDatabase
from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE, gauge
from tests.integration.gateway.conftest import City, city

__all__ = ["city"]

HEADER = "NGSILD-EntityMap"


async def page(town: Town, offset: int, made: str | None, **params: Any) -> httpx.Response:
    asked = {"type": "WaterObserved", "limit": 3, "offset": offset, **params}
    if made is None:
        return await town.client.get(f"{ROOT}/entities", params={**asked, "entityMap": "true"})
    return await town.client.get(f"{ROOT}/entities", params=asked, headers={HEADER: made})


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entity["id"].rpartition(":")[2] for entity in answer.json()]


async def test_pages_of_both_cities_stay_one_list(fukui: Town, sabae: Town) -> None:
    registration = await fukui.register(sabae.url, GAUGE)
    for number in range(0, 10, 2):
        await fukui.create(gauge(f"{number:02}", flow=number), local=True)
    for number in [1, 3, 4, 5, 7]:
        await sabae.create(gauge(f"{number:02}", depth=number))

    first = await page(fukui, 0, None, count="true")
    made = first.headers[HEADER]
    assert names(first) == ["00", "01", "02"]
    assert first.headers["ngsild-results-count"] == "9"
    await fukui.create(gauge("00a", flow=1), local=True)
    assert (await sabae.client.delete(f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:05")).status_code == 204
    second = await page(fukui, 3, made)
    assert names(second) == ["03", "04"], "what is gone is left out, what came later does not shift the page"
    assert (second.json()[1]["flow"]["value"], second.json()[1]["depth"]["value"]) == (4, 4)
    assert 'rel="next"' in second.headers["link"]
    last = await page(fukui, 6, made)
    assert names(last) == ["06", "07", "08"]
    assert 'rel="next"' not in last.headers.get("link", "")

    told = (await fukui.get(f"entityMaps/{made}")).json()
    assert (told["type"], len(told["entityMap"])) == ("EntityMap", 9)
    assert set(told["entityMap"]["urn:ngsi-ld:WaterObserved:04"]) == {"@none", registration}
    assert told["entityMap"]["urn:ngsi-ld:WaterObserved:07"] == [registration]


async def test_the_order_and_the_conditions_of_the_query_hold(fukui: Town) -> None:
    for number in range(8):
        await fukui.create(gauge(f"{number:02}", flow=number * 3 % 8))
    asked = {"orderBy": "flow;desc", "q": "flow>1"}
    first = await page(fukui, 0, None, **asked)
    assert [entity["flow"]["value"] for entity in first.json()] == [7, 6, 5]
    second = await page(fukui, 3, first.headers[HEADER], **asked)
    assert [entity["flow"]["value"] for entity in second.json()] == [4, 3, 2]
    body = {"type": "Query", "entities": [{"type": "WaterObserved"}], "q": "flow>5"}
    posted = await fukui.client.post(f"{ROOT}/entityOperations/query?entityMap=true&limit=1", json=body)
    assert len(posted.json()) == 1
    told = (await fukui.get(f"entityMaps/{posted.headers[HEADER]}")).json()
    assert len(told["entityMap"]) == 2


async def test_a_map_is_prolonged_and_forgotten(fukui: Town, database: CityDatabase) -> None:
    await fukui.create(gauge("a"))
    made = (await page(fukui, 0, None)).headers[HEADER]
    path = f"{ROOT}/entityMaps/{made}"
    until = datetime.now(UTC) + timedelta(minutes=50)
    assert (await fukui.client.patch(path, json={"expiresAt": until.isoformat()})).status_code == 204
    assert (await fukui.client.get(path)).json()["expiresAt"][:16] == until.isoformat()[:16]
    for wrong in ({"expiresAt": "soon"}, {"expiresAt": "2020-01-01T00:00:00Z"}, {"entityMap": {}}, {}, []):
        assert (await fukui.client.patch(path, json=wrong)).status_code == 400
    async with database.system.transaction() as tx:
        assert await forget_expired(datetime.now(UTC), tx, 10) == 0
        assert await forget_expired(datetime.now(UTC) + timedelta(hours=2), tx, 10) == 1
    for answer in (await fukui.client.get(path), await fukui.client.delete(path), await page(fukui, 0, made)):
        assert answer.status_code == 404
    for nothing in (await fukui.client.get(f"{ROOT}/entityMaps/x%00y"), await page(fukui, 0, "no uri")):
        assert nothing.status_code == 400
    again = (await page(fukui, 0, None)).headers[HEADER]
    assert (await fukui.client.delete(f"{ROOT}/entityMaps/{again}")).status_code == 204
    assert (await page(fukui, 0, again)).status_code == 404


async def test_a_map_is_its_owners_alone(city: City) -> None:
    headers = [{"Authorization": f"Bearer {await city.token('entities:write')}"} for _ in range(2)]
    async with city.client() as client:
        await client.post(f"{ROOT}/entities", json=gauge("a"), headers=headers[0])
        asked = {"type": "WaterObserved", "entityMap": "true"}
        made = (await client.get(f"{ROOT}/entities", params=asked, headers=headers[0])).headers[HEADER]
        for who, status in ((headers[0], 200), (headers[1], 404), ({}, 404)):
            assert (await client.get(f"{ROOT}/entityMaps/{made}", headers=who)).status_code == status
            used = await client.get(f"{ROOT}/entities", params={"type": "WaterObserved"}, headers={HEADER: made, **who})
            assert used.status_code == status
