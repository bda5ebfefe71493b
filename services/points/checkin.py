"""Checking in at an event (a drill, a clean-up day) by scanning its code: who was there earns what the rules say."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import NamedTuple

from broker.errors import Conflict, Invalid
from broker.ports import Transaction
from broker.sql import load
from services.points.earning import Occasion
from services.points.refusals import Declined
from services.points.town import Earned, Town

SQL = load("services.points", "checkin")


class CheckIn(NamedTuple):
    """An event where residents check in. `event` is the word that the rules use; `people` have checked in so far."""

    id: str
    event: str
    title: str
    starts_at: datetime
    ends_at: datetime
    people: int = 0


async def open_checkin(tx: Transaction, wanted: CheckIn, by: str) -> str:
    """Set up an event and return what its code says, once: 144 random bits, of which the database keeps the SHA-256.

    Raises `Invalid` naming the field, `Conflict` where an event has the id.
    """
    if wanted.ends_at <= wanted.starts_at:
        raise Invalid("the end must lie after the start", field="endsAt")
    code = secrets.token_urlsafe(18)
    times = (wanted.starts_at, wanted.ends_at)
    if await tx.execute(SQL["add"], wanted.id, wanted.event, wanted.title, _digest(code), *times, by) == "INSERT 0 0":
        raise Conflict(f"there is an event {wanted.id!r} already; take another id")
    return code


async def checkins(tx: Transaction, limit: int = 100) -> list[CheckIn]:
    """The events, the newest first."""
    return [CheckIn(*row) for row in await tx.fetch(SQL["all"], limit)]


async def check_in(town: Town, tenant: str, account: str, code: str) -> tuple[str, list[Earned]]:
    """A resident was there: the event's title and what it earns. Once per event; again answers the same.

    Raises `Declined`, in words for the resident, for a code that is none, or outside the event's time.
    """
    now = town.clock()
    async with town.database.transaction(tenant) as tx:
        row = await tx.fetchrow(SQL["by_digest"], _digest(code))
    if row is None:
        raise Declined("unknown-checkin", "このコードは、参加の受付のものではありません")
    if not row["starts_at"] <= now < row["ends_at"]:
        raise Declined("checkin-closed", f"「{row['title']}」の受付時間ではありません")
    whose = hashlib.sha256(account.encode()).hexdigest()[:16]
    occasion = Occasion(
        id=f"checkin/{row['id']}/{whose}",
        person=await town.person(tenant, account),
        at=now,
        event=row["event"],
        event_id=f"checkin/{row['id']}",
    )
    return row["title"], await town.earn(tenant, occasion)


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
