"""The buses' routes, over a real booking desk."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from api_gateway.app import create_app
from schemas.clock import JST
from services.dispatch.service import BusService
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from tests.integration.gateway.conftest import City

BUSES = "/api/v1/buses"
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


async def test_a_breakdown_names_who_has_to_be_told(operator: httpx.AsyncClient) -> None:
    offers = (await operator.post(f"{BUSES}/quotes", json=RIDE)).json()["offers"]
    body = {"ride": RIDE, "offer": offers[0], "rider": "r-17"}
    booked = (await operator.post(f"{BUSES}/bookings", json=body)).json()
    trouble = {"day": "2026-11-24", "because": "エンジン故障"}
    answer = await operator.post(f"{BUSES}/vehicles/v1/breakdown", json=trouble)
    assert [b["id"] for b in answer.json()["broken"]] == [booked["id"]]
    refused = await operator.post(f"{BUSES}/quotes", json=RIDE)
    assert refused.status_code == 400


async def test_strangers_get_nothing_and_nonsense_says_what_is_wrong(operator: httpx.AsyncClient, city: City) -> None:
    wrong = await operator.post(f"{BUSES}/quotes", json={**RIDE, "destination": "moon"})
    assert (wrong.status_code, "'moon'" in wrong.text) == (400, True)
    assert (await operator.post(f"{BUSES}/quotes", json={**RIDE, "earliest": "2026-11-24T09:00:00"})).status_code == 400
    del operator.headers["authorization"]
    assert (await operator.post(f"{BUSES}/quotes", json=RIDE)).status_code == 401
    assert (await operator.get(f"{BUSES}/plan", params={"day": "2026-11-24"})).status_code == 401
