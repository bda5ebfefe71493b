"""A change is matched with many subscriptions in about the time of the few that it may concern."""

from __future__ import annotations

from api_gateway.ngsi_ld.fetching import fetcher
from bench.subscriptions import changes, match_cost
from broker.jsonld.library import ContextLibrary
from tests.conftest import CityDatabase


async def test_those_whom_it_does_not_concern_cost_little(database: CityDatabase) -> None:
    contexts = ContextLibrary(database.system, fetcher(allow_private=False), "http://127.0.0.1:8080")
    cost = await match_cost(database.system, contexts, subscriptions=1000, records=changes(100))
    assert cost.told == 30, "of the first hundred gauges three in ten are subscribed to by name; nobody else is told"
    assert cost.per_change_s < 0.05, "a tenth of what asking each subscription in turn would take"
