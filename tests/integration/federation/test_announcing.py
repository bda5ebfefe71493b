"""Subscriptions to registrations are told of them (ETSI GS CIM 009, 5.10.2, 5.11.2, 5.11.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from api_gateway.ngsi_ld.fetching import fetcher
from broker.jsonld.library import ContextLibrary
from broker.subscriptions.announcing import Announcer
from schemas.clock import utc_now
from services.notify.sender import Sender
from tests.conftest import CityDatabase
from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE

BUILDING = [{"entities": [{"type": "Building"}]}]


class Receiver:
    """An HTTP server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.got.put_nowait(orjson.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def next(self) -> tuple[str, list[dict[str, Any]]]:
        body = await asyncio.wait_for(self.got.get(), 60)
        assert body["type"] == "ContextSourceNotification"
        return body["triggerReason"], body["data"]


@pytest.fixture
async def receiver(database: CityDatabase) -> AsyncIterator[Receiver]:
    """A receiver, and the sender that reaches it."""
    it = Receiver()
    server = await asyncio.start_server(it.take, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told"
    stop = asyncio.Event()
    sender = Sender(database.system, utc_now, default_tenant="fukui", allow_private=True)
    running = asyncio.create_task(sender.run(stop))
    yield it
    stop.set()
    await asyncio.wait_for(running, 60)
    server.close()
    await server.wait_closed()


def subscription(url: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "Subscription",
        "entities": [{"type": "WaterObserved"}],
        "notification": {"endpoint": {"uri": url}},
        **more,
    }


async def test_what_matches_newly_still_and_no_longer(fukui: Town, receiver: Receiver) -> None:
    first = await fukui.register("http://127.0.0.1:1", GAUGE)
    made = await fukui.client.post(f"{ROOT}/csourceSubscriptions", json=subscription(receiver.url))
    assert made.status_code == 201, made.text
    reason, data = await receiver.next()
    assert (reason, [one["id"] for one in data]) == ("newlyMatching", [first])

    key = [{"key": "X-Key", "value": "ours alone"}]
    second = await fukui.register("http://127.0.0.1:1", [*GAUGE, *BUILDING], contextSourceInfo=key)
    reason, data = await receiver.next()
    assert (reason, data[0]["id"], data[0]["information"]) == ("newlyMatching", second, GAUGE)
    assert "contextSourceInfo" not in data[0]
    await fukui.register("http://127.0.0.1:1", BUILDING)  # concerns nobody

    one = f"{ROOT}/csourceRegistrations/{second}"
    for change, expected in (({"registrationName": "x"}, "updated"), ({"information": BUILDING}, "noLongerMatching")):
        assert (await fukui.client.patch(one, json=change)).status_code == 204
        assert (await receiver.next())[0] == expected
    assert (await fukui.client.delete(f"{ROOT}/csourceRegistrations/{first}")).status_code == 204
    reason, data = await receiver.next()
    assert (reason, data[0]["id"]) == ("noLongerMatching", first)


async def test_a_subscription_that_cannot_be_read_silences_nobody(
    fukui: Town, receiver: Receiver, database: CityDatabase
) -> None:
    """One that was kept before its like were checked."""
    broken = await fukui.client.post(f"{ROOT}/csourceSubscriptions", json=subscription("http://127.0.0.1:1/"))
    bad = {"timeInterval": 1e18, "temporalQ": {"timerel": 5, "timeAt": "?"}}
    id_ = broken.headers["location"].rpartition("/")[2]
    async with database.system.transaction() as tx:
        await tx.execute(
            "update subscription set doc = doc || $2::jsonb where id = $1", id_, orjson.dumps(bad).decode()
        )
    await fukui.client.post(f"{ROOT}/csourceSubscriptions", json=subscription(receiver.url))
    made = await fukui.register("http://127.0.0.1:1", GAUGE)
    reason, data = await receiver.next()
    assert (reason, [one["id"] for one in data]) == ("newlyMatching", [made])


async def test_who_changes_what_it_seeks_is_told_what_matches_then(fukui: Town, receiver: Receiver) -> None:
    """5.11.7: the matching registrations are told when a subscription is created, and when it is updated."""
    house = await fukui.register("http://127.0.0.1:1", BUILDING)
    made = await fukui.client.post(f"{ROOT}/csourceSubscriptions", json=subscription(receiver.url))
    wanted = await fukui.client.patch(made.headers["location"], json={"entities": [{"type": "Building"}]})
    assert wanted.status_code == 204, wanted.text
    reason, data = await receiver.next()
    assert (reason, [one["id"] for one in data]) == ("newlyMatching", [house])


async def test_a_subscriber_by_time_is_told_again(fukui: Town, receiver: Receiver, database: CityDatabase) -> None:
    await fukui.register("http://127.0.0.1:1", GAUGE)
    body = subscription(receiver.url, timeInterval=0.2)
    assert (await fukui.client.post(f"{ROOT}/csourceSubscriptions", json=body)).status_code == 201
    assert (await receiver.next())[0] == "newlyMatching"
    contexts = ContextLibrary(database.system, fetcher(allow_private=True), fukui.url)
    announcer = Announcer(contexts, utc_now)
    async with asyncio.timeout(30):
        while receiver.got.empty():
            async with database.system.transaction() as tx:
                await announcer.tell_due(tx)
            await asyncio.sleep(0.05)
    assert (await receiver.next())[0] == "newlyMatching"


async def test_discovery_by_place_time_and_property(fukui: Town) -> None:
    here = {"type": "Point", "coordinates": [136.2, 36.0]}
    placed = await fukui.register("http://127.0.0.1:1", GAUGE, location=here)
    year = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}
    past = await fukui.register("http://127.0.0.1:1", GAUGE, observationInterval=year)
    named = await fukui.register("http://127.0.0.1:1", GAUGE, operator="県")

    async def found(**params: str) -> set[str]:
        answer = await fukui.get("csourceRegistrations", type="WaterObserved", **params)
        assert answer.status_code == 200, answer.text
        return {one["id"] for one in answer.json()}

    assert await found() == {placed, named}
    near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[136.201,36.0]"}
    assert await found(**near) == {placed}
    assert await found(**{**near, "coordinates": "[130.0,36.0]"}) == set()
    assert await found(timerel="after", timeAt="2020-06-01T00:00:00Z") == {past}
    assert await found(timerel="after", timeAt="2022-06-01T00:00:00Z") == set()
    assert await found(timerel="between", timeAt="2019-01-01T00:00:00Z", endTimeAt="2019-12-01T00:00:00Z") == set()
    assert await found(csf='operator=="県"') == {named}
    scoped = await fukui.register("http://127.0.0.1:1", GAUGE, scope=["/福井/日野川", "/鯖江"])
    assert await found(scopeQ="/福井/#") == {scoped}
    assert await found(scopeQ="/福井") == set()
    bad = await fukui.get("csourceRegistrations", type="WaterObserved", timerel="after")
    assert (bad.status_code, bad.json()["field"]) == (400, "timeAt")


async def test_a_subscriber_to_sources_of_one_kind_hears_of_no_others(fukui: Town, receiver: Receiver) -> None:
    """csf and scopeQ are asked of a registration as discovery asks them, its properties being terms (5.2.12, 5.5.7)."""
    terms = {"operator": "https://schema.org/provider"}
    body = subscription(receiver.url, csf='operator=="県"', scopeQ="/福井/#")
    body = {**body, "@context": terms}
    ld = {"Content-Type": "application/ld+json"}
    made = await fukui.client.post(f"{ROOT}/csourceSubscriptions", content=orjson.dumps(body), headers=ld)
    assert made.status_code == 201, made.text
    await fukui.register("http://127.0.0.1:1", GAUGE, operator="県", scope="/福井/日野川")
    ours = {"@context": terms, "operator": "国", "scope": "/福井/日野川"}
    registered = {"type": "ContextSourceRegistration", "endpoint": "http://127.0.0.1:1", "information": GAUGE, **ours}
    posted = await fukui.client.post(f"{ROOT}/csourceRegistrations", content=orjson.dumps(registered), headers=ld)
    path = posted.headers["location"]
    for change in ({"operator": "県"}, {"scope": "/鯖江"}):
        changed = orjson.dumps({"@context": terms, **change})
        assert (await fukui.client.patch(path, content=changed, headers=ld)).status_code == 204
    (came, [one]), (went, _) = await receiver.next(), await receiver.next()
    assert (came, one["id"], went) == ("newlyMatching", path.rpartition("/")[2], "noLongerMatching")
    assert one["operator"] == "県", "as the subscriber's own context calls it"
    assert (await fukui.client.get(path)).json()["https://schema.org/provider"] == "県"
    assert receiver.got.empty()
