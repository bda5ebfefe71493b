"""Sealing the journal, and proving the books: that they balance, that no seal is broken, that the lots add up."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from broker.ports import Database, Transaction
from broker.seal import FIRST, Seal, Sealer
from broker.sql import load

SQL = load("services.points", "sealing")
_CHUNK = 20_000


class Proof(NamedTuple):
    """What was found. `faults` is empty where the books are whole; `head` is the last seal's digest, to publish."""

    transfers: int
    lots: int
    seals: int
    unsealed: int
    head: str
    faults: list[str]


async def seal(database: Database, tenant: str, now: datetime) -> Seal | None:
    """Seal all that is in the journal and not sealed yet; None where there is nothing new.

    Waits for transfers under way and holds new ones back for its moment, so that none can slip in below the seal.
    """
    async with database.transaction(tenant) as tx:
        return await seal_in(tx, now)


async def seal_in(tx: Transaction, now: datetime) -> Seal | None:
    """`seal`, in the caller's transaction."""
    await tx.execute(SQL["alone"])
    row = await tx.fetchrow(SQL["last_seal"])
    number, before, previous = (row["number"] + 1, row["last_seq"], row["digest"]) if row else (1, 0, FIRST)
    last = await tx.fetchval(SQL["last_seq"])
    if last is None or last <= before:
        return None
    sealer = Sealer(previous, number)
    await _cover(tx, sealer, before, last)
    made = Seal(number, before + 1, last, sealer.count, sealer.digest(), now)
    await tx.execute(SQL["add_seal"], *made)
    return made


async def _cover(tx: Transaction, sealer: Sealer, after: int, last: int) -> None:
    """Feed `sealer` the records numbered above `after` up to `last`."""
    while True:
        rows = await tx.fetch(SQL["records"], after, last, _CHUNK)
        for row in rows:
            sealer.add(row["record"].encode())
        if len(rows) < _CHUNK:
            return
        after = rows[-1]["seq"]


async def verify(database: Database, tenant: str, anchor: str | None = None) -> Proof:
    """Add the whole journal up again and compare. `anchor` is a digest published earlier: it must be in the chain.

    May run while the town pays: every check is one statement, so it sees one moment.
    """
    async with database.transaction(tenant) as tx:
        faults = await _sums(tx)
        seals, digests, broken = await _chain(tx)
        faults += broken
        if anchor is not None and anchor not in digests:
            faults.append(f"the digest {anchor} was published, and is no longer in the chain of seals")
        counts = await tx.fetchrow(SQL["counts"])
    covered = sum(made.records for made in seals)
    head = (seals[-1].digest if seals else FIRST).hex()
    return Proof(counts["transfers"], counts["lots"], len(seals), counts["transfers"] - covered, head, faults)


async def _chain(tx: Transaction) -> tuple[list[Seal], set[str], list[str]]:
    """All seals, what they should be and are, and what is wrong with them."""
    seals = [
        Seal(r["number"], r["first_seq"], r["last_seq"], r["count"], r["digest"], r["at"])
        for r in await tx.fetch(SQL["seals"], 0, 2**31)
    ]
    faults: list[str] = []
    previous, after, number = FIRST, 0, 1
    for made in seals:
        sealer = Sealer(previous, number)
        await _cover(tx, sealer, after, made.last)
        if (made.number, made.first) != (number, after + 1):
            faults.append(f"seal {made.number} does not follow the one before it")
        elif (sealer.digest(), sealer.count) != (made.digest, made.records):
            faults.append(f"seal {made.number}: transfers {made.first}–{made.last} are not as they were sealed")
        previous, after, number = made.digest, made.last, made.number + 1
    return seals, {made.digest.hex() for made in seals}, faults


async def _sums(tx: Transaction) -> list[str]:
    faults = [
        f"account {r['id']}: its row says {_four(r, False)}, the journal adds up to {_four(r, True)}"
        for r in await tx.fetch(SQL["unbalanced"])
    ]
    faults += [
        f"lot {r['id']} of {r['account']}: free {r['free']}, held {r['held']}; the journal adds up to "
        f"{r['free_moved']}, {r['held_moved']}"
        for r in await tx.fetch(SQL["unequal_lots"])
    ]
    faults += [
        f"account {r['id']}: balance {r['balance']}, reserved {r['debits_pending']}; its lots hold {r['free']} free, "
        f"{r['held']} reserved"
        for r in await tx.fetch(SQL["lots_against_accounts"])
    ]
    faults += [
        f"pending transfer {r['id']}: its state is {r['state']}, the journal says {r['states']}"
        for r in await tx.fetch(SQL["pending_states"])
    ]
    faults += [
        f"transfer {r['id']} of {r['amount']} points was refunded with {r['refunded']}"
        for r in await tx.fetch(SQL["over_refunded"])
    ]
    total = (await tx.fetchrow(SQL["counts"]))["sum"]
    if total:
        faults.append(f"all balances add up to {total}, not to 0")
    return faults


def _four(row: dict[str, int], journal: bool) -> str:
    names = ("c_posted", "d_posted", "c_pending", "d_pending")
    columns = ("credits_posted", "debits_posted", "credits_pending", "debits_pending")
    return "/".join(str(row[name]) for name in (names if journal else columns))
