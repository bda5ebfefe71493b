"""Where a person wants to be told of what concerns them: their browsers, their mail, their webhooks.

The ways are subscribers like any other, with queues, retries and dead letters of their own, which take only what is
sent to them by name. Matters are named here; whoever tells of one asks `access.consent` first where it must.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from access.keys import SigningKey, load_key, new_key
from broker.delivery.notice import Addressee, Notice
from broker.delivery.queue import CHANNEL
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Database, Transaction
from broker.sql import load

_SQL = load("broker.delivery", "personal")

MATTERS: dict[str, tuple[str, str]] = {
    "tags": ("見守りタグ", "Watch tags"),
    "evacuation": ("避難の情報", "Evacuation notices"),
    "points": ("ポイントの期限", "Points that expire soon"),
}
"""What a person may want to be told of, by name: Japanese and English. A service that tells persons adds its own."""


_MOST = 20


class Way(NamedTuple):
    """One way to reach a person: the subscriber's number, its channel and place, and what they want to hear there."""

    id: int
    channel: str
    target: str
    status: str
    failures: int
    matters: list[str]
    since: datetime


async def reach(
    tx: Transaction,
    tenant: str,
    person: str,
    channel: str,
    target: str,
    matters: Sequence[str],
    now: datetime,
    *,
    secret: bytes | None = None,
) -> int:
    """From now on `person` is told of `matters`, and of no others, at this place. Returns the subscriber's number.

    A browser (`webpush`) belongs to who asked last: on a shared one nobody sees the news of who used it before. A
    webhook is one person's: `Conflict` where the address is taken, and beyond twenty ways. Raises `Invalid` naming an
    unknown matter.
    """
    if unknown := sorted(set(matters) - MATTERS.keys()):
        raise Invalid(f"there is no matter {unknown[0][:60]!r}; choose of {', '.join(MATTERS)}", field="matters")
    if not matters:
        raise Invalid(f"say of what: {', '.join(MATTERS)}", field="matters")
    renews, shares = channel == "webpush", channel != "webhook"
    number = await tx.fetchval(_SQL["reach"], tenant, channel, target, secret, renews, shares)
    if number is None:
        raise Conflict("this address is told of something already")
    if channel == "webpush" and await tx.fetch(_SQL["of_others"], tenant, person, number):
        await tx.execute(_SQL["drop_waiting"], number)
    await tx.execute(_SQL["want_only"], tenant, person, number, list(matters))
    await tx.execute(_SQL["want"], tenant, person, list(matters), number, now)
    if len(await ways_of(tx, tenant, person)) > _MOST:
        raise Conflict(f"you are told in {_MOST} places already; remove one first")
    return int(number)


async def ways_of(tx: Transaction, tenant: str, person: str) -> list[Way]:
    """All ways to reach a person, the oldest first."""
    return [Way(**dict(row)) for row in await tx.fetch(_SQL["ways"], tenant, person)]


async def leave(tx: Transaction, tenant: str, person: str, number: int, matter: str | None = None) -> None:
    """Tell the person nothing more there, or nothing of one matter; what waits for them alone is dropped. Raises
    `NotFound`."""
    if not await tx.fetch(_SQL["leave"], tenant, person, number, matter):
        raise NotFound("you are not told of anything there")
    await tx.execute(_SQL["clear_unused"], [number])


async def leave_all(tx: Transaction, tenant: str, person: str) -> int:
    """Forget every way to reach a person. How many there were."""
    numbers = sorted({row["subscriber_id"] for row in await tx.fetch(_SQL["leave_all"], tenant, person)})
    await tx.execute(_SQL["clear_unused"], numbers)
    return len(numbers)


async def wants(tx: Transaction, tenant: str, to: Addressee, subscriber: int) -> bool:
    """Whether the person wants to hear of the matter at this place."""
    return bool(await tx.fetchval(_SQL["wants"], tenant, to.person, to.matter, subscriber))


async def listening(tx: Transaction, tenant: str, matter: str, persons: Sequence[str], label: str) -> list[str]:
    """Of `persons` those who asked to be told of the matter: by a way of theirs, or by a filter that names them under
    `label`. The others need not be told, and nothing about anybody is disclosed to them."""
    return [row["person"] for row in await tx.fetch(_SQL["listening"], tenant, matter, list(persons), label)]


async def listeners(tx: Transaction, tenant: str, matter: str) -> list[str]:
    """Everybody who asked to be told of the matter by a way of theirs."""
    return [row["person"] for row in await tx.fetch(_SQL["listeners"], tenant, matter)]


async def tell_persons(
    tx: Transaction, tenant: str, matter: str, told: Sequence[tuple[str, Notice]], *, at: datetime
) -> int:
    """Queue each notice for its person, wherever they want to hear of `matter`. How many deliveries were added.

    They are delivered if and only if the transaction commits; the same notice for the same place is queued once.
    """
    if not told:
        return 0
    persons, ids = [person for person, _ in told], [notice.id for _, notice in told]
    addressed = [msgspec.structs.replace(one, addressee=Addressee(person, matter)) for person, one in told]
    texts = [msgspec.json.encode(notice).decode() for notice in addressed]
    queued = await tx.fetch(_SQL["tell"], tenant, matter, persons, ids, texts, at)
    if queued:
        await tx.execute("select pg_notify($1, '')", CHANNEL)
    return len(queued)


async def tell_everybody(tx: Transaction, tenant: str, matter: str, notice: Notice, *, at: datetime) -> int:
    """Queue a public notice for every person who asked to be told of `matter`. How many deliveries were added."""
    queued = await tx.fetch(_SQL["tell_all"], tenant, matter, notice.id, msgspec.json.encode(notice).decode(), at)
    if queued:
        await tx.execute("select pg_notify($1, '')", CHANNEL)
    return len(queued)


async def count_listening(tx: Transaction, tenant: str, matter: str) -> dict[str, int]:
    """How many places `tell_everybody` would reach, by channel."""
    return {row["channel"]: row["count"] for row in await tx.fetch(_SQL["count_listening"], tenant, matter)}


async def tell_way(tx: Transaction, tenant: str, person: str, number: int, notice: Notice, *, at: datetime) -> None:
    """Queue a notice for one way of a person's, to try it. Raises `NotFound`."""
    text = msgspec.json.encode(notice).decode()
    if await tx.fetchval(_SQL["tell_one"], tenant, person, number, notice.id, text, at) is None:
        raise NotFound("you are not told of anything there")
    await tx.execute("select pg_notify($1, '')", CHANNEL)


async def push_key(database: Database, tenant: str | None = None) -> SigningKey:
    """The key to which browsers bind their subscriptions; made by whoever asks first. `tenant` is any: it is the
    platform's."""
    async with database.transaction(tenant) as tx:
        found = await tx.fetchval(_SQL["push_key"])
        if found is None:
            await tx.execute(_SQL["lock_push_key"])
            found = await tx.fetchval(_SQL["push_key"])
        if found is not None:
            return load_key(json.loads(found))
        made = new_key()
        await tx.execute(_SQL["add_push_key"], made.id, json.dumps(made.private()))
        return made


def shown(way: Way) -> dict[str, Any]:
    """A way as its person sees it: of a browser only whose push service it uses, not the address that opens it.

    By `mark` (of the address, SHA-256) a browser knows itself among several.
    """
    target = "/".join(way.target.split("/")[:3]) if way.channel == "webpush" else way.target
    return {
        "id": way.id,
        "channel": way.channel,
        "target": target,
        "mark": hashlib.sha256(way.target.encode()).hexdigest()[:16] if way.channel == "webpush" else "",
        "matters": way.matters,
        "since": way.since,
        "reachable": way.status == "active" and way.failures == 0,
    }
