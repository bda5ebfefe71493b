"""A site's load held over real WebSockets, and the desk of those who steer it, through the gateway."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from adapters.mqtt.endpoint import Endpoint
from adapters.mqtt.publisher import Publisher, PublisherSettings
from adapters.mqtt.settings import EndpointSettings
from api_gateway.app import create_app
from broker.store.devices import Device, register
from cityos.simulated_station import SimulatedStation
from schemas.clock import iso, utc_now
from services.charging.balancer import Balancer
from services.charging.settings import ChargingSettings
from tests.integration.charging.conftest import SECRET, Central, until
from tests.integration.gateway.conftest import City, city

__all__ = ["city"]
_WORTH_W = 50
"""Smaller differences are not told."""
SCOPES = ("chargers:read", "chargers:write", "chargers:command", "chargers:disaster")


@pytest.fixture
async def api(city: City) -> Any:
    """A client with an officer's scopes, of a gateway whose city runs charging stations."""
    app = create_app(replace(city.services, chargers=True, metrics=CollectorRegistry()))
    token = await city.token(*SCOPES)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=headers) as client:
            yield client


async def charging(central: Central, names: str) -> list[SimulatedStation]:
    """Stations of both versions, a car at each."""
    await central.allow("CARD-1")
    found = []
    for number, name in enumerate(names):
        station = await central.station(name, "1.6" if number % 2 else "2.0.1")
        await station.status("Available")
        await station.start("CARD-1")
        await station.status("Charging")
        found.append(station)
    return found


async def settled(balancer: Balancer, stations: list[SimulatedStation], limits: list[float]) -> None:
    """Look at the sites again and again until the stations hold to these limits."""

    async def look() -> list[float]:
        await balancer.round()
        return [round(station.limit_w) for station in stations]

    await until(look, lambda found: found == pytest.approx(limits, abs=_WORTH_W))


async def test_a_limit_is_held_cars_come_and_go_and_a_disaster_changes_the_order(
    central: Central, api: httpx.AsyncClient
) -> None:
    stations = await charging(central, "ABC")
    assert (await api.put("/api/v1/chargers/sites/hall", json={"name": "公民館", "limitW": 9000})).status_code == 204
    for name in "ABC":
        rule = {"site": "hall", "connectors": [{"connector": 1, "mostW": 6000}]}
        answer = await api.put(f"/api/v1/chargers/stations/{name}", json=rule)
        assert answer.status_code == 204, answer.text
    balancer = Balancer(central.database.system, ChargingSettings(reaction_s=0.01))
    await settled(balancer, stations, [3000, 3000, 3000])
    await stations[0].stop()
    await stations[0].status("Available")
    await settled(balancer, stations, [1200, 4500, 4500])
    [site] = (await api.get("/api/v1/chargers/sites")).json()["sites"]
    assert (site["limitNowW"], site["givenW"]) == (9000, 9000)

    opening = {"because": "九頭竜川 氾濫危険水位", "publicCapW": 2000, "emergencyFloorW": 5000}
    assert (
        await api.put("/api/v1/chargers/stations/B", json={"site": "hall", "priority": "emergency"})
    ).status_code == 204
    assert (await api.post("/api/v1/chargers/disaster", json=opening)).status_code == 201
    assert (await api.post("/api/v1/chargers/disaster", json=opening)).status_code == 409
    await settled(balancer, stations, [1200, 6000, 2000])
    assert (await api.put("/api/v1/chargers/stations/C", json={"site": "hall", "flooded": True})).status_code == 204
    await settled(balancer, stations, [1200, 6000, 0])
    assert (await api.get("/api/v1/chargers/disaster")).json()["open"]["because"] == opening["because"]
    assert (await api.delete("/api/v1/chargers/disaster")).status_code == 204
    await settled(balancer, stations, [1200, 6000, 3000])
    await _is_held_by_its_feeder(api, balancer, stations)
    lines = await central.rows("select action from audit where action like 'charging.%' order by action")
    assert {line["action"] for line in lines} >= {"charging.disaster.open", "charging.disaster.close", "charging.site"}


async def test_the_water_stops_a_station_at_no_site_and_the_next_car_too(
    central: Central, api: httpx.AsyncClient
) -> None:
    """What was told for one car ends with it; a station that nobody steers is let go when all is normal again."""
    stations = await charging(central, "AB")
    assert (await api.put("/api/v1/chargers/sites/hall", json={"limitW": 9000})).status_code == 204
    assert (await api.put("/api/v1/chargers/stations/A", json={"site": "hall"})).status_code == 204
    balancer = Balancer(central.database.system, ChargingSettings(reaction_s=0.01))
    await settled(balancer, stations, [6000, 6000])
    opening = {"because": "九頭竜川 氾濫危険水位", "publicCapW": 2000, "flooded": ["A", "B"]}
    assert (await api.post("/api/v1/chargers/disaster", json=opening)).status_code == 201
    await settled(balancer, stations, [0, 0])
    for station in stations:
        await station.stop()
        await station.status("Available")
    await settled(balancer, stations, [0, 0])
    for shown in (await api.get("/api/v1/chargers")).json()["stations"]:
        assert (shown["connectors"]["free"], shown["connectors"]["out-of-order"]) == (0, 1), "nobody is to drive there"
    for name in "AB":
        await central.entity(f"urn:ngsi-ld:EVChargingStation:{name}", status="outOfService", availableCapacity=0)
    for station in stations:
        await station.start("CARD-1")
    await settled(balancer, stations, [0, 0])
    assert (await api.delete("/api/v1/chargers/disaster")).status_code == 204
    await settled(balancer, stations, [6000, 6000])
    await stations[1].stop()
    await settled(balancer, stations, [6000, 6000])

    async def held() -> list[str]:
        await balancer.round()
        return [row["station"] for row in await central.rows("select station from charging_limit")]

    await until(held, lambda names: names == ["A"])
    assert (await api.post("/api/v1/chargers/disaster", json=opening)).status_code == 201
    await stations[1].status("Available")
    await central.entity("urn:ngsi-ld:EVChargingStation:B", status="outOfService")
    assert (await api.delete("/api/v1/chargers/disaster")).status_code == 204
    await central.entity("urn:ngsi-ld:EVChargingStation:B", status="empty", availableCapacity=1)


async def test_a_vehicle_that_leaves_sooner_gets_more_and_hears_it_at_once(
    central: Central, api: httpx.AsyncClient
) -> None:
    await central.allow("CARD-1")
    stations = [await central.station(name, "2.0.1") for name in "AB"]
    now = utc_now()
    assert await stations[0].needs(8000, now + timedelta(hours=2)) == "Rejected", "no site: nobody steers it"
    await stations[0].status("Available")
    site = {"limitW": 6000, "sharing": "departure"}
    assert (await api.put("/api/v1/chargers/sites/hall", json=site)).status_code == 204
    for station in stations:
        assert (await api.put(f"/api/v1/chargers/stations/{station.name}", json={"site": "hall"})).status_code == 204
        await station.start("CARD-1")
    balancer = Balancer(central.database.system, ChargingSettings(reaction_s=0.01))
    await settled(balancer, stations, [3000, 3000])
    told = [len(station.asked) for station in stations]
    assert await stations[0].needs(8000, now + timedelta(hours=2)) == "Accepted"
    assert await stations[1].needs(8000, now + timedelta(hours=4)) == "Accepted"
    await settled(balancer, stations, [4000, 2000])
    assert all(len(station.asked) > before for station, before in zip(stations, told, strict=True))
    [first, _] = await _stations(api)
    assert first["connectors"][0]["asks"]["wh"] == 8000
    stations[0].charge(timedelta(hours=1), 4000)
    await stations[0].meter(power_w=4000)
    await settled(balancer, stations, [3000, 3000])  # half of it is there: 4 kWh in 2 h, 8 kWh in 4 h
    await stations[0].stop()
    [first, _] = await _stations(api)
    assert first["connectors"][0]["asks"] is None, "who comes next has asked for nothing"


async def _is_held_by_its_feeder(api: httpx.AsyncClient, balancer: Balancer, stations: list[SimulatedStation]) -> None:
    """The site becomes part of a feeder whose limit is lower; both have their chart."""
    hall = {"name": "公民館", "limitW": 9000}
    assert (await api.put("/api/v1/chargers/sites/hall", json={**hall, "partOf": "feeder"})).status_code == 400
    assert (await api.put("/api/v1/chargers/sites/feeder", json={"limitW": 7500})).status_code == 204
    assert (await api.put("/api/v1/chargers/sites/hall", json={**hall, "partOf": "feeder"})).status_code == 204
    await settled(balancer, stations, [1200, 6000, 1500])
    ring = await api.put("/api/v1/chargers/sites/feeder", json={"limitW": 7500, "partOf": "hall"})
    assert (ring.status_code, ring.json()["field"]) == (400, "partOf")
    for site, limit in (("hall", 9000), ("feeder", 7500)):
        load = (await api.get(f"/api/v1/chargers/sites/{site}/load")).json()["load"]
        assert load[-1]["limitW"] == limit
    shown = {site["id"]: site for site in (await api.get("/api/v1/chargers/sites")).json()["sites"]}
    assert shown["feeder"]["stations"] == ["A", "B", "C"]


async def test_the_building_draws_more_and_the_stations_draw_less(central: Central, api: httpx.AsyncClient) -> None:
    """From a meter's MQTT message to the profiles of the stations beside it, by the parts that run in a city."""
    meter = "urn:ngsi-ld:ACMeasurement:hall"
    device = Device("fukui", "hall-meter", "power_meter", entity_id=meter, entity_type="ACMeasurement")
    async with central.database.system.transaction() as tx:
        await register(tx, "fukui", device, {}, SECRET)
    await central.registry.refresh()
    stations = await charging(central, "AB")
    site = {"limitW": 12_000, "meter": meter, "baseW": 12_000}
    assert (await api.put("/api/v1/chargers/sites/hall", json=site)).status_code == 204
    for station in stations:
        assert (await api.put(f"/api/v1/chargers/stations/{station.name}", json={"site": "hall"})).status_code == 204
    stop, endpoint = asyncio.Event(), Endpoint(central.intake, central.doorkeeper, EndpointSettings(port=0))
    await endpoint.start()
    settings = ChargingSettings(balance_s=0.1, reaction_s=0.1)
    balancing = asyncio.create_task(Balancer(central.database.system, settings).run(stop))
    line = PublisherSettings(port=endpoint.port or 0, username="hall-meter", password=SecretStr(SECRET))

    async def limits(wanted: float) -> None:
        async def look() -> list[float]:
            return [station.limit_w for station in stations]

        await until(look, lambda found: found == pytest.approx([wanted, wanted], abs=_WORTH_W))

    try:
        await limits(0)  # the meter is not heard yet: what the building draws at the most is taken off
        async with Publisher(line) as publisher:
            for building, each in ((3.0, 4500), (6.0, 3000), (2.0, 5000)):
                drawn = sum([station.charge(timedelta(seconds=1), 6000) for station in stations])
                for station in stations:
                    await station.meter(power_w=min(6000, station.limit_w))
                told = {"t": iso(utc_now()), "power": building + drawn / 1000}
                await publisher.publish("city/power/hall-meter/up", json.dumps(told).encode())
                await limits(each)
    finally:
        stop.set()
        await balancing
        await endpoint.stop()


async def test_staff_command_and_see_and_strangers_see_what_is_free(central: Central, api: httpx.AsyncClient) -> None:
    station = await central.station("EV-1", "1.6")
    await station.status("Faulted", "GroundFailure")
    await until(lambda: _stations(api), lambda found: bool(found and found[0]["connectors"]))
    [shown] = await _stations(api)
    assert shown["connectors"][0]["fault"]["ja"].startswith("漏電")
    wrong = await api.post("/api/v1/chargers/stations/EV-1/commands", json={"command": "unlock"})
    assert (wrong.status_code, "connector" in wrong.text) == (400, True)
    made = await api.post(
        "/api/v1/chargers/stations/EV-1/commands", json={"command": "unlock", "arguments": {"connector": 1}}
    )
    assert made.status_code == 202, made.text
    state = await until(lambda: _get(api, made.headers["location"]), lambda found: found["status"] == "done")
    assert state["answer"] == "Unlocked"
    wanted = {"connector": 1, "token": "CARD-1", "until": iso(utc_now() + timedelta(hours=1))}
    path = "/api/v1/chargers/stations/EV-1/commands"
    number = (await api.post(path, json={"command": "reserve", "arguments": wanted})).json()["reservation"]
    cancel = {"command": "cancel-reservation", "arguments": {"number": number}}
    assert (await api.post(path, json=cancel)).status_code == 202
    assert (await station.until_asked("ReserveNow"))["reservationId"] == number
    assert (await station.until_asked("CancelReservation"))["reservationId"] == number
    stranger = httpx.AsyncClient(transport=api._transport, base_url="http://city")
    open_ = await stranger.get("/api/v1/chargers")
    assert open_.json()["stations"][0]["connectors"] == {"free": 0, "in-use": 0, "out-of-order": 1, "unknown": 0}
    assert (await stranger.get("/api/v1/chargers/stations")).status_code == 401
    assert (await stranger.post("/api/v1/chargers/disaster", json={"because": "x"})).status_code == 401
    await stranger.aclose()


async def _stations(api: httpx.AsyncClient) -> Any:
    return (await api.get("/api/v1/chargers/stations")).json()["stations"]


async def _get(api: httpx.AsyncClient, path: str) -> Any:
    return (await api.get(path)).json()
