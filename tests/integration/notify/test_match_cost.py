"""A change is matched with many subscriptions in about the time of the few that it may concern."""

from __future__ import annotations

from datetime import timedelta

from api_gateway.ngsi_ld.fetching import fetcher
from bench.subscriptions import AT, a_subscription, changes, match_cost
from broker.jsonld.context import CORE
from broker.jsonld.library import ContextLibrary
from broker.store import subscriptions as store
from broker.subscriptions.documents import parse_subscription
from broker.subscriptions.handler import SubscriptionHandler
from tests.conftest import CityDatabase


async def test_those_whom_it_does_not_concern_cost_little(database: CityDatabase) -> None:
    contexts = ContextLibrary(database.system, fetcher(allow_private=False), "http://127.0.0.1:8080")
    cost = await match_cost(database.system, contexts, subscriptions=1000, records=changes(100))
    assert cost.told == 30, "of the first hundred gauges three in ten are subscribed to by name; nobody else is told"
    assert cost.per_change_s < 0.05, "a tenth of what asking each subscription in turn would take"


async def test_of_many_that_are_alike_each_is_told_but_the_expired(database: CityDatabase) -> None:
    """Subscriptions to the same with the same q are judged as one; whom they tell stays their own."""
    alike = a_subscription(7) | {"q": "level<5"}
    soon = {"expiresAt": (AT + timedelta(hours=1)).isoformat()}
    for tenant, name, more in (("fukui", "one", {}), ("fukui", "two", {}), ("fukui", "gone", soon),
                               ("neighbour", "elsewhere", {})):  # fmt: skip
        doc = parse_subscription({**alike, "id": f"urn:ngsi-ld:Subscription:{name}", **more}, CORE, AT)
        async with database.system.transaction(tenant) as tx:
            await store.create_subscription(tx, store.ENTITIES, {**doc, "@context": CORE.given}, AT)
    contexts = ContextLibrary(database.system, fetcher(allow_private=False), "http://127.0.0.1:8080")
    handler = SubscriptionHandler(contexts, lambda: AT + timedelta(days=1))
    async with database.system.transaction() as tx:
        await handler.handle(tx, changes(1))
        told = await tx.fetch("select subscription_id from notification order by 1")
    assert [row["subscription_id"].rpartition(":")[2] for row in told] == ["one", "two"]
