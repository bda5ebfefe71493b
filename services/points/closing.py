"""日次締め: what the books said at a midnight of Japan, and the unused balance (未使用残高) at any time."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from broker.errors import Invalid
from broker.ports import Database, Transaction
from broker.sql import load
from services.points.model import midnight_after
from services.points.verify import SQL as SEALING
from services.points.verify import seal_in

SQL = load("services.points", "closing")
SETTLING = timedelta(seconds=60)
"""How long after midnight a day may be closed: transfers under way and clocks a little apart have settled by then."""


class Outstanding(NamedTuple):
    """Points that could still be spent (reserved ones included), by who issued them, kind and programme."""

    issuer: str
    kind: str
    programme: str
    points: int


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A day's closing. `balances` by kind of account, `flows` by code: how many transfers, how many points."""

    day: date
    outstanding: list[Outstanding]
    balances: dict[str, int]
    flows: dict[str, tuple[int, int]]
    seal: int
    head: str

    @property
    def unused(self) -> int:
        """未使用残高 of all programmes."""
        return sum(row.points for row in self.outstanding)


async def outstanding(tx: Transaction, at: datetime) -> list[Outstanding]:
    """The unused balance as it was at `at`: what is unused now, walked back by the journal since."""
    return [Outstanding(*row) for row in await tx.fetch(SQL["outstanding"], at)]


async def close(database: Database, tenant: str, day: date, now: datetime) -> Closing:
    """Close `day` (a day of Japan) once and return its closing; a day that is closed stays as it was closed.

    The journal is sealed with it: `head` is the digest to publish. Raises `Invalid` for a day that is not over.
    """
    end = midnight_after(day)
    if now < end + SETTLING:
        raise Invalid(f"{day} can be closed from {end + SETTLING:%Y-%m-%d %H:%M:%S%z} on", field="day")
    async with database.transaction(tenant) as tx:
        stored = await tx.fetchrow(SQL["closed"], day)
        if stored is None:
            await seal_in(tx, now)
            made = await _make(tx, day, end)
            totals = msgspec.json.encode(made).decode()
            await tx.execute(SQL["close"], day, made.seal, totals, now)
            stored = await tx.fetchrow(SQL["closed"], day)
    return msgspec.convert(json.loads(stored["totals"]), Closing)


async def _make(tx: Transaction, day: date, end: datetime) -> Closing:
    last = await tx.fetchrow(SEALING["last_seal"])
    return Closing(
        day=day,
        outstanding=await outstanding(tx, end),
        balances={row["kind"]: row["points"] for row in await tx.fetch(SQL["balances"], end)},
        flows={
            row["code"]: (row["transfers"], row["points"])
            for row in await tx.fetch(SQL["flows"], end - timedelta(days=1), end)
        },
        seal=last["number"] if last else 0,
        head=last["digest"].hex() if last else "",
    )
