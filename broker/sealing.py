"""Sealing append-only journals in hash-chained batches, and proving that nothing in them was changed since.

Lines commit in another order than they are numbered, so a seal names the lines it covers one by one: all that are
committed and not sealed yet. No transaction here lasts an hour, so lines that old are not looked for again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.ports import Database, Transaction
from broker.seal import FIRST, digest_of
from broker.waiting import again
from schemas.clock import Clock

_TENANTS = "select id, name from tenant order by id"
_AT_ONCE = 5000
_log = logging.getLogger(__name__)


class Journal(NamedTuple):
    """What is sealed: its name, and its statements `alone`, `last`, `fresh`, `records`, `add`, `seals` and `lines`."""

    name: str
    sql: Mapping[str, str]


class Finding(NamedTuple):
    """What a check of one tenant's journal found. `broken` is the first seal that does not fit, with the reason.

    `unsealed` lines came after the last seal; `head` is the digest to publish where the city cannot rewrite it.
    """

    journal: str
    tenant: str
    seals: int
    records: int
    unsealed: int
    head: str
    broken: int | None = None
    why: str = ""


async def seal_all(system: Database, journals: Sequence[Journal], now: datetime) -> int:
    """Seal what every tenant's journals gained, each in a transaction of its own. Returns how many seals were added."""
    added = 0
    async with system.transaction() as tx:
        tenants = await tx.fetch(_TENANTS)
    for tenant in tenants:
        for journal in journals:
            async with system.transaction() as tx:
                added += await _seal(tx, journal.sql, tenant["id"], now)
    return added


async def keep_sealed(
    system: Database, journals: Sequence[Journal], clock: Clock, stop: asyncio.Event, every: float = 60.0
) -> None:
    """Seal once a minute until `stop`. Several may run: each batch is sealed by one."""

    async def seal() -> None:
        await seal_all(system, journals, clock())

    await again(seal, stop=stop, every=every, log=_log, otherwise="the journals are sealed later")


async def _seal(tx: Transaction, sql: Mapping[str, str], tenant_id: int, now: datetime) -> int:
    await tx.execute(sql["alone"], tenant_id)
    added = 0
    while rows := await tx.fetch(sql["fresh"], tenant_id, now, _AT_ONCE):
        last = await tx.fetchrow(sql["last"], tenant_id)
        number = last["number"] + 1 if last else 1
        digest = digest_of(last["digest"] if last else FIRST, number, _records(rows))
        ids = [row["id"] for row in rows]
        await tx.execute(sql["add"], tenant_id, number, ids, ids[-1], digest, now)
        added += 1
    return added


async def verify(system: Database, journals: Sequence[Journal]) -> list[Finding]:
    """Go through every tenant's journals from the first seal on."""
    async with system.transaction() as tx:
        tenants = await tx.fetch(_TENANTS)
        return [await _verify(tx, journal, one["id"], one["name"]) for journal in journals for one in tenants]


async def _verify(tx: Transaction, journal: Journal, tenant_id: int, name: str) -> Finding:
    sql, digest, number, records = journal.sql, FIRST, 0, 0
    while seals := await tx.fetch(sql["seals"], tenant_id, number):
        for seal in seals:
            number += 1
            rows = await tx.fetch(sql["records"], tenant_id, seal["ids"])
            digest = digest_of(digest, number, _records(rows))
            if why := _fault(seal, number, rows, digest):
                return Finding(journal.name, name, number, records, 0, digest.hex(), seal["number"], why)
            records += len(rows)
    lines = await tx.fetchval(sql["lines"], tenant_id)
    return Finding(journal.name, name, number, records, lines - records, digest.hex() if number else "")


def _fault(seal: Any, number: int, rows: list[Any], digest: bytes) -> str:
    if seal["number"] != number:
        return f"seal {number} is missing"
    if len(rows) != len(seal["ids"]):
        return f"it covers {len(seal['ids'])} lines; of them there are {len(rows)}"
    if digest != seal["digest"]:
        return "a line that it covers, or an earlier seal, was changed"
    return ""


def _records(rows: list[Any]) -> Iterator[bytes]:
    return (row["record"].encode() for row in rows)
