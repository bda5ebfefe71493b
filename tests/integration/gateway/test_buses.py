"""The buses' routes, over a real booking desk."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
from google.transit import gtfs_realtime_pb2 as realtime

from api_gateway.app import create_app
from schemas.clock import JST
from services.dispatch.service import BusService
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from tests.integration.gateway.conftest import City

BUSES = "/api/v1/buses"
OPEN = ("gtfs.zip", "gtfs-rt/vehicle-positions", "gtfs-rt/service-alerts")
RIDE = {"origin": "eki", "destination": "clinic", "earliest": "2026-11-24T09:00:00+09:00"}


@pytest.fixture
async def operator(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a town with two stops and a bus, at seven in the morning."""
    buses = BusService(
        city.services.database,
        StraightLine(25.0, 1.3),
        DispatchSettings(),
        city.services.outlet,
        lambda: datetime(2026, 11, 24, 7, 0, tzinfo=JST),
    )
    services = dataclasses.replace(city.services, buses=buses, metrics=type(city.services.metrics)())
    served = dataclasses.replace(city, app=create_app(services), services=services)
    token = await city.token("buses:read", "buses:write")
    async with served.client() as client:
        client.headers["authorization"] = f"Bearer {token}"
        for name, longitude in (("eki", 136.20), ("clinic", 136.24)):
            stop = {"name": name, "longitude": longitude, "latitude": 35.9}
            assert (await client.put(f"{BUSES}/stops/{name}", json=stop)).status_code == 204
        bus = {"name": "1号車", "seats": 4, "wheelchairs": 1, "depot": "eki", "shiftFrom": 480, "shiftUntil": 1080}
        assert (await client.put(f"{BUSES}/vehicles/v1", json=bus)).status_code == 204
        yield client


async def test_a_ride_is_quoted_booked_once_shown_changed_and_cancelled(operator: httpx.AsyncClient) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    assert [offer["pickupFrom"] for offer in offers] == [
        "2026-11-24T00:00:00Z",
        "2026-11-24T00:15:00Z",
        "2026-11-24T00:30:00Z",
    ]
    body, key = {"ride": RIDE, "offer": offers[0], "rider": "r-17"}, {"idempotency-key": "call-1"}
    first = await operator.post(f"{BUSES}/bookings", json=body, headers=key)
    again = await operator.post(f"{BUSES}/bookings", json=body, headers=key)
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    moved = await operator.put(f"{BUSES}/bookings/{first.json()['id']}", json={"ride": RIDE, "offer": offers[2]})
    assert {**moved.json()["promise"], "fare": 0} == offers[2]
    plan = (await operator.get(f"{BUSES}/plan", params={"day": "2026-11-24"})).json()
    assert [s["booking"] for s in plan["vehicles"]["v1"]["stops"]] == [moved.json()["id"]] * 2
    assert (await operator.delete(f"{BUSES}/bookings/{moved.json()['id']}")).status_code == 204
    plan = (await operator.get(f"{BUSES}/plan", params={"day": "2026-11-24"})).json()
    assert plan["vehicles"]["v1"]["stops"] == []


async def test_the_very_same_ride_again_names_the_one_there_is(operator: httpx.AsyncClient) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    body = {"ride": RIDE, "offer": offers[0], "rider": "r-17"}
    first = (await operator.post(f"{BUSES}/bookings", json=body, headers={"idempotency-key": "a"})).json()
    again = await operator.post(f"{BUSES}/bookings", json=body, headers={"idempotency-key": "b"})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert again.json()["existing"] == first["id"]
    journey = {"rides": [{"ride": RIDE}], "rider": "r-17"}
    key = {"idempotency-key": "c"}
    assert (await operator.post(f"{BUSES}/journeys", json=journey, headers=key)).json()["existing"] == first["id"]
    meant = await operator.post(f"{BUSES}/journeys", json={**journey, "twice": True}, headers=key)
    assert meant.status_code == 201


async def test_a_breakdown_names_who_has_to_be_told(operator: httpx.AsyncClient) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    body = {"ride": RIDE, "offer": offers[0], "rider": "r-17"}
    booked = (await operator.post(f"{BUSES}/bookings", json=body)).json()
    trouble = {"day": "2026-11-24", "because": "エンジン故障"}
    answer = await operator.post(f"{BUSES}/vehicles/v1/breakdown", json=trouble)
    assert [b["id"] for b in answer.json()["broken"]] == [booked["id"]]
    refused = await operator.post(f"{BUSES}/quotes", json=RIDE)
    assert refused.status_code == 400


async def test_a_closed_road_is_drawn_closed_told_and_opened(operator: httpx.AsyncClient) -> None:
    """Around it takes too long for the promise, so the rider is promised another ride."""
    line = {"type": "LineString", "coordinates": [[136.22, 35.80], [136.22, 36.00]]}
    assert (await operator.put(f"{BUSES}/roads/b", json={"name": "大橋", "geometry": line})).status_code == 204
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    body = {"ride": RIDE, "offer": offers[0], "rider": "r-17"}
    booked = (await operator.post(f"{BUSES}/bookings", json=body)).json()
    trouble = {"day": "2026-11-24", "because": "冠水"}
    answer = (await operator.post(f"{BUSES}/roads/b/closure", json=trouble)).json()
    assert ([b["id"] for b in answer["moved"]], answer["broken"]) == ([booked["id"]], [])
    (breach,) = answer["moved"][0]["breaches"]
    assert (breach["promise"], breach["because"]) == (booked["promise"], "冠水")
    board = (await operator.get(f"{BUSES}/board")).json()
    assert [b["id"] for b in board["moved"]] == [booked["id"]]
    assert (await operator.put(f"{BUSES}/roads/b", json={"name": "橋", "geometry": line})).status_code == 409
    shown = (await operator.get(f"{BUSES}/roads")).json()["roads"]
    assert shown == [{"id": "b", "name": "大橋", "geometry": line, "closedBecause": "冠水", "closedBy": None}]
    assert (await operator.delete(f"{BUSES}/roads/b/closure")).status_code == 204
    assert (await operator.delete(f"{BUSES}/roads/b")).status_code == 204
    assert (await operator.post(f"{BUSES}/roads/b/closure", json=trouble)).status_code == 404
    wrong = await operator.put(f"{BUSES}/roads/c", json={"name": "c", "geometry": {"type": "Point"}})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "geometry")
    del operator.headers["authorization"]
    assert (await operator.get(f"{BUSES}/roads")).json() == {"roads": []}
    assert (await operator.put(f"{BUSES}/roads/c", json={"name": "c", "geometry": line})).status_code == 401


async def test_strangers_get_nothing_and_nonsense_says_what_is_wrong(operator: httpx.AsyncClient, city: City) -> None:
    wrong = await operator.post(f"{BUSES}/quotes", json={**RIDE, "destination": "moon"})
    assert (wrong.status_code, "'moon'" in wrong.text) == (400, True)
    assert (await operator.post(f"{BUSES}/quotes", json={**RIDE, "earliest": "2026-11-24T09:00:00"})).status_code == 400
    del operator.headers["authorization"]
    assert (await operator.post(f"{BUSES}/quotes", json=RIDE)).status_code == 401
    assert (await operator.get(f"{BUSES}/plan", params={"day": "2026-11-24"})).status_code == 401


async def test_anyone_gets_the_open_data_and_no_booking_is_in_it(operator: httpx.AsyncClient) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    body = {"ride": RIDE, "offer": offers[0], "rider": "secret-rider"}
    booked = (await operator.post(f"{BUSES}/bookings", json=body)).json()
    trouble = {"day": "2026-11-24", "because": "増水"}
    await operator.post(f"{BUSES}/stops/clinic/closure", json=trouble)
    del operator.headers["authorization"]
    answers = [await operator.get(f"{BUSES}/{name}") for name in OPEN]
    assert [answer.status_code for answer in answers] == [200] * len(OPEN)
    for answer in answers:
        assert "public" in answer.headers["cache-control"]
        assert booked["id"].encode() not in answer.content
        assert b"secret-rider" not in answer.content
    with zipfile.ZipFile(io.BytesIO(answers[0].content)) as feed:
        assert "clinic" not in feed.read("stops.txt").decode()
    alerts = realtime.FeedMessage.FromString(answers[2].content)
    assert [entity.id for entity in alerts.entity] == ["closed-clinic"]


async def test_a_journey_is_one_answer_however_often_it_is_sent(operator: httpx.AsyncClient) -> None:
    back = {**RIDE, "origin": "clinic", "destination": "eki", "earliest": "2026-11-24T11:00:00+09:00"}
    body = {"rides": [{"ride": RIDE}, {"ride": back}], "rider": "r-1"}
    made = [await operator.post(f"{BUSES}/journeys", json=body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    (day,) = made[0].json()["days"].values()
    assert [b["origin"] for b in day["bookings"]] == ["eki", "clinic"]
    weekly = {**body, "weekdays": [2]}
    wrong = await operator.post(f"{BUSES}/journeys", json=weekly, headers={"idempotency-key": "w"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "until")


async def test_each_door_has_its_own_key(operator: httpx.AsyncClient, city: City) -> None:
    appointment = {
        "rider": "r",
        "stop": "clinic",
        "at": "2026-11-24T10:00:00+09:00",
        "until": "2026-11-24T11:00:00+09:00",
    }
    assert (await operator.put(f"{BUSES}/appointments/a-1", json=appointment)).status_code == 403
    assert (await operator.get(f"{BUSES}/vehicles/v1/trip")).status_code == 403
    assert (await operator.get(f"{BUSES}/me")).status_code == 403
    operator.headers["authorization"] = f"Bearer {await city.token('buses:appointments', 'buses:ride', 'buses:drive')}"
    unknown = await operator.put(f"{BUSES}/appointments/a-1", json=appointment)
    assert (unknown.status_code, "'r'" in unknown.json()["detail"]) == (404, True)
    mine = await operator.get(f"{BUSES}/me")
    assert (mine.status_code, "person" in mine.json()["detail"]) == (403, True)
    assert (await operator.get(f"{BUSES}/board")).status_code == 403
    trip = (await operator.get(f"{BUSES}/vehicles/v1/trip")).json()
    assert (trip["vehicle"]["name"], trip["tasks"]) == ("1号車", [])
    unknown = await operator.get(f"{BUSES}/vehicles/v9/trip")
    assert unknown.status_code == 404


async def test_the_figures_are_a_file_for_the_spreadsheet(operator: httpx.AsyncClient) -> None:
    period = {"from": "2026-11-23", "to": "2026-11-24"}
    answer = await operator.get(f"{BUSES}/figures.csv", params=period)
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("日付,予約,乗車,取消")
    assert [line.split(",")[0] for line in lines[1:]] == ["2026-11-23", "2026-11-24"]
    wrong = await operator.get(f"{BUSES}/figures", params={"from": "2026-11-24", "to": "2026-11-23"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "to")


SQUARE = [[136.19, 35.89], [136.22, 35.89], [136.22, 35.92], [136.19, 35.92], [136.19, 35.89]]
HOME = {"longitude": 136.2151, "latitude": 35.9049}


async def test_a_ride_from_the_door_is_booked_driven_and_in_no_open_data(operator: httpx.AsyncClient) -> None:
    from_home = {**RIDE, "origin": HOME}
    refused = await operator.post(f"{BUSES}/quotes", json=from_home)
    assert (refused.status_code, refused.json()["field"], "stops alone" in refused.text) == (400, "origin", True)
    zone = {"name": "北部", "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    assert (await operator.put(f"{BUSES}/zones/kita", json=zone)).status_code == 204
    line = {"type": "LineString", "coordinates": SQUARE[:2]}
    assert (await operator.put(f"{BUSES}/zones/x", json={**zone, "geometry": line})).json()["field"] == "geometry"
    outside = {**RIDE, "origin": {"longitude": 136.23, "latitude": 35.9}}
    refused = await operator.post(f"{BUSES}/quotes", json=outside)
    assert (refused.status_code, "the edge of '北部' is 901 m to the west" in refused.text) == (400, True)
    missed = (await operator.post(f"{BUSES}/places", json={"longitude": 136.23, "latitude": 35.9})).json()
    assert (missed["served"], missed["edge"]["zone"]["id"], missed["edge"]["side"]) == (False, "kita", "west")
    assert missed["nearest"]["metres"] > 0
    found = (await operator.post(f"{BUSES}/places", json=HOME)).json()
    quote = (await operator.post(f"{BUSES}/quotes", json=from_home)).json()
    assert found == {"served": True, "stop": quote["origin"]}
    assert (quote["origin"]["door"], quote["origin"]["metres"]) == (True, 0)
    body = {"ride": from_home, "offer": quote["offers"][0], "rider": "r-17"}
    booked = await operator.post(f"{BUSES}/bookings", json=body)
    assert (booked.status_code, booked.json()["origin"]) == (201, quote["origin"]["id"])
    mine = (await operator.get(f"{BUSES}/riders/r-17/bookings")).json()["places"]
    assert [(place["id"], place["name"]) for place in mine] == [(quote["origin"]["id"], quote["origin"]["name"])]
    assert (await operator.get(f"{BUSES}/riders/r-18/bookings")).json()["places"] == []
    again = (await operator.post(f"{BUSES}/quotes", json={**from_home, "wheelchairs": 1, "seats": 0})).json()
    assert again["offers"]
    board = (await operator.get(f"{BUSES}/board", params={"day": "2026-11-24"})).json()
    assert quote["origin"]["id"] in {stop["id"] for stop in board["stops"]}
    assert [task["stop"] for task in board["vehicles"][0]["tasks"]] == [quote["origin"]["id"], "clinic"]
    assert (await operator.get(f"{BUSES}/figures?from=2026-11-24&to=2026-11-24")).json()["whole"]["booked"] == 1
    del operator.headers["authorization"]
    assert [zone["door"] for zone in (await operator.get(f"{BUSES}/zones")).json()["zones"]] == [True]
    assert "place-" not in (await operator.get(f"{BUSES}/stops")).text
    with zipfile.ZipFile(io.BytesIO((await operator.get(f"{BUSES}/gtfs.zip")).content)) as feed:
        assert "place-" not in feed.read("stops.txt").decode()
        assert "zone:kita" in feed.read("locations.geojson").decode()


async def test_no_ride_on_a_day_without_service_and_no_service_taken_from_promised_rides(
    operator: httpx.AsyncClient,
) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    booked = await operator.post(f"{BUSES}/bookings", json={"ride": RIDE, "offer": offers[0], "rider": "r"})
    taken = await operator.put(f"{BUSES}/calendar", json={"without": {"2026-11-24": "点検"}})
    assert (taken.status_code, "2026-11-24 (1)" in taken.text) == (409, True)
    assert (await operator.delete(f"{BUSES}/bookings/{booked.json()['id']}")).status_code == 204
    holidays = "月日,名称\r\n2026/11/23,勤労感謝の日\r\n2026/11/26,開町記念日\r\n".encode("cp932")
    assert (await operator.put(f"{BUSES}/calendar/holidays", content=holidays)).status_code == 200
    rules = {"without": {"2026-11-24": "点検"}, "weekdays": [1, 2, 3, 4, 5], "onHolidays": False}
    assert (await operator.put(f"{BUSES}/calendar", json=rules)).status_code == 200
    for answer in (
        await operator.post(f"{BUSES}/quotes", json=RIDE),
        await operator.post(f"{BUSES}/bookings", json={"ride": RIDE, "offer": offers[0], "rider": "r"}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (400, "earliest")
        assert "(点検); the next day with service is 2026-11-25" in answer.json()["detail"]
    weekly = {"rides": [{"ride": {**RIDE, "earliest": "2026-11-25T09:00:00+09:00"}}], "rider": "r", "weekdays": [3, 4]}
    made = await operator.post(
        f"{BUSES}/journeys", json={**weekly, "until": "2026-11-26"}, headers={"idempotency-key": "w"}
    )
    days = made.json()["days"]
    assert "bookings" in days["2026-11-25"]
    assert "開町記念日" in days["2026-11-26"]["because"]
    del operator.headers["authorization"]
    shown = (await operator.get(f"{BUSES}/calendar?from=2026-11-23&to=2026-11-29")).json()
    assert list(shown["closed"]) == ["2026-11-23", "2026-11-24", "2026-11-26", "2026-11-28", "2026-11-29"]
    assert shown["holidaysUntil"] == "2026-12-31"
