"""What context sources are asked to keep for our subscriptions, and how far that has come (ETSI GS CIM 009, 5.8.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "source_subscriptions")


class Wish(NamedTuple):
    """A subscription that a source is to keep. `made_of`: the versions of what it follows from; `id`: its id there."""

    tenant_id: int
    id: str
    subscription_id: str
    source: Mapping[str, Any]
    made_of: str
    key: str


class Task(NamedTuple):
    """What is to be asked of a source now: to keep it (`doc` is our subscription), or where that is None to forget."""

    tenant_id: int
    tenant: str
    id: str
    source: Mapping[str, Any]
    key: str
    doc: Mapping[str, Any] | None
    attempts: int


class Told(NamedTuple):
    """Whom a notification from a source is for."""

    id: str
    revision: int
    doc: dict[str, Any]
    last_notification: datetime | None
    source: dict[str, Any]


class City(NamedTuple):
    """A city that has sources: their registrations, each with its version."""

    id: int
    name: str
    registrations: list[tuple[dict[str, Any], str]]


async def cities(tx: Transaction) -> list[City]:
    """The cities that have sources. As the system."""
    found: dict[int, City] = {}
    for row in await tx.fetch(_SQL["registrations"]):
        city = found.setdefault(row["tenant_id"], City(row["tenant_id"], row["tenant"], []))
        city.registrations.append((orjson.loads(row["doc"]), row["modified_at"].isoformat()))
    return list(found.values())


async def subscriptions(tx: Transaction, city: City, most: int) -> list[tuple[dict[str, Any], int]]:
    """A city's subscriptions in force, each with its revision. As the system."""
    return [(orjson.loads(row["doc"]), row["revision"]) for row in await tx.fetch(_SQL["subscriptions"], city.id, most)]


async def kept(tx: Transaction) -> Mapping[int, Mapping[str, str]]:
    """By city what is wanted of sources: ids there by what they are made of. As the system."""
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for row in await tx.fetch(_SQL["kept"]):
        found[row["tenant_id"]][row["made_of"]] = row["id"]
    return found


async def plan(tx: Transaction, wishes: Sequence[Wish], unwanted: Sequence[tuple[int, str]], at: datetime) -> None:
    """Note what is to be asked from now on, and what to be forgotten. As the system."""
    if wishes:
        columns = [[wish[place] for wish in wishes] for place in range(6)]
        columns[3] = [orjson.dumps(wish.source).decode() for wish in wishes]
        await tx.execute(_SQL["want"], *columns)
    if unwanted:
        await tx.execute(_SQL["drop"], [one[0] for one in unwanted], [one[1] for one in unwanted], at)


async def any_at_all(tx: Transaction) -> bool:
    """Whether any source is asked to keep, or still to forget, anything. As the system."""
    return bool(await tx.fetchval(_SQL["any"]))


async def claim(tx: Transaction, at: datetime, most: int) -> list[Task]:
    """What to ask now; for a minute nobody else is given it. As the system."""
    tasks = []
    for row in await tx.fetch(_SQL["claim"], at, most):
        doc = orjson.loads(row["doc"]) if row["wanted"] and row["doc"] is not None else None
        source = orjson.loads(row["source"])
        tasks.append(Task(row["tenant_id"], row["tenant"], row["id"], source, row["key"], doc, row["attempts"]))
    return tasks


async def settle(tx: Transaction, task: Task, again: datetime | None) -> None:
    """Note that it is done, or where `again` says so that it is to be tried again then. As the system."""
    if again is not None:
        await tx.execute(_SQL["later"], task.tenant_id, task.id, again)
    else:
        await tx.execute(_SQL["gone" if task.doc is None else "made"], task.tenant_id, task.id)


async def tenant_of(tx: Transaction, key: str) -> str:
    """The city whose subscription has the key. Raises `NotFound`."""
    found: str | None = await tx.fetchval(_SQL["tenant_of_key"], key)
    if found is None:
        raise _unknown()
    return found


async def told(tx: Transaction, key: str) -> Told:
    """Whom a notification with this key is for, as its city. Raises `NotFound`."""
    row = await tx.fetchrow(_SQL["of_key"], key)
    if row is None:
        raise _unknown()
    doc, source = orjson.loads(row["doc"]), orjson.loads(row["source"])
    return Told(row["id"], row["revision"], doc, row["last_notification"], source)


async def tell(tx: Transaction, to: Told, body: str, at: datetime) -> None:
    """Queue a notification for our subscriber."""
    await tx.execute(_SQL["tell"], to.id, body, to.revision)
    await tx.execute(_SQL["told"], to.id, at)


def _unknown() -> NotFound:
    return NotFound("there is no subscription that this notification could be for; it may be forgotten")
