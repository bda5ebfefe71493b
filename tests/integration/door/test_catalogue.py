"""The catalogue, the data map, downloads under the policy, and the yearly report."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

OWN = {"title": "避難所の備蓄", "owner": "危機管理課", "interval_s": 3600, "keywords": ["備蓄"], "area": "福井市"}


def gauge(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:WaterObserved:{number:04}",
        "type": "WaterObserved",
        "name": {"type": "Property", "value": "=足羽川 髙﨑①"},
        "level": {"type": "Property", "value": -0.5, "unitCode": "MTR", "observedAt": "2024-07-01T00:00:00Z"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}},
        **more,
    }


@pytest.fixture
async def stocked(city: City) -> dict[str, str]:
    """620 gauges, a stage that residents may not see, a shelter's stock, a booking."""
    headers = {"Authorization": f"Bearer {await city.token('entities:write', 'alerts:write', 'entities:read')}"}
    async with city.client() as api:
        for start in range(0, 620, 310):
            batch = [gauge(number) for number in range(start, start + 310)]
            assert (await api.post("/ngsi-ld/v1/entityOperations/upsert", json=batch, headers=headers)).is_success
        for entity in (
            {"id": "urn:ngsi-ld:ShelterStock:1", "type": "ShelterStock", "water": 90},
            {
                "id": "urn:ngsi-ld:FloodMonitoring:1",
                "type": "FloodMonitoring",
                "stage": "none",
                "suspectStage": "grave",
            },
        ):
            assert (await api.post("/ngsi-ld/v1/entities", json=entity, headers=headers)).status_code == 201
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into entity (tenant_id, id, type, doc, version, created_at, modified_at) select id,"
            " 'urn:ngsi-ld:RideBooking:1', '{RideBooking}', '{}', 1, now(), now() from tenant where name = 'fukui'"
        )
    return headers


async def test_the_catalogue_shows_what_one_may_read(api: httpx.AsyncClient, stocked: dict[str, str]) -> None:
    shown = (await api.get("/api/v1/catalogue")).json()
    assert shown["city"]["name"] == "福井県"
    types = {one["type"]: one for one in shown["dataSets"]}
    assert types.keys() == {"WaterObserved", "FloodMonitoring"}
    water = types["WaterObserved"]
    assert (water["entities"], water["freshness"], water["marking"]) == (620, 1.0, "open")
    assert water["box"] == [136.2, 36.0, 136.2, 36.0]
    assert ("takes", "service") in {(f["way"], f["kind"]) for f in water["flows"]}
    more = (await api.get("/api/v1/catalogue", headers=stocked)).json()["dataSets"]
    assert "ShelterStock" in {one["type"] for one in more}
    one = (await api.get("/api/v1/catalogue/FloodMonitoring")).json()
    assert one["sample"]["id"] == "urn:ngsi-ld:FloodMonitoring:1"
    assert "suspectStage" not in one["sample"]
    assert (await api.get("/api/v1/catalogue/ShelterStock")).status_code == 404


async def test_the_city_says_what_its_data_sets_are(
    api: httpx.AsyncClient, browser: Browser, stocked: dict[str, str]
) -> None:
    staff = {"Authorization": f"Bearer {await browser.staff('administrator')}"}
    assert (await api.put("/api/v1/catalogue/ShelterStock", json=OWN)).status_code == 401
    assert (await api.put("/api/v1/catalogue/ShelterStock", headers=staff, json=OWN)).status_code == 200
    booking = {"title": "バスの予約", "owner": "交通課", "marking": "personal"}
    assert (await api.put("/api/v1/catalogue/RideBooking", headers=staff, json=booking)).status_code == 200
    wrong = await api.put("/api/v1/catalogue/X", headers=staff, json={**OWN, "marking": "secret"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "marking")
    seen = (await api.get("/api/v1/catalogue/ShelterStock", headers=stocked)).json()
    assert (seen["title"], seen["owner"], seen["sample"]["water"]["value"]) == ("避難所の備蓄", "危機管理課", 90)
    listed = (await api.get("/api/v1/catalogue/RideBooking")).json()
    assert (listed["marking"], listed["readable"], listed["entities"]) == ("personal", False, None)
    assert "sample" not in listed
    assert (await api.get("/api/v1/catalogue/RideBooking/download", headers=staff)).status_code in (403, 404)


async def test_dcat(api: httpx.AsyncClient, stocked: dict[str, str]) -> None:
    answer = await api.get("/api/v1/catalogue.jsonld")
    assert answer.headers["content-type"] == "application/ld+json"
    made = answer.json()
    assert made["@type"] == "dcat:Catalog"
    water = next(one for one in made["dcat:dataset"] if one["dct:identifier"] == "WaterObserved")
    assert water["dct:title"][0] == {"@language": "ja", "@value": "河川水位"}
    assert len(water["dcat:distribution"]) == 2
    place = water["dcat:distribution"][1]["dcat:downloadURL"]["@id"]
    found = await api.get(place)
    assert len(found.json()["features"]) == 620


async def test_downloads(api: httpx.AsyncClient, stocked: dict[str, str]) -> None:
    path = "/api/v1/catalogue/WaterObserved/download"
    utf8, sjis = await api.get(path), await api.get(path, params={"encoding": "cp932"})
    assert utf8.content.startswith(b"\xef\xbb\xbfid,type,longitude,latitude,level,level.at,level.unit,name")
    rows = list(csv.DictReader(io.StringIO(utf8.content.decode("utf-8-sig"))))
    assert (len(rows), rows[0]["level"], rows[0]["name"]) == (620, "-0.5", "'=足羽川 髙﨑①")
    assert len({row["id"] for row in rows}) == 620
    old = list(csv.DictReader(io.StringIO(sjis.content.decode("cp932"))))
    assert old == rows
    features = (await api.get(path, params={"format": "geojson"})).json()["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [136.2, 36.0]}
    assert features[0]["properties"]["level"] == -0.5
    flood = (await api.get("/api/v1/catalogue/FloodMonitoring/download")).text
    assert "none" in flood
    assert "suspectStage" not in flood
    assert "grave" not in flood
    refused = await api.get("/api/v1/catalogue/ShelterStock/download")
    assert refused.status_code == 401
    assert (await api.get("/api/v1/catalogue/Alert/download")).status_code == 404
    assert (await api.get(path, params={"format": "xls"})).json()["field"] == "format"


async def test_the_yearly_report(api: httpx.AsyncClient, browser: Browser, city: City, stocked: dict[str, str]) -> None:
    staff = {"Authorization": f"Bearer {await browser.staff('administrator')}"}
    meter = city.app.state.meter
    await api.get("/ngsi-ld/v1/entities?type=WaterObserved", headers=stocked)
    await meter.flush(city.database.app)
    await meter._say_up(city.database.app, "fukui")
    empty = (await api.get("/api/v1/reports/usage?year=2021", headers=staff)).json()
    assert {m["measure"]: m["actual"] for m in empty["measures"]}["api_calls"] == 0
    year = (await api.get("/api/v1/reports/usage", headers=staff)).json()["year"]
    for path, body in (
        (f"/api/v1/reports/usage/{year}/targets/services", {"target": 3}),
        (f"/api/v1/reports/usage/{year}/revenue", {"source": "共同利用の負担金", "yen": 1200000}),
    ):
        done = await api.put(path, headers=staff, json=body)
        assert done.status_code == 200, done.text
    made = (await api.get("/api/v1/reports/usage", headers=staff)).json()
    measures = {m["measure"]: (m["actual"], m["target"]) for m in made["measures"]}
    assert measures["services"] == (1, 3)
    assert measures["revenue"][0] == 1200000
    assert measures["api_calls"][0] == 5, "two batches, two creations, one query: a batch is one call"
    assert measures["data_assets"][0] == 4
    assert measures["active_users"][0] >= 0
    assert measures["availability"][0] is not None
    assert made["services"][0]["dataSets"]
    sheet = await api.get("/api/v1/reports/usage?format=csv&encoding=cp932", headers=staff)
    assert "接続サービス数(実利用),件,3.0,1" in sheet.content.decode("cp932")
    wrong = await api.put(f"/api/v1/reports/usage/{year}/targets/luck", headers=staff, json={"target": 1})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "measure")
    assert (await api.get("/api/v1/reports/usage", headers=stocked)).status_code == 403
