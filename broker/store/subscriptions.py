"""Subscriptions and registrations in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "subscriptions")
_NOTIFYING = load("broker.store", "notifications")

ENTITIES, REGISTRATIONS = "entities", "registrations"
"""What a subscription is about."""


class KeptSubscription(NamedTuple):
    """A subscription with its counters (5.2.14)."""

    id: str
    doc: dict[str, Any]
    active: bool
    status: str | None
    times_sent: int
    times_failed: int
    last_notification: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    created_at: datetime
    modified_at: datetime


class KeptRegistration(NamedTuple):
    """A context source registration, and how often its source was asked (5.2.9).

    Of the `times_sent` requests `times_failed` failed.
    """

    id: str
    doc: dict[str, Any]
    created_at: datetime
    modified_at: datetime
    times_sent: int
    times_failed: int
    last_success: datetime | None
    last_failure: datetime | None


async def create_subscription(tx: Transaction, kind: str, doc: dict[str, Any], at: datetime) -> None:
    """Keep a new subscription. Raises `Conflict` where its id is taken."""
    await tx.execute(_SQL["create_subscription"], doc["id"], kind, *_columns(doc, at))


async def change_subscription(tx: Transaction, kind: str, doc: dict[str, Any], at: datetime) -> None:
    """Keep the subscription as it now is."""
    await tx.execute(_SQL["change_subscription"], doc["id"], kind, *_columns(doc, at))


def _columns(doc: dict[str, Any], at: datetime) -> tuple[str, bool, datetime | None, datetime]:
    return orjson.dumps(doc).decode(), doc.get("isActive", True), at if "timeInterval" in doc else None, at


async def check_paths(tx: Transaction, paths: Sequence[str]) -> None:
    """Raise `Invalid` where a query holds a regular expression that is none: sooner than a change would find out."""
    if paths:
        await tx.execute(_NOTIFYING["check_paths"], list(paths))


async def forget_changes(now: datetime, tx: Transaction, limit: int) -> int:
    """Forget up to `limit` notes of subscriptions that changed more than a day ago; say how many."""
    done = await tx.execute(_NOTIFYING["forget_changes"], now, limit)
    return int(done.rpartition(" ")[2])


async def subscriptions(
    tx: Transaction, kind: str, id_: str | None = None, *, limit: int = 1, offset: int = 0
) -> list[KeptSubscription]:
    """A page of the subscriptions, or the one with this id."""
    rows = await tx.fetch(_SQL["subscriptions"], kind, id_, limit, offset)
    return [KeptSubscription(row["id"], orjson.loads(row["doc"]), *list(row.values())[2:]) for row in rows]


async def count_subscriptions(tx: Transaction, kind: str) -> int:
    """How many there are."""
    return int(await tx.fetchval(_SQL["count_subscriptions"], kind))


async def delete_subscription(tx: Transaction, kind: str, id_: str) -> None:
    """Forget it. Raises `NotFound`."""
    if await tx.fetchval(_SQL["delete_subscription"], id_, kind) is None:
        raise NotFound(f"there is no subscription {id_}")


async def save_registration(tx: Transaction, doc: dict[str, Any], at: datetime, *, new: bool) -> None:
    """Keep a registration. Raises `Conflict` where the id of a new one is taken."""
    expires = datetime.fromisoformat(doc["expiresAt"]) if "expiresAt" in doc else None
    statement = _SQL["create_registration" if new else "change_registration"]
    await tx.execute(statement, doc["id"], orjson.dumps(doc).decode(), doc.get("mode", "inclusive"), expires, at)


async def registrations(tx: Transaction, at: datetime, id_: str | None = None) -> list[KeptRegistration]:
    """The registrations in force, or the one with this id."""
    rows = await tx.fetch(_SQL["registrations"], id_, at)
    return [KeptRegistration(row["id"], orjson.loads(row["doc"]), *list(row.values())[2:]) for row in rows]


async def delete_registration(tx: Transaction, id_: str) -> None:
    """Forget it. Raises `NotFound`."""
    if await tx.fetchval(_SQL["delete_registration"], id_) is None:
        raise NotFound(f"there is no registration {id_}")
