"""Being told of changes: what of, in which form, over HTTP and MQTT, and when it is not told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import City
from tests.integration.gateway.receiving import PATIENCE, Receiver, notifying
from tests.integration.mqtt.broker import Mosquitto, find

ROOT = "/ngsi-ld/v1"
PARK_ID, CITY_ID = "urn:ngsi-ld:Park:1", "urn:ngsi-ld:City:1"
ONE = f"{ROOT}/entities/{PARK_ID}"
PARK: dict[str, Any] = {
    "id": PARK_ID,
    "type": "Park",
    "trees": {"type": "Property", "value": 12},
    "inCity": {"type": "Relationship", "object": CITY_ID},
}


async def subscribe(keeper: httpx.AsyncClient, uri: str, *, notification: Any = None, **more: Any) -> str:
    """A subscription to parks, or to what `more` says; returns its path."""
    endpoint = {"uri": uri, **(notification or {}).pop("endpoint", {})}
    doc: dict[str, Any] = {"type": "Subscription", "entities": [{"type": "Park"}], **more}
    doc["notification"] = {"format": "keyValues", **(notification or {}), "endpoint": endpoint}
    made = await keeper.post(f"{ROOT}/subscriptions", json=doc)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


async def until_told(keeper: httpx.AsyncClient, path: str, counter: str = "timesSent") -> Any:
    """The subscription's counters, once this one is above 0."""
    async with asyncio.timeout(PATIENCE):
        while True:
            told = (await keeper.get(path)).json()["notification"]
            if told.get(counter):
                return told
            await asyncio.sleep(0.05)


async def test_a_subscriber_is_told_and_told_again_when_it_was_away(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.refuse = 1
    wanted = {"attributes": ["trees"], "endpoint": {"receiverInfo": [{"key": "X-Park", "value": "yes"}]}}
    path = await subscribe(keeper, receiver.url, notification=wanted, q="trees>20")
    async with notifying(city):
        await keeper.post(f"{ROOT}/entities", json=PARK)
        await keeper.patch(f"{ONE}/attrs/trees", json={"value": 21})
        headers, body = await asyncio.wait_for(receiver.got.get(), PATIENCE)
        assert body["subscriptionId"] == path.rpartition("/")[2]
        assert body["data"] == [{"id": PARK_ID, "type": "Park", "trees": 21}], "12 trees are not more than 20"
        assert headers["x-park"] == "yes"
        told = await until_told(keeper, path)
    assert (told["timesSent"], told["timesFailed"], told["status"]) == (1, 1, "ok")
    assert receiver.got.empty()


async def test_an_entity_is_judged_as_the_change_left_it(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    """5.8.6: what came after the change, before its turn, neither hides it nor shows in it."""
    await subscribe(keeper, receiver.url, q="trees>20", notification={"attributes": ["trees"]})
    await keeper.post(f"{ROOT}/entities", json=PARK)
    for trees in (30, 5, 40):
        await keeper.patch(f"{ONE}/attrs/trees", json={"value": trees})
    await keeper.delete(ONE)
    async with notifying(city):
        assert [(await receiver.told())[0]["trees"] for _ in range(2)] == [30, 40]


async def test_linked_entities_travel_with_the_notification(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    """4.5.23 in 5.8.6: flat puts them beside the entity, inline inside it."""
    await keeper.post(f"{ROOT}/entities", json={"id": CITY_ID, "type": "City", "name": "福井市"})
    flat = await subscribe(keeper, receiver.url, notification={"join": "flat", "joinLevel": 1})
    async with notifying(city):
        await keeper.post(f"{ROOT}/entities", json=PARK)
        told = await receiver.told()
        assert [entity["id"] for entity in told] == [PARK_ID, CITY_ID]
        assert told[1]["name"] == "福井市"
        await keeper.delete(flat)
        await subscribe(keeper, receiver.url, notification={"join": "inline"})
        await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})
        assert (await receiver.told())[0]["inCity"] == {"id": CITY_ID, "type": "City", "name": "福井市"}


async def test_what_was_deleted_is_told_as_null(city: City, keeper: httpx.AsyncClient, receiver: Receiver) -> None:
    """4.5.0, 4.5.5, 5.8.6: one instance of several, the whole attribute, and the entity with it."""
    names = [{"value": "公園"}, {"value": "Park", "datasetId": "urn:x:en"}, {"value": "Parc", "datasetId": "urn:x:fr"}]
    wanted = {"format": "concise", "sysAttrs": False}
    await subscribe(
        keeper, receiver.url, notification=wanted, watchedAttributes=["name"], notificationTrigger=["attributeDeleted"]
    )
    await keeper.post(f"{ROOT}/entities", json={**PARK, "name": names})
    async with notifying(city):
        await keeper.delete(f"{ONE}/attrs/name?datasetId=urn:x:fr")
        last = (await receiver.told())[0]["name"][-1]
        assert last == {"value": "urn:ngsi-ld:null", "datasetId": "urn:x:fr"}
        await keeper.delete(ONE)
        gone = (await receiver.told())[0]
    assert gone["name"] == "urn:ngsi-ld:null"
    assert {"deletedAt"} == gone.keys() - {"id", "type", "name"}, "what is not watched is not told"


async def test_what_is_asked_and_what_is_told_may_be_in_two_contexts(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    """5.2.12, 5.5.7: names in q are of the context that q came with, those in notifications of `jsonldContext`."""
    trees = "https://schema.org/numberOfItems"
    uris = []
    for term in ("n", "m"):
        hosted = await keeper.post(f"{ROOT}/jsonldContexts", json={"@context": {term: trees}})
        uris.append(f"http://127.0.0.1:8080{hosted.headers['location']}")
    wanted = {
        "@context": {"count": trees},
        "type": "Subscription",
        "entities": [{"type": "Park"}],
        "q": "count>10",
        "jsonldContext": uris[0],
        "notification": {"format": "keyValues", "endpoint": {"uri": receiver.url}},
    }
    ld = {"Content-Type": "application/ld+json"}
    made = await keeper.post(f"{ROOT}/subscriptions", content=json.dumps(wanted), headers=ld)
    assert made.status_code == 201, made.text
    path = made.headers["location"]

    async def heard(value: int) -> tuple[str, dict[str, Any]]:
        assert (await keeper.post(f"{ONE}/attrs", json={trees: value})).status_code == 204
        headers, body = await asyncio.wait_for(receiver.got.get(), PATIENCE)
        return headers["link"].partition(">")[0][1:], body["data"][0]

    async with notifying(city):
        await keeper.post(f"{ROOT}/entities", json={"id": PARK_ID, "type": "Park"})
        assert await heard(12) == (uris[0], {"id": PARK_ID, "type": "Park", "n": 12})
        assert (await keeper.patch(path, json={"q": f"{trees}>13"})).status_code == 204
        await keeper.post(f"{ONE}/attrs", json={trees: 13})
        assert await heard(14) == (uris[0], {"id": PARK_ID, "type": "Park", "n": 14})
        assert (await keeper.patch(path, json={"jsonldContext": uris[1]})).status_code == 204
        assert await heard(15) == (uris[1], {"id": PARK_ID, "type": "Park", "m": 15})
    assert receiver.got.empty()


async def test_throttling_passes_over_what_comes_too_soon(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    await subscribe(keeper, receiver.url, throttling=3600)
    await keeper.post(f"{ROOT}/entities", json=PARK)
    await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})
    every = await subscribe(keeper, receiver.url, watchedAttributes=["trees"])
    async with notifying(city):
        told = [(await asyncio.wait_for(receiver.got.get(), PATIENCE))[1] for _ in range(3)]
    assert sum(body["subscriptionId"] == every.rpartition("/")[2] for body in told) == 2
    assert receiver.got.empty()


async def test_a_dead_receiver_delays_nobody_and_its_letters_are_kept(
    city: City, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    closed = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    dead = await subscribe(keeper, f"http://127.0.0.1:{closed.sockets[0].getsockname()[1]}/")
    closed.close()
    await subscribe(keeper, receiver.url)
    async with notifying(city):
        await keeper.post(f"{ROOT}/entities", json=PARK)
        await keeper.patch(f"{ONE}/attrs/trees", json={"value": 13})
        assert [(await receiver.told())[0]["trees"] for _ in range(2)] == [12, 13]
        assert (await until_told(keeper, dead, "timesFailed"))["status"] == "failed"
    async with city.database.system.transaction() as tx:
        waiting = await tx.fetch("select state, error, attempts from notification order by id")
    assert [row["state"] for row in waiting] == ["waiting", "waiting"]
    assert waiting[0]["error"]


@pytest.mark.mosquitto
@pytest.mark.parametrize(("version", "qos"), [("mqtt5.0", 2), ("mqtt3.1.1", 1)])
async def test_a_notification_over_mqtt(
    city: City, keeper: httpx.AsyncClient, tmp_path: Path, version: str, qos: int
) -> None:
    """5.2.22, 7.2: the endpoint's URI is server and topic; the message holds metadata and the notification."""
    broker = Mosquitto(tmp_path)
    await broker.start()
    told = [{"key": "MQTT-Version", "value": version}, {"key": "MQTT-QoS", "value": str(qos)}]
    endpoint = {"notifierInfo": told, "receiverInfo": [{"key": "X-Park", "value": "yes"}]}
    path = await subscribe(keeper, f"mqtt://127.0.0.1:{broker.port}/parks/told", notification={"endpoint": endpoint})
    sub = [find("mosquitto_sub"), "-p", str(broker.port), "-q", str(qos), "-t", "parks/#", "-v"]
    first = await asyncio.create_subprocess_exec(*sub, "-i", "park", "-c", "-E")
    await asyncio.wait_for(first.wait(), PATIENCE)
    async with notifying(city):
        await keeper.post(f"{ROOT}/entities", json=PARK)
        await until_told(keeper, path)
    listener = await asyncio.create_subprocess_exec(
        *sub, "-i", "park", "-c", "-C", "1", "-W", str(PATIENCE), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(listener.communicate(), PATIENCE + 5)
    broker.kill()
    topic, _, message = said.decode().partition(" ")
    heard = json.loads(message)
    assert topic == "parks/told"
    assert heard["metadata"]["X-Park"] == "yes"
    assert heard["metadata"]["Content-Type"] == "application/json"
    assert heard["body"]["data"] == [{"id": PARK_ID, "type": "Park", "trees": 12, "inCity": CITY_ID}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"q": 'name~="("'}, "q"),
        ({"notification": {"endpoint": {"uri": "mqtt://127.0.0.1/"}}}, "notification.endpoint.uri"),
        ({"notification": {"endpoint": {"uri": "mqtt://h/a/+"}}}, "notification.endpoint.uri"),
        (
            {"notification": {"endpoint": {"uri": "mqtt://h/t", "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}}},
            "notification.endpoint.notifierInfo",
        ),
        (
            {"notification": {"endpoint": {"uri": "http://h/", "receiverInfo": ["x"]}}},
            "notification.endpoint.receiverInfo",
        ),
        *(
            (
                {"notification": {"endpoint": {"uri": "http://h/", "receiverInfo": [{"key": key, "value": value}]}}},
                "notification.endpoint.receiverInfo",
            )
            for key, value in (("X", "a\r\nY: b"), ("X: y\r\nZ", "b"), ("Transfer-Encoding", "chunked"), ("X", "川"))
        ),
        ({"notification": {"join": "deep", "endpoint": {"uri": "http://h/"}}}, "notification.join"),
    ],
)
async def test_a_subscription_that_could_never_be_told_is_refused(
    keeper: httpx.AsyncClient, wrong: dict[str, Any], field: str
) -> None:
    good = {"notification": {"endpoint": {"uri": "http://receiver.example/"}}}
    doc = {"type": "Subscription", "entities": [{"type": "Park"}], **good, **wrong}
    answer = await keeper.post(f"{ROOT}/subscriptions", json=doc)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["type"] == "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"
