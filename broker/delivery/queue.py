"""The queues in PostgreSQL: put, claim, settle. At least once; in order for each subscriber.

A worker claims a subscriber for a while (`FOR UPDATE SKIP LOCKED`, then a lease by time), takes its oldest few
deliveries, and records how each went. A worker that dies loses the lease and another repeats what was not recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from broker.delivery.notice import PUBLIC_CHANNELS, Filter, Notice, back_off, reaches
from broker.errors import Invalid, UnknownTenant
from broker.ports import Transaction
from broker.sql import load
from schemas.river import Mode

_SQL = load("broker.delivery", "queue")
CHANNEL = "delivery"
"""The database channel that is notified when something is waiting."""


class Subscriber(NamedTuple):
    """Who gets deliveries: through which channel, where, and the secret that signs them."""

    id: int
    tenant: str
    channel: str
    target: str
    secret: bytes | None
    failures: int


class Delivery(NamedTuple):
    """One notice for one subscriber, put in the queue at `created_at`; `attempts` were made before."""

    id: int
    notice: Notice
    attempts: int
    created_at: datetime


class Claim(NamedTuple):
    """A subscriber held by this worker and its oldest deliveries."""

    subscriber: Subscriber
    deliveries: list[Delivery]


class RetryRules(NamedTuple):
    """Seconds of the first and the longest pause, and after how many attempts a delivery is dead."""

    first: float = 2.0
    longest: float = 3600.0
    attempts: int = 12


async def subscribe(
    tx: Transaction,
    tenant: str,
    *,
    channel: str,
    target: str,
    secret: bytes | None = None,
    wants: Filter | None = None,
    name: str = "",
) -> int:
    """Add a subscriber and return its number. Raises `Conflict` when it is there already, `UnknownTenant`."""
    if channel == "webhook" and not secret:
        raise Invalid("a webhook needs a secret: its receiver cannot tell a forgery otherwise", field="secret")
    wants = wants or Filter()
    if channel in PUBLIC_CHANNELS and (wants.staff or wants.modes != (Mode.ACTUAL,)):
        raise Invalid(
            f"everybody reads what goes to {channel}: it takes neither exercises nor what is for staff",
            field="staff" if wants.staff else "mode",
        )
    text = msgspec.json.encode(wants).decode()
    number = await tx.fetchval(_SQL["subscribe"], tenant, name, channel, target, secret, text)
    if number is None:
        raise UnknownTenant(f"there is no tenant named {tenant!r}")
    return int(number)


async def enqueue(tx: Transaction, tenant: str, notices: Sequence[Notice], *, at: datetime) -> int:
    """Queue `notices` for every subscriber that takes them; those queued before are passed over. Returns how many.

    They are delivered if and only if the transaction commits.
    """
    if not notices:
        return 0
    subscribers: list[int] = []
    chosen: list[Notice] = []
    for row in await tx.fetch(_SQL["subscribers"], tenant):
        wants = msgspec.json.decode(row["filter"], type=Filter)
        taken = [notice for notice in notices if reaches(row["channel"], wants, notice)]
        subscribers += [row["id"]] * len(taken)
        chosen += taken
    if not chosen:
        return 0
    texts = [msgspec.json.encode(notice).decode() for notice in chosen]
    queued = await tx.fetch(_SQL["enqueue"], tenant, subscribers, [notice.id for notice in chosen], texts, at)
    await tx.execute("select pg_notify($1, '')", CHANNEL)
    return len(queued)


async def audience(tx: Transaction, tenant: str, notice: Notice) -> dict[str, int]:
    """How many subscribers of each channel would get `notice`, for showing it before it is sent."""
    counts: Counter[str] = Counter()
    for row in await tx.fetch(_SQL["audience"], tenant):
        if reaches(row["channel"], msgspec.json.decode(row["filter"], type=Filter), notice):
            counts[row["channel"]] += 1
    return dict(counts)


async def mail_to(tx: Transaction, tenant: str, address: str, notice: Notice, *, at: datetime) -> None:
    """Queue one mail to one address, whatever else that address takes or does not take."""
    await send_to(tx, tenant, "mail", address, notice, at=at)


async def send_to(tx: Transaction, tenant: str, channel: str, target: str, notice: Notice, *, at: datetime) -> None:
    """Queue one notice for one receiver, whatever else it takes or does not take."""
    wants = msgspec.json.encode(Filter(kinds=())).decode()
    number = await tx.fetchval(_SQL["addressee"], tenant, channel, target, wants)
    await tx.fetch(_SQL["enqueue"], tenant, [number], [notice.id], [msgspec.json.encode(notice).decode()], at)
    await tx.execute("select pg_notify($1, '')", CHANNEL)


async def claim(
    tx: Transaction, *, now: datetime, lease: float, subscribers: int, each: int, channels: Sequence[str]
) -> list[Claim]:
    """Take hold of up to so many subscribers that have something due, for `lease` seconds, with `each` deliveries."""
    held = await tx.fetch(_SQL["claim"], now, now + timedelta(seconds=lease), subscribers, list(channels))
    queues: defaultdict[int, list[Delivery]] = defaultdict(list)
    for row in await tx.fetch(_SQL["oldest"], [row["id"] for row in held], each):
        notice = msgspec.json.decode(row["notice"], type=Notice)
        queues[row["subscriber_id"]].append(Delivery(row["id"], notice, row["attempts"], row["created_at"]))
    return [
        Claim(
            Subscriber(row["id"], row["tenant"], row["channel"], row["target"], row["secret"], row["failures"]),
            queues[row["id"]],
        )
        for row in held
    ]


async def succeeded(tx: Transaction, delivery: Delivery, *, now: datetime) -> None:
    """The receiver has it. What it told of a person is not kept beside that."""
    await tx.execute(_SQL["succeeded"], delivery.id, now)


async def failed(
    tx: Transaction,
    subscriber: Subscriber,
    delivery: Delivery,
    error: str,
    *,
    now: datetime,
    rules: RetryRules,
    final: bool = False,
    wait: float | None = None,
) -> datetime:
    """Record a failed attempt and hold the subscriber back; returns until when.

    The delivery is dead after the last attempt, or at once when `final`. `wait` is what the receiver asked for.
    """
    dead = final or delivery.attempts + 1 >= rules.attempts
    pause = max(back_off(subscriber.failures + 1, first=rules.first, longest=rules.longest), wait or 0.0)
    until = now + timedelta(seconds=0.0 if final else min(pause, rules.longest))
    await tx.execute(_SQL["failed"], delivery.id, error[:2000], dead, now)
    await tx.execute(_SQL["hold"], subscriber.id, until, error[:2000], 0 if dead else 1)
    return until


async def refused(tx: Transaction, delivery: Delivery, why: str, *, now: datetime) -> None:
    """It is not sent and never will be: what it tells may not be told any more."""
    await tx.execute(_SQL["refused"], delivery.id, why, now)


async def take_back(tx: Transaction, tenant: str, notice_ids: Sequence[str], *, sent_too: bool = False) -> set[str]:
    """Forget what waits of these notices, unsent; where `sent_too` also what was sent. Returns the notices' ids."""
    return {row["notice_id"] for row in await tx.fetch(_SQL["take_back"], tenant, list(notice_ids), sent_too)}


async def release(tx: Transaction, subscriber: Subscriber, *, healthy: bool, gone: bool = False) -> None:
    """Let others have the subscriber. `healthy` forgets its failures; `gone` stops all deliveries to it."""
    await tx.execute(_SQL["release"], subscriber.id, healthy, gone)


async def purge(tx: Transaction, before: datetime) -> int:
    """Forget what was settled (delivered, dead or refused) before that time. Returns how many."""
    return len(await tx.fetch(_SQL["purge"], before))


async def revive(tx: Transaction, delivery_ids: Sequence[int]) -> int:
    """Put dead letters back in their queues and try their subscribers at once. Returns how many."""
    revived = await tx.fetch(_SQL["revive"], list(delivery_ids))
    await tx.execute("select pg_notify($1, '')", CHANNEL)
    return len(revived)
