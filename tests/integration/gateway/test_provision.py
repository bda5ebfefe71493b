"""Writing entities over HTTP, one and many, with contexts, and being told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api_gateway.ngsi_ld.fetching import fetcher
from broker.jsonld.library import ContextLibrary
from schemas.clock import utc_now
from services.notify import subscriptions
from services.notify.sender import Sender
from tests.integration.gateway.conftest import City

ROOT = "/ngsi-ld/v1"
ONE = f"{ROOT}/entities/urn:ngsi-ld:Park:1"
LD = {"Content-Type": "application/ld+json"}
PARK: dict[str, Any] = {
    "id": "urn:ngsi-ld:Park:1",
    "type": "Park",
    "trees": {"type": "Property", "value": 12},
    "owner": {"type": "Relationship", "object": "urn:ngsi-ld:City:1"},
}


@pytest.fixture
async def keeper(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do what an operator of parks may."""
    token = await city.token("entities:read", "entities:write", "subscriptions:write", "contexts:write")
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_an_entity_through_its_life(keeper: httpx.AsyncClient) -> None:
    made = await keeper.post(f"{ROOT}/entities/", json=PARK)
    assert (made.status_code, made.headers["location"]) == (201, ONE)
    assert (await keeper.post(f"{ROOT}/entities", json=PARK)).status_code == 409
    assert (await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})).status_code == 204
    assert (await keeper.post(f"{ONE}/attrs", json={"benches": 4})).status_code == 204
    partly = await keeper.post(f"{ONE}/attrs?options=noOverwrite", json={"benches": 5, "gates": 2})
    assert partly.status_code == 207
    assert partly.json()["updated"] == ["gates"]
    merged = await keeper.patch(ONE, json={"gates": {"type": "Property", "value": "urn:ngsi-ld:null"}})
    assert merged.status_code == 204
    shown = (await keeper.get(f"{ONE}?options=keyValues")).json()
    expected = {"id": PARK["id"], "type": "Park", "trees": 13, "owner": "urn:ngsi-ld:City:1", "benches": 4}
    assert shown == expected
    assert (await keeper.put(ONE, json={"type": "Park", "trees": {"value": 1}})).status_code == 204
    assert set((await keeper.get(ONE)).json()) == {"id", "type", "trees"}
    assert (await keeper.delete(f"{ONE}/attrs/trees")).status_code == 204
    assert (await keeper.delete(f"{ONE}/attrs/trees")).status_code == 404
    assert (await keeper.delete(ONE)).status_code == 204
    assert (await keeper.delete(ONE)).status_code == 404


async def test_attributes_tell_when_they_changed(keeper: httpx.AsyncClient) -> None:
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})
    shown = (await keeper.get(f"{ONE}?options=sysAttrs")).json()
    assert shown["trees"]["createdAt"] == shown["createdAt"] == shown["owner"]["modifiedAt"]
    assert shown["trees"]["modifiedAt"] == shown["modifiedAt"] > shown["createdAt"]


async def test_names_mean_what_their_context_says(keeper: httpx.AsyncClient) -> None:
    terms = {"Park": "https://parks.example/Park", "trees": "https://parks.example/trees"}
    hosted = await keeper.post(f"{ROOT}/jsonldContexts", json={"@context": terms})
    uri = f"http://127.0.0.1:8080{hosted.headers['location']}"
    await keeper.post(f"{ROOT}/entities", json={**PARK, "@context": uri}, headers=LD)
    plain = (await keeper.get(ONE)).json()
    assert plain["type"] == "https://parks.example/Park"
    assert "https://parks.example/trees" in plain
    link = {"Link": f'<{uri}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    read = await keeper.get(f"{ROOT}/entities?type=Park&q=trees>10", headers=link)
    assert [entity["trees"]["value"] for entity in read.json()] == [12]
    assert uri in read.headers["link"]
    assert (await keeper.get(f"{ROOT}/entities?type=Park")).json() == []


async def test_a_batch_tells_of_each(keeper: httpx.AsyncClient) -> None:
    batch = [PARK, {**PARK, "id": "urn:ngsi-ld:Park:2"}, {**PARK, "id": "no-uri"}]
    answer = await keeper.post(f"{ROOT}/entityOperations/create", json=batch)
    assert answer.status_code == 207
    assert answer.json()["success"] == ["urn:ngsi-ld:Park:1", "urn:ngsi-ld:Park:2"]
    assert [error["entityId"] for error in answer.json()["errors"]] == ["no-uri"]
    gone = await keeper.post(f"{ROOT}/entityOperations/delete", json=["urn:ngsi-ld:Park:1", "urn:ngsi-ld:Park:9"])
    assert gone.json()["success"] == ["urn:ngsi-ld:Park:1"]


async def test_linked_entities_come_along(keeper: httpx.AsyncClient) -> None:
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await keeper.post(f"{ROOT}/entities", json={"id": "urn:ngsi-ld:City:1", "type": "City", "name": {"value": "Fukui"}})
    inside = (await keeper.get(f"{ONE}?join=inline&options=keyValues&pick=owner{{name}}")).json()
    assert inside == {"owner": {"name": "Fukui"}}
    beside = (await keeper.get(f"{ONE}?join=flat&options=keyValues")).json()
    assert [entity["id"] for entity in beside] == ["urn:ngsi-ld:Park:1", "urn:ngsi-ld:City:1"]


class Receiver:
    """An HTTP server that keeps what it is sent and refuses the first `refuse` requests."""

    def __init__(self, refuse: int = 0) -> None:
        self.got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()
        self.refuse = refuse

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        status = "503 Busy" if self.refuse > 0 else "204 No Content"
        self.refuse -= 1
        if status.startswith("204"):
            self.got.put_nowait((headers, body))
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def test_a_subscriber_is_told_and_told_again_when_it_was_away(city: City, keeper: httpx.AsyncClient) -> None:
    receiver = Receiver(refuse=1)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = {"uri": f"http://127.0.0.1:{port}/", "receiverInfo": [{"key": "X-Park", "value": "yes"}]}
    doc = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Park"}],
        "q": "trees>20",
        "notification": {"format": "keyValues", "attributes": ["trees"], "endpoint": endpoint},
    }
    assert (await keeper.post(f"{ROOT}/subscriptions", json=doc)).status_code == 201
    database = city.database.system
    contexts = ContextLibrary(database, fetcher(allow_private=True), "http://127.0.0.1:8080")
    sender = Sender(database, utc_now, default_tenant="fukui", allow_private=True)
    stop = asyncio.Event()
    running = asyncio.create_task(subscriptions.run(city.log, database, contexts, sender, stop))
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await _handled(city, 1)
    await keeper.patch(f"{ONE}/attrs/trees", json={"value": 21})
    headers, body = await asyncio.wait_for(receiver.got.get(), 20)
    assert body["subscriptionId"] == doc["id"]
    assert body["data"] == [{"id": PARK["id"], "type": "Park", "trees": 21}], "12 trees are not more than 20"
    assert headers["x-park"] == "yes"
    for _ in range(100):
        told = (await keeper.get(f"{ROOT}/subscriptions/{doc['id']}")).json()["notification"]
        if told.get("timesSent"):
            break
        await asyncio.sleep(0.05)
    assert (told["timesSent"], told["timesFailed"], told["status"]) == (1, 1, "ok")
    assert receiver.got.empty()
    stop.set()
    await running
    server.close()
    await server.wait_closed()


async def _handled(city: City, changes: int) -> None:
    """Wait until so many changes were matched: a subscription judges an entity as it is when its turn comes."""
    async with asyncio.timeout(20):
        while True:
            async with city.database.system.transaction() as tx:
                done = await tx.fetchval("select sum(next) from position where consumer = 'subscriptions'")
            if done is not None and done >= changes:
                return
            await asyncio.sleep(0.02)


async def test_who_may_not_read_may_not_subscribe(
    city: City, keeper: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    doc: dict[str, Any] = {
        "type": "Subscription",
        "entities": [{"type": "Person"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/"}},
    }
    assert (await keeper.post(f"{ROOT}/subscriptions", json=doc)).status_code == 403
    doc["entities"] = [{"type": "Park"}]
    assert (await api.post(f"{ROOT}/subscriptions", json=doc)).status_code == 401
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        assert (await client.post(f"{ROOT}/subscriptions", json=doc)).status_code == 403
        assert (await client.get(f"{ROOT}/csourceRegistrations?type=Park")).status_code == 403
        assert (await client.post(f"{ROOT}/jsonldContexts", json={"@context": {}})).status_code == 403
