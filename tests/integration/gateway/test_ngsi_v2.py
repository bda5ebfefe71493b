"""The NGSIv2 face, as a client of Orion knows it, over the one store that NGSI-LD has."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import City
from tests.integration.gateway.receiving import PATIENCE, Receiver, notifying

ROOM: dict[str, Any] = {
    "id": "Room1",
    "type": "Room",
    "temperature": {"value": 23, "type": "Number", "metadata": {"accuracy": {"value": 0.8, "type": "Number"}}},
    "name": {"value": "会議室", "type": "Text", "metadata": {}},
}
ONE = "/v2/entities/Room1"


@pytest.fixture
async def rooms(keeper: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client, with three rooms there."""
    assert (await keeper.post("/v2/entities", json=ROOM)).status_code == 201
    for number, degrees in ((2, 18), (3, 30)):
        room = {"id": f"Room{number}", "type": "Room", "temperature": degrees, "name": f"Room {number}"}
        assert (await keeper.post("/v2/entities?options=keyValues", json=room)).status_code == 201
    return keeper


async def test_an_entity_through_its_life(keeper: httpx.AsyncClient) -> None:
    made = await keeper.post("/v2/entities", json=ROOM)
    assert (made.status_code, made.headers["location"]) == (201, "/v2/entities/Room1?type=Room")
    again = await keeper.post("/v2/entities", json=ROOM)
    assert (again.status_code, again.json()) == (422, {"error": "Unprocessable", "description": "Already Exists"})
    assert (await keeper.post("/v2/entities?options=upsert", json=ROOM)).status_code == 204
    assert (await keeper.get(ONE)).json() == ROOM
    assert (await keeper.patch(f"{ONE}/attrs", json={"pressure": {"value": 1}})).status_code == 422
    assert (await keeper.post(f"{ONE}/attrs", json={"pressure": {"value": 720}})).status_code == 204
    assert (await keeper.post(f"{ONE}/attrs?options=append", json={"pressure": {"value": 1}})).status_code == 422
    assert (await keeper.put(f"{ONE}/attrs/pressure/value", json={"hPa": [1, 2]})).status_code == 204
    assert (await keeper.get(f"{ONE}/attrs/pressure/value")).json() == {"hPa": [1, 2]}
    text = {"Content-Type": "text/plain"}
    assert (await keeper.put(f"{ONE}/attrs/pressure/value", content='"low"', headers=text)).status_code == 204
    assert (await keeper.get(f"{ONE}/attrs/pressure/value")).text == '"low"'
    assert (await keeper.delete(f"{ONE}/attrs/pressure")).status_code == 204
    assert (await keeper.delete(f"{ONE}/attrs/pressure")).status_code == 404
    assert (await keeper.put(f"{ONE}/attrs", json={"open": {"value": True}})).status_code == 204
    assert set((await keeper.get(f"{ONE}/attrs")).json()) == {"open"}
    assert (await keeper.delete(f"{ONE}?type=House")).status_code == 404
    assert (await keeper.delete(ONE)).status_code == 204
    gone = await keeper.get(ONE)
    assert (gone.status_code, gone.json()["error"]) == (404, "NotFound")


async def test_both_faces_show_the_same_store(rooms: httpx.AsyncClient) -> None:
    """What was written in one language is read in the other."""
    ld = (await rooms.get("/ngsi-ld/v1/entities/urn:ngsi-v2:Room1")).json()
    assert ld["temperature"] == {"type": "Property", "value": 23, "accuracy": {"type": "Property", "value": 0.8}}
    park = {"id": "urn:ngsi-ld:Park:1", "type": "Park", "trees": {"type": "Property", "value": 3, "unitCode": "C62"}}
    assert (await rooms.post("/ngsi-ld/v1/entities", json=park)).status_code == 201
    v2 = (await rooms.get("/v2/entities/urn:ngsi-ld:Park:1")).json()
    assert v2["trees"] == {"type": "Number", "value": 3, "metadata": {"unitCode": {"type": "Text", "value": "C62"}}}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("type=Room", ["Room1", "Room2", "Room3"]),
        ("id=Room2,Room3", ["Room2", "Room3"]),
        ("idPattern=^Room[12]$", ["Room1", "Room2"]),
        ("typePattern=^Ro", ["Room1", "Room2", "Room3"]),
        ("q=temperature>20", ["Room1", "Room3"]),
        ("q=temperature==18..23;name", ["Room1", "Room2"]),
        ("q=name~=Room", ["Room2", "Room3"]),
        ("q=!temperature", []),
        ("mq=temperature.accuracy<0.9", ["Room1"]),
        ("type=Room&orderBy=!temperature&limit=2", ["Room3", "Room1"]),
    ],
)
async def test_queries(rooms: httpx.AsyncClient, query: str, ids: list[str]) -> None:
    found = await rooms.get(f"/v2/entities?{query}&options=count")
    assert found.status_code == 200, found.text
    assert [one["id"] for one in found.json()] == ids
    assert "fiware-total-count" in found.headers


async def test_representations_and_types(rooms: httpx.AsyncClient) -> None:
    flat = await rooms.get("/v2/entities?type=Room&options=keyValues,count&attrs=temperature&limit=1&offset=1")
    assert flat.json() == [{"id": "Room2", "type": "Room", "temperature": 18}]
    assert flat.headers["fiware-total-count"] == "3"
    values = await rooms.get("/v2/entities?type=Room&options=values&attrs=temperature")
    assert values.json() == [[23], [18], [30]]
    kinds = (await rooms.get("/v2/types/Room")).json()
    assert kinds == {"attrs": {"name": {"types": ["Text"]}, "temperature": {"types": ["Number"]}}, "count": 3}
    assert (await rooms.get("/v2/types?options=values")).json() == ["Room"]


async def test_places(keeper: httpx.AsyncClient) -> None:
    for name, where in (("near", "36.06, 136.22"), ("far", "35.0, 135.0")):
        place = {"id": name, "type": "Stop", "location": {"type": "geo:point", "value": where}}
        assert (await keeper.post("/v2/entities", json=place)).status_code == 201
    query = "georel=near;maxDistance:2000&geometry=point&coords=36.06,136.23"
    assert [one["id"] for one in (await keeper.get(f"/v2/entities?{query}")).json()] == ["near"]
    wrong = await keeper.get("/v2/entities?georel=near;maxDistance:2000&geometry=point")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "BadRequest")


async def test_many_at_once(rooms: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {
        "actionType": "append",
        "entities": [{"id": f"Room{n}", "type": "Room", "floor": {"value": n}} for n in (3, 4)],
    }
    assert (await rooms.post("/v2/op/update", json=body)).status_code == 204
    strict = await rooms.post("/v2/op/update", json={**body, "actionType": "appendStrict"})
    assert strict.status_code == 422
    asked = {"entities": [{"idPattern": "^Room", "type": "Room"}], "expression": {"q": "floor>3"}, "attrs": ["floor"]}
    found = await rooms.post("/v2/op/query?options=keyValues", json=asked)
    assert found.json() == [{"id": "Room4", "type": "Room", "floor": 4}]
    gone = await rooms.post("/v2/op/update", json={"actionType": "delete", "entities": [{"id": "Room4"}]})
    assert gone.status_code == 204
    assert (await rooms.get("/v2/entities/Room4")).status_code == 404


async def test_the_service_path_is_the_scope(keeper: httpx.AsyncClient) -> None:
    north = {"Fiware-ServicePath": "/parks/north"}
    assert (await keeper.post("/v2/entities", json={"id": "P1", "type": "Park"}, headers=north)).status_code == 201
    assert (await keeper.post("/v2/entities", json={"id": "P2", "type": "Park"})).status_code == 201

    async def seen(path: str) -> list[str]:
        answer = await keeper.get("/v2/entities?type=Park", headers={"Fiware-ServicePath": path})
        return [one["id"] for one in answer.json()]

    assert await seen("/parks/#") == ["P1"]
    assert await seen("/") == ["P2"]
    assert await seen("/#") == ["P1", "P2"]
    ld = await keeper.get("/ngsi-ld/v1/entities?type=Park&scopeQ=/parks/north")
    assert [one["id"] for one in ld.json()] == ["urn:ngsi-v2:P1"]


async def test_a_subscriber_is_told_in_its_own_words(city: City, rooms: httpx.AsyncClient, receiver: Receiver) -> None:
    doc = {
        "description": "hot rooms",
        "subject": {
            "entities": [{"idPattern": "^Room", "type": "Room"}],
            "condition": {"attrs": ["temperature"], "expression": {"q": "temperature>40"}},
        },
        "notification": {"http": {"url": receiver.url}, "attrs": ["temperature"], "attrsFormat": "keyValues"},
        "expires": "2040-01-01T14:00:00.00Z",
    }
    made = await rooms.post("/v2/subscriptions", json=doc)
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    async with notifying(city):
        await rooms.patch(f"{ONE}/attrs", json={"temperature": {"value": 35}})
        await rooms.patch(f"{ONE}/attrs", json={"temperature": {"value": 41}})
        headers, body = await asyncio.wait_for(receiver.got.get(), PATIENCE)
        assert body == {
            "subscriptionId": path.rpartition("/")[2],
            "data": [{"id": "Room1", "type": "Room", "temperature": 41}],
        }
        assert headers["ngsiv2-attrsformat"] == "keyValues"
        async with asyncio.timeout(PATIENCE):
            while not (shown := (await rooms.get(path)).json())["notification"].get("timesSent"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert (shown["status"], shown["subject"]) == ("active", doc["subject"])
    assert (await rooms.patch(path, json={"status": "inactive"})).status_code == 204
    assert (await rooms.get(path)).json()["status"] == "inactive"
    assert (await rooms.delete(path)).status_code == 204
    assert (await rooms.get("/v2/subscriptions")).json() == []


async def test_orions_notifications_are_taken(keeper: httpx.AsyncClient) -> None:
    told = {"subscriptionId": "5aeb0ee97d4ef10a12a0262f", "data": [ROOM]}
    assert (await keeper.post("/v2/op/notify", json=told)).status_code == 200
    assert (await keeper.get(ONE)).json() == ROOM
    flat = {**told, "data": [{"id": "Room1", "type": "Room", "temperature": 5}]}
    sent = await keeper.post("/v2/op/notify", json=flat, headers={"Ngsiv2-AttrsFormat": "keyValues"})
    assert sent.status_code == 200
    assert (await keeper.get(f"{ONE}/attrs/temperature/value")).text == "5"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/v2/entities", b"{", 400, "ParseError"),
        ("POST", "/v2/entities", b'{"id": "a", "x": {"value": 1, "unit": "m"}}', 400, "BadRequest"),
        ("POST", "/v2/op/update", b'{"actionType": "burn", "entities": []}', 400, "BadRequest"),
        ("GET", "/v2/entities?color=red", None, 400, "BadRequest"),
        ("GET", "/v2/entities?q=a~=(", None, 400, "BadRequest"),
        ("POST", "/v2/subscriptions", b'{"subject": {}, "notification": {}}', 400, "BadRequest"),
    ],
)
async def test_what_is_wrong_is_said_as_orion_says_it(
    keeper: httpx.AsyncClient, method: str, path: str, body: bytes | None, status: int, error: str
) -> None:
    answer = await keeper.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["description"]


async def test_a_stranger_reads_what_is_open_and_writes_nothing(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v2/entities", json=ROOM)).status_code == 401
    assert (await api.get("/v2/entities", headers={"Fiware-Service": "elsewhere"})).status_code == 404
