"""What it costs to match a change with many subscriptions, in the consumer's transaction, against a real database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import orjson

from broker.jsonld.context import CORE
from broker.jsonld.library import ContextLibrary
from broker.ports import CHANGES, Database, Record
from broker.store import subscriptions as store
from broker.subscriptions.documents import parse_subscription
from broker.subscriptions.handler import SubscriptionHandler
from schemas.change import Change, State, encode_change

AT = datetime(2026, 7, 1, tzinfo=UTC)


class MatchCost(NamedTuple):
    """Seconds: reading all subscriptions at the start, and matching one change afterwards; and what was told."""

    first_look_s: float
    per_change_s: float
    told: int


def a_subscription(number: int) -> dict[str, Any]:
    """One of a mix: three in ten about one gauge, four about a type and an attribute, three with one of 100 queries."""
    selector: dict[str, Any] = {"type": "Gauge"}
    more: dict[str, Any] = {}
    match number % 10:
        case 0 | 1 | 2:
            selector["id"] = f"urn:ngsi-ld:Gauge:{number}"
        case 3 | 4 | 5 | 6:
            more["watchedAttributes"] = [f"other{number % 50}"]
        case _:
            more["q"] = f"level>{number // 10 % 100 + 1000}"
    return {
        "id": f"urn:ngsi-ld:Subscription:{number}",
        "type": "Subscription",
        "entities": [selector],
        "notification": {"endpoint": {"uri": "https://receiver.example/"}},
        **more,
    }


def changes(many: int) -> list[Record]:
    """So many readings of gauges, as they come from the log."""
    records = []
    for number in range(many):
        entity = f"urn:ngsi-ld:Gauge:{number}"
        level = {"type": "Property", "value": number % 10}
        doc = msgspec.Raw(orjson.dumps({"id": entity, "type": "Gauge", "level": level}))
        change = Change(
            tenant="fukui", entity=entity, type=("Gauge",), op="update", version=2, at=AT,
            attributes={"level": level}, previous={"level": {"type": "Property", "value": -1}},
            state=State(doc=doc, created_at=AT, modified_at=AT),
        )  # fmt: skip
        records.append(Record(CHANGES, 0, number, entity.encode(), encode_change(change), AT))
    return records


async def match_cost(
    database: Database, contexts: ContextLibrary, *, subscriptions: int = 10_000, records: Sequence[Record] = ()
) -> MatchCost:
    """Measure on an empty city's database, which is left with the subscriptions and their notifications."""
    for start in range(0, subscriptions, 1000):
        async with database.transaction("fukui") as tx:
            for number in range(start, min(start + 1000, subscriptions)):
                doc = parse_subscription(a_subscription(number), CORE, AT)
                await store.create_subscription(tx, store.ENTITIES, {**doc, "@context": CORE.given}, AT)
    handler = SubscriptionHandler(contexts, lambda: AT)
    began = time.perf_counter()
    async with database.transaction() as tx:
        await handler.handle(tx, [])
    first = time.perf_counter() - began
    told_of = records or changes(500)
    began = time.perf_counter()
    async with database.transaction() as tx:
        await handler.handle(tx, told_of)
        told = await tx.fetchval("select count(*) from notification")
    return MatchCost(first, (time.perf_counter() - began) / len(told_of), int(told))
