"""A subscription here is one at the neighbour's too (ETSI GS CIM 009, 5.8.1, 5.8.5, 5.8.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from api_gateway.federation.client import SourceClient
from api_gateway.federation.subscribing import SourceSubscriber
from api_gateway.ngsi_ld.fetching import fetcher
from api_gateway.settings import GatewaySettings
from broker.jsonld.library import ContextLibrary
from broker.log.postgres import PostgresLog
from broker.ports import CHANGES
from schemas.clock import utc_now
from tests.conftest import CityDatabase
from tests.integration.federation.conftest import ROOT, Town
from tests.integration.federation.test_reads import GAUGE, gauge
from tests.integration.gateway.conftest import receiver
from tests.integration.gateway.receiving import Receiver, notifying

__all__ = ["receiver"]


@pytest.fixture
async def subscriber(database: CityDatabase, fukui: Town) -> AsyncIterator[SourceSubscriber]:
    """The part of the notifier that keeps subscriptions at sources; they tell fukui's gateway."""
    client = SourceClient(seconds=10, rest=0, most_bytes=1_000_000, allow_private=True)
    contexts = ContextLibrary(database.system, fetcher(allow_private=True), GatewaySettings().issuer)
    yield SourceSubscriber(database.system, contexts, client, utc_now, fukui.url)
    await client.close()


@pytest.fixture
async def told(database: CityDatabase) -> AsyncIterator[None]:
    """Both cities' subscribers are told."""
    log = PostgresLog(database.system, partitions={CHANGES: 2})
    async with notifying(SimpleNamespace(database=database, log=log)):
        yield
    await log.close()


async def subscribe(town: Town, url: str, **more: Any) -> str:
    body = {
        "type": "Subscription",
        "entities": [{"type": "WaterObserved"}],
        "notification": {"format": "keyValues", "endpoint": {"uri": url}},
        **more,
    }
    made = await town.client.post(f"{ROOT}/subscriptions", json=body)
    assert made.status_code == 201, made.text
    return str(made.headers["location"].rpartition("/")[2])


async def there(town: Town) -> list[dict[str, Any]]:
    return list((await town.get("subscriptions")).json())


async def settled(subscriber: SourceSubscriber) -> None:
    """What is wanted is planned and asked."""
    await subscriber.plan()
    while await subscriber.work():
        pass


@pytest.mark.usefixtures("told")
async def test_the_neighbour_tells_our_subscriber(
    fukui: Town, sabae: Town, subscriber: SourceSubscriber, receiver: Receiver
) -> None:
    registration = await fukui.register(sabae.url, GAUGE)
    await sabae.register(fukui.url, GAUGE)
    told_so = {"format": "keyValues", "join": "inline", "endpoint": {"uri": receiver.url}}
    mine = await subscribe(fukui, receiver.url, q="flow>5", watchedAttributes=["flow"], notification=told_so)
    river = {"id": "urn:ngsi-ld:River:1", "type": "River", "name": "日野川"}
    await fukui.create(river, local=True)
    await settled(subscriber)
    await settled(subscriber)
    [theirs] = await there(sabae)
    assert (theirs["watchedAttributes"], theirs["q"]) == (["flow"], "flow>5")
    assert [one["id"] for one in await there(fukui)] == [mine], "what came from here is not asked of here"

    await sabae.create(gauge("hino", flow=3, of={"type": "Relationship", "object": river["id"]}))
    hers = f"{ROOT}/entities/urn:ngsi-ld:WaterObserved:hino/attrs/flow"
    assert (await sabae.client.patch(hers, json={"value": 8})).status_code == 204
    _, heard = await receiver.got.get()
    assert heard["subscriptionId"] == mine
    assert heard["data"] == [gauge("hino", flow=8, of=river)], "with what it is linked to here"
    key = theirs["notification"]["endpoint"]["uri"].rpartition("/")[2]
    strange = {"type": "Notification", "data": [{"id": "urn:x:1", "type": "Person", "flow": 9}]}
    relayed = f"{ROOT}/notifications/{key}"
    assert (await fukui.client.post(relayed, json=strange)).status_code == 204, "not what was asked for: not told"
    assert (await fukui.client.post(f"{relayed}x", json=strange)).status_code == 404
    assert (await fukui.client.post(relayed, json={"data": [{"id": "no"}]})).status_code == 400

    # Another q makes another one there; without the registration there is none.
    assert (await fukui.client.patch(f"{ROOT}/subscriptions/{mine}", json={"q": "flow>7"})).status_code == 204
    await settled(subscriber)
    assert [one["q"] for one in await there(sabae)] == ["flow>7"]
    assert (await fukui.client.post(relayed, json=strange)).status_code == 404
    await fukui.client.delete(f"{ROOT}/csourceRegistrations/{registration}")
    await settled(subscriber)
    assert await there(sabae) == []
    assert receiver.got.empty()


async def test_what_a_dead_neighbour_was_not_asked_is_asked_later(
    fukui: Town, sabae: Town, subscriber: SourceSubscriber, database: CityDatabase
) -> None:
    for information, more in (
        (GAUGE, {}),
        ([{"entities": [{"type": "Park"}]}], {}),
        (GAUGE, {"operations": ["retrieveOps"]}),
    ):
        await fukui.register(sabae.url, information, **more)
    mine = await subscribe(fukui, "http://127.0.0.1:9/", id="urn:ngsi-ld:Subscription:mine")
    await sabae.die()
    await settled(subscriber)
    async with database.system.transaction() as tx:
        rows = await tx.fetch("select there, attempts from source_subscription")
        assert [(row["there"], row["attempts"]) for row in rows] == [(False, 1)], "one takes it, and did not answer"
        assert await tx.fetchval("select due_at > now() from source_subscription")
    assert (await fukui.client.delete(f"{ROOT}/subscriptions/{mine}")).status_code == 204
    await settled(subscriber)
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from source_subscription where wanted") == 0


async def test_only_sources_that_the_filter_lets_pass_are_asked(
    fukui: Town, sabae: Town, subscriber: SourceSubscriber
) -> None:
    """5.2.12: csf, in the context that it came with; and localOnly, which asks nobody."""
    registration = await fukui.register(sabae.url, GAUGE, **{"https://schema.org/provider": "県"})
    filtering = {"csf": 'operator=="国"', "@context": {"operator": "https://schema.org/provider"}}
    ld = {"Content-Type": "application/ld+json"}
    mine = await subscribe(fukui, "http://127.0.0.1:9/", localOnly=True)
    path = f"{ROOT}/subscriptions/{mine}"
    await settled(subscriber)
    assert await there(sabae) == []
    for change, asked in (
        ({"localOnly": False}, 1),
        (filtering, 0),
        ({**filtering, "csf": 'operator=="県"'}, 1),
        ({"q": "flow>5"}, 1),
        ({"csf": 'operator=="県"'}, 0),
        ({"csf": None}, 1),
    ):
        head = ld if "@context" in change else {"Content-Type": "application/json"}
        answer = await fukui.client.patch(path, content=orjson.dumps(change), headers=head)
        assert answer.status_code == 204, answer.text
        await settled(subscriber)
        assert len(await there(sabae)) == asked, change
    await fukui.client.patch(path, content=orjson.dumps({**filtering, "csf": 'operator=="県"'}), headers=ld)
    await settled(subscriber)
    other = {"https://schema.org/provider": "国"}
    await fukui.client.patch(f"{ROOT}/csourceRegistrations/{registration}", json=other)
    await settled(subscriber)
    assert await there(sabae) == [], "the source is another now"
    wrong = await fukui.client.patch(path, json={"csf": "operator=="})
    assert wrong.status_code == 400
