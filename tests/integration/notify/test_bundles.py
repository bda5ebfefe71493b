"""A receiver that is behind is told of several entities at once: nothing lost, nothing out of order, whoever dies."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from api_gateway.ngsi_ld.fetching import fetcher
from bench.subscriptions import changes
from broker.jsonld.context import CORE
from broker.jsonld.library import ContextLibrary
from broker.ngsi_v2.subscriptions import parse_v2_subscription
from broker.store import subscriptions as store
from broker.subscriptions.bundling import MOST_BYTES, MOST_ENTITIES
from broker.subscriptions.documents import parse_subscription
from broker.subscriptions.handler import SubscriptionHandler
from cityos.roles.notifier import open_publishers
from schemas.clock import iso, utc_now
from services.notify.sender import PublishAt, Sender
from tests.conftest import CityDatabase
from tests.integration.mqtt.broker import Mosquitto, find
from tests.integration.notify.receivers import HttpReceiver

SUBSCRIPTION = "urn:ngsi-ld:Subscription:behind"
PATIENCE = 60
_PUT = (
    "insert into notification (tenant_id, kind, subscription_id, body) select t.id, 'entities', $1, b.body::jsonb"
    " from tenant t, unnest($2::text[]) with ordinality as b (body, place) where t.name = 'fukui' order by b.place"
)


class Queue:
    """A subscription's queue, filled as the matching of changes fills it, and a sender that empties it."""

    def __init__(self, database: CityDatabase, receiver: HttpReceiver) -> None:
        self.database, self.receiver = database, receiver

    async def subscribe(self, **more: Any) -> None:
        doc = {"id": SUBSCRIPTION, "type": "Subscription", "entities": [{"type": "Gauge"}],
               "notification": {"endpoint": {"uri": self.receiver.url, "accept": "application/json"}}}  # fmt: skip
        async with self.database.system.transaction("fukui") as tx:
            await store.create_subscription(tx, store.ENTITIES, {**doc, **more}, utc_now())

    async def put(self, changes: Sequence[tuple[int, int]], **more: Any) -> None:
        """Notifications of changes: (which gauge, its level)."""
        envelope = {"type": "Notification", "subscriptionId": SUBSCRIPTION, "notifiedAt": iso(utc_now())}
        bodies = [
            {**envelope, "id": f"urn:ngsi-ld:Notification:{gauge}-{level}", "data": [entity(gauge, level, **more)]}
            for gauge, level in changes
        ]
        await self.put_bodies(bodies)

    async def put_bodies(self, bodies: Sequence[Any]) -> None:
        async with self.database.system.transaction() as tx:
            await tx.execute(_PUT, SUBSCRIPTION, [json.dumps(body) for body in bodies])

    async def counters(self) -> store.KeptSubscription:
        async with self.database.system.transaction("fukui") as tx:
            return (await store.subscriptions(tx, store.ENTITIES, SUBSCRIPTION))[0]

    async def waiting(self) -> list[Any]:
        async with self.database.system.transaction() as tx:
            return await tx.fetch("select id, state, attempts, error, bundle from notification order by id")

    async def until_empty(self) -> None:
        await self.until(lambda waiting: not waiting)

    async def until(self, done: Callable[[list[Any]], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                if done(await self.waiting()):
                    return
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def sender(self, later: timedelta = timedelta(0), publish: PublishAt | None = None) -> AsyncIterator[None]:
        """The sender, its clock put forward by so much: leases and pauses are over sooner."""
        stop = asyncio.Event()
        made = Sender(
            self.database.system,
            lambda: utc_now() + later,
            default_tenant="fukui",
            allow_private=True,
            publish=publish,
        )
        running = asyncio.create_task(made.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)

    def heard(self) -> list[tuple[int, int]]:
        """The changes that the receiver took, in the order in which it was told."""
        accepted = [
            b
            for b in self.receiver.bodies()
            if not self.receiver.judge or self.receiver.judge(json.dumps(b).encode()) < 300
        ]
        return [(int(one["id"].rpartition(":")[2]), one["level"]) for body in accepted for one in body["data"]]


def entity(gauge: int, level: int, **more: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Gauge:{gauge}", "type": "Gauge", "level": level, **more}


def refusing_more_than(most: int, status: int = 413, poison: int | None = None) -> Any:
    """A receiver's judgement: no notification of more entities than that, and none of the gauge `poison`."""

    def judge(body: bytes) -> int:
        data = json.loads(body)["data"]
        spoilt = any(one["id"] == f"urn:ngsi-ld:Gauge:{poison}" for one in data)
        return status if len(data) > most or spoilt else 204

    return judge


@pytest.fixture
async def queue(database: CityDatabase) -> AsyncIterator[Queue]:
    async with HttpReceiver() as receiver:
        yield Queue(database, receiver)


async def test_a_few_go_one_by_one_and_many_together(queue: Queue) -> None:
    """Each change is told, in order of its entity; what is counted are Notifications (5.2.14)."""
    await queue.subscribe()
    few = [(gauge, 0) for gauge in range(20)]
    many = [(gauge, level) for level in range(1, 4) for gauge in range(100)]
    await queue.put(few)
    async with queue.sender():
        await queue.until_empty()
        assert [len(body["data"]) for body in queue.receiver.bodies()] == [1] * 20
        await queue.put(many)
        await queue.until_empty()
    sizes = [len(body["data"]) for body in queue.receiver.bodies()]
    assert sizes == [*[1] * 20, 100, 100, 100], "an entity is in a Notification once"
    assert queue.heard() == few + many
    counted = await queue.counters()
    assert (counted.times_sent, counted.times_failed, counted.status) == (23, 0, "ok")


async def test_bounds_of_entities_and_bytes(queue: Queue) -> None:
    """Bodies that no compression makes small, and one that is larger than all bounds by itself."""
    await queue.subscribe()
    await queue.put([(gauge, 0) for gauge in range(60)], name=Random(1).randbytes(3000).hex())
    await queue.put([(60, 0)], name="川" * 40_000)
    async with queue.sender():
        await queue.until_empty()
    sizes = [(len(json.loads(body)["data"]), len(body)) for _, body in queue.receiver.got]
    assert max(count for count, _ in sizes) == 10
    assert all(size <= MOST_BYTES for count, size in sizes if count > 1)
    assert queue.heard() == [(gauge, 0) for gauge in range(61)]


async def test_changes_of_one_entity_alone_go_one_by_one(queue: Queue) -> None:
    await queue.subscribe()
    await queue.put([(1, level) for level in range(50)])
    async with queue.sender():
        await queue.until_empty()
    assert queue.heard() == [(1, level) for level in range(50)]
    assert len(queue.receiver.got) == 50


@pytest.mark.parametrize("status", [400, 413])
async def test_a_receiver_that_takes_one_at_a_time_gets_one_at_a_time(queue: Queue, status: int) -> None:
    """It refuses several once, and is not asked again at each turn."""
    await queue.subscribe()
    queue.receiver.judge = refusing_more_than(1, status)
    changes = [(gauge, 0) for gauge in range(70)]
    await queue.put(changes)
    async with queue.sender():
        await queue.until_empty()
    assert queue.heard() == changes
    assert len(queue.receiver.got) == 71, "one refusal, and every change by itself"
    counted = await queue.counters()
    assert (counted.times_sent, counted.times_failed, counted.status) == (70, 1, "ok")


async def test_one_that_is_refused_is_held_back_alone_and_those_behind_it_follow(queue: Queue) -> None:
    """What the receiver does not want spoils the Notification that it is in; found out, it is as if it were alone."""
    await queue.subscribe()
    queue.receiver.judge = refusing_more_than(MOST_ENTITIES, 400, poison=5)
    await queue.put([(gauge, 0) for gauge in range(60)])
    async with queue.sender():
        await queue.until(lambda waiting: any(row["attempts"] for row in waiting))
    assert queue.heard() == [(gauge, 0) for gauge in range(5)]
    first, *others = await queue.waiting()
    assert (first["attempts"] > 0, first["state"], first["error"]) == (True, "waiting", "the receiver answered 400")
    assert {(row["attempts"], row["state"], row["bundle"]) for row in others} == {(0, "waiting", None)}
    queue.receiver.judge = None
    queue.receiver.got.clear()
    async with queue.sender(later=timedelta(hours=1)):
        await queue.until_empty()
    assert [len(body["data"]) for body in queue.receiver.bodies()] == [1, 54], "what failed goes alone, then the rest"
    assert queue.heard() == [(gauge, 0) for gauge in range(5, 60)]


async def test_a_receiver_that_is_away_costs_one_attempt_of_the_oldest(queue: Queue) -> None:
    await queue.subscribe()
    queue.receiver.status = 503
    await queue.put([(gauge, 0) for gauge in range(60)])
    async with queue.sender():
        await queue.receiver.wait_for(2)
    rows = await queue.waiting()
    assert [row["attempts"] > 0 for row in rows] == [True, *[False] * 59]
    assert {row["bundle"] for row in rows} == {None}
    queue.receiver.status = 204
    queue.receiver.got.clear()
    async with queue.sender(later=timedelta(hours=1)):
        await queue.until_empty()
    assert queue.heard() == [(gauge, 0) for gauge in range(60)]
    assert len(queue.receiver.got) == 2


async def test_an_endpoint_says_how_long_to_wait_for_it_and_to_leave_it_alone(queue: Queue) -> None:
    """5.2.15: `timeout`, where it is shorter than ours, and `cooldown`, in which nothing at all is sent."""
    hour = {"uri": queue.receiver.url, "timeout": 200, "cooldown": 3_600_000}
    await queue.subscribe(notification={"endpoint": hour})
    queue.receiver.delay = 2.0
    await queue.put([(gauge, 0) for gauge in range(60)])
    async with queue.sender():
        await queue.until(lambda waiting: any(row["attempts"] for row in waiting))
    first, *others = await queue.waiting()
    assert (first["attempts"], first["error"]) == (1, "no answer within 0.2 s")
    assert {(row["attempts"], row["bundle"]) for row in others} == {(0, None)}
    queue.receiver.delay = 0.0
    async with queue.sender(later=timedelta(minutes=55)):
        await asyncio.sleep(1.5)
        assert len(queue.receiver.got) == 1
    async with queue.sender(later=timedelta(minutes=61)):
        await queue.until_empty()
    assert queue.heard()[-60:] == [(gauge, 0) for gauge in range(60)]


async def test_a_sender_killed_before_it_wrote_down_what_it_sent_is_followed_by_the_same(queue: Queue) -> None:
    """The same Notification, by its id, however many came to wait meanwhile: the receiver can tell a repetition."""
    await queue.subscribe()
    await queue.put([(gauge, 0) for gauge in range(30)])
    queue.receiver.delay = 3600.0
    url = queue.database.system_url
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.integration.notify.killed_sender", url)
    try:
        await queue.receiver.wait_for(1)
    finally:
        process.kill()
        await process.wait()
    queue.receiver.delay = 0.0
    others = [(gauge, 0) for gauge in range(30, 70)]
    await queue.put(others)
    async with queue.sender(later=timedelta(hours=1)):
        await queue.until_empty()
    first, again, *rest = queue.receiver.bodies()
    assert len(first["data"]) == 30
    assert again == first
    assert [len(body["data"]) for body in rest] == [40]
    assert queue.heard()[30:] == [(gauge, 0) for gauge in range(30)] + others


async def test_what_is_told_by_the_clock_is_a_whole(queue: Queue) -> None:
    """With `timeInterval` a Notification says which entities there are."""
    await queue.subscribe(timeInterval=60)
    await queue.put([(gauge, 0) for gauge in range(30)])
    async with queue.sender():
        await queue.until_empty()
    assert [len(body["data"]) for body in queue.receiver.bodies()] == [1] * 30


async def test_what_waited_while_the_subscription_changed_keeps_its_form_and_goes_by_itself(queue: Queue) -> None:
    """No Notification has entities in two forms, and each says what it is, whatever is wanted by now (5.2.14)."""
    contexts = ContextLibrary(queue.database.system, fetcher(allow_private=False), "http://127.0.0.1:8080")
    handler = SubscriptionHandler(contexts, utc_now)
    wishes: list[tuple[str, str]] = [
        ("normalized", "application/json"),
        ("keyValues", "application/json"),
        ("keyValues", "application/ld+json"),
        ("keyValues", "application/geo+json"),
    ]
    for number, (format_, accept) in enumerate(wishes):
        told = {"format": format_, "endpoint": {"uri": queue.receiver.url, "accept": accept}}
        wanted = {"id": SUBSCRIPTION, "type": "Subscription", "entities": [{"type": "Gauge"}], "notification": told}
        doc = {**parse_subscription(wanted, CORE, utc_now()), "@context": CORE.given}
        async with queue.database.system.transaction("fukui") as tx:
            save = store.change_subscription if number else store.create_subscription
            await save(tx, store.ENTITIES, doc, utc_now())
        async with queue.database.system.transaction() as tx:
            await handler.handle(tx, changes(60)[number * 15 : number * 15 + 15])
    async with queue.sender():
        await queue.until_empty()
    heard = queue.receiver.bodies()
    assert [headers["content-type"] for headers, _ in queue.receiver.got] == [accept for _, accept in wishes]
    assert [("link" in headers) for headers, _ in queue.receiver.got] == [True, True, False, True]
    assert heard[0]["data"][7]["level"] == {"type": "Property", "value": 7}
    assert {type(one["level"]) for body in heard[1:3] for one in body["data"]} == {int}
    assert ["@context" in body for body in heard] == [False, False, True, False]
    assert [len(body["data"]) for body in heard[:3]] == [15] * 3
    assert len(heard[3]["data"]["features"]) == 15


async def test_subscribers_of_ngsi_v2_are_told_together_in_their_form(queue: Queue) -> None:
    wanted = {"subject": {"entities": [{"type": "Gauge"}]}, "notification": {"http": {"url": queue.receiver.url}}}
    await queue.subscribe(**parse_v2_subscription(wanted, SUBSCRIPTION, ""))
    told = [{"subscriptionId": "behind", "data": [entity(gauge, 0)]} for gauge in range(30)]
    await queue.put_bodies(told)
    async with queue.sender():
        await queue.until_empty()
    assert queue.receiver.bodies() == [{"subscriptionId": "behind", "data": [entity(gauge, 0) for gauge in range(30)]}]
    assert queue.receiver.got[0][0]["ngsiv2-attrsformat"] == "normalized"


@pytest.mark.mosquitto
async def test_over_mqtt_they_are_one_message(queue: Queue, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    await broker.start()
    told = [{"key": "MQTT-QoS", "value": "1"}]
    uri = f"mqtt://127.0.0.1:{broker.port}/gauges"
    await queue.subscribe(notification={"endpoint": {"uri": uri, "notifierInfo": told}})
    sub = [find("mosquitto_sub"), "-p", str(broker.port), "-q", "1", "-t", "gauges", "-i", "gauges", "-c"]
    first = await asyncio.create_subprocess_exec(*sub, "-E")
    await asyncio.wait_for(first.wait(), PATIENCE)
    await queue.put([(gauge, 0) for gauge in range(30)])
    async with AsyncExitStack() as stack, queue.sender(publish=await open_publishers(stack)):
        await queue.until_empty()
    wait = ["-C", "1", "-W", str(PATIENCE)]
    listener = await asyncio.create_subprocess_exec(*sub, *wait, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(listener.communicate(), PATIENCE + 5)
    broker.kill()
    heard = json.loads(said)
    assert heard["metadata"]["Content-Type"] == "application/json"
    assert heard["body"]["data"] == [entity(gauge, 0) for gauge in range(30)]
