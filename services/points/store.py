"""Loading and storing the part of the books that a batch touches, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from broker.ports import Transaction
from broker.sql import load
from services.points.book import Changes, CounterKey, Loaded
from services.points.model import (
    Account,
    Code,
    Entry,
    Kind,
    Lot,
    LotTerms,
    Move,
    Pending,
    PendingState,
    Phase,
    Quota,
    Transfer,
    day_of,
)

SQL = load("services.points", "ledger")


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a wish that the journal keeps as JSON."""

    lot: LotTerms | None = None
    quotas: tuple[Quota, ...] = ()
    timeout_s: int = 0
    up_to: bool = False
    from_lot: int | None = None
    debit: str | None = None
    credit: str | None = None


async def load_batch(tx: Transaction, transfers: Sequence[Transfer], now: datetime) -> Loaded:
    """All that `transfers` may ask about, with their accounts locked in order of id."""
    entries, refused = await _journal(tx, {i for t in transfers for i in (t.id, t.pending_id, t.refund_of) if i})
    wishes = [*transfers, *(entry.transfer for entry in entries.values() if entry.transfer.phase == Phase.PENDING)]
    names = {name for t in wishes for name in (t.debit, t.credit)} | {
        name for e in entries.values() for name in (e.debit, e.credit)
    }
    accounts = await lock_accounts(tx, names)
    named = {t.from_lot for t in transfers if t.from_lot is not None} | {
        move.lot for entry in entries.values() for move in entry.moves
    }
    debits = {t.debit for t in transfers if t.phase in (Phase.SINGLE, Phase.PENDING) and not t.refund_of}
    payers = [id for id in debits if id in accounts and accounts[id].keeps_lots]
    return Loaded(
        accounts=accounts,
        lots=await _lots(tx, payers, named) if payers or named else {},
        entries=entries,
        pendings=await _pendings(tx, [e.transfer.id for e in entries.values() if e.transfer.phase == Phase.PENDING]),
        refunds=await _refunds(tx, [t.refund_of for t in transfers if t.refund_of]),
        counters=await _counters(tx, _counter_keys(wishes, accounts, entries, now)),
        refused=refused,
    )


async def _journal(tx: Transaction, ids: Iterable[str]) -> tuple[dict[str, Entry], dict[str, str]]:
    rows = await tx.fetch(SQL["journal"], sorted(ids))
    entries = {row["id"]: entry_of(row) for row in rows if row["found"]}
    return entries, {row["id"]: row["reason"] for row in rows if row["reason"] is not None}


def entry_of(row: Any) -> Entry:
    """A row of the journal as an entry."""
    terms = msgspec.json.decode(row["terms"], type=Terms)
    transfer = Transfer(
        id=row["id"],
        code=Code(row["code"]),
        debit=row["debit"] if terms.debit is None else terms.debit,
        credit=row["credit"] if terms.credit is None else terms.credit,
        amount=row["requested"],
        phase=Phase(row["phase"]),
        pending_id=row["pending_id"],
        timeout_s=terms.timeout_s,
        up_to=terms.up_to,
        lot=terms.lot,
        purpose=row["purpose"],
        refund_of=row["refund_of"],
        from_lot=terms.from_lot,
        quotas=terms.quotas,
    )
    moves = tuple(Move(*move) for move in zip(row["lots"], row["freed"], row["held"], strict=True))
    return Entry(
        transfer=transfer,
        debit=row["debit"],
        credit=row["credit"],
        amount=row["amount"],
        at=row["at"],
        moves=moves,
    )


async def lock_accounts(tx: Transaction, names: Iterable[str]) -> dict[str, Account]:
    """The accounts of those names, locked until the transaction ends. Always in order of id: no deadlock."""
    rows = await tx.fetch(SQL["accounts"], sorted(name for name in names if name))
    return {row["id"]: Account(**dict(row)) for row in rows}


async def _lots(tx: Transaction, accounts: Sequence[str], named: Iterable[int]) -> dict[int, Lot]:
    rows = await tx.fetch(SQL["lots"], accounts, sorted(named))
    return {row["id"]: lot_of(row) for row in rows}


def lot_of(row: Any) -> Lot:
    """A row of `points_lot` as a lot."""
    terms = LotTerms(
        kind=Kind(row["kind"]),
        issuer=row["issuer"],
        programme=row["programme"],
        spend_on=tuple(row["spend_on"]),
        expires_at=row["expires_at"],
    )
    names = ("id", "account", "granted_by", "granted_at", "amount", "free", "held", "moves")
    return Lot(terms=terms, **{name: row[name] for name in names})


async def _pendings(tx: Transaction, ids: Sequence[str]) -> dict[str, Pending]:
    if not ids:
        return {}
    rows = await tx.fetch(SQL["pendings"], ids)
    return {row["id"]: Pending(PendingState(row["state"]), row["expires_at"]) for row in rows}


async def _refunds(tx: Transaction, originals: Sequence[str]) -> dict[str, dict[int, int]]:
    """Per original what earlier refunds restored of each lot; under 0 what had no lot."""
    refunds: dict[str, dict[int, int]] = {}
    for row in await tx.fetch(SQL["refunds"], originals) if originals else ():
        done = refunds.setdefault(row["refund_of"], {})
        for lot, points in [*zip(row["lots"], row["freed"], strict=True), (0, row["amount"] - sum(row["freed"]))]:
            done[lot] = done.get(lot, 0) + points
    return refunds


def _counter_keys(
    wishes: Iterable[Transfer], accounts: dict[str, Account], entries: dict[str, Entry], now: datetime
) -> set[CounterKey]:
    keys = {(quota.account, quota.key) for wish in wishes for quota in wish.quotas}
    for wish in wishes:
        debit = accounts.get(wish.debit)
        if debit is not None and debit.max_day is not None:
            at = entries[wish.id].at if wish.id in entries else now
            keys.add((debit.id, f"day:{day_of(at)}"))
    return keys


async def _counters(tx: Transaction, keys: Iterable[CounterKey]) -> dict[CounterKey, int]:
    ordered = sorted(keys)
    if not ordered:
        return {}
    rows = await tx.fetch(SQL["counters"], [key[0] for key in ordered], [key[1] for key in ordered])
    return {(row["account"], row["key"]): row["value"] for row in rows}


async def store_batch(tx: Transaction, changes: Changes, now: datetime) -> None:
    """Store what a batch did. Raises `Conflict` where another process used one of its ids meanwhile."""
    if changes.entries:
        accounts = [
            (a.id, a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted) for a in changes.accounts
        ]
        await tx.execute(
            SQL["write_books"],
            now,
            *_columns(map(_entry_row, changes.entries), 17),
            *_columns(accounts, 5),
            *_columns(map(_lot_row, changes.new_lots), 12),
            *_columns(((x.id, x.free, x.held, x.moves) for x in changes.changed_lots), 4),
        )
    if changes.pendings:
        pendings = [(id, pending.state, pending.expires_at) for id, pending in changes.pendings.items()]
        await tx.execute(SQL["write_pendings"], *_columns(pendings, 3))
    if changes.counters:
        counters = [(account, key, value) for (account, key), value in sorted(changes.counters.items())]
        await tx.execute(SQL["write_counters"], *_columns(counters, 3))
    if changes.refusals:
        await tx.execute(SQL["write_refusals"], now, *_columns(changes.refusals.items(), 2))


def _columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """The rows' columns, `width` of them, also where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _entry_row(entry: Entry) -> tuple[object, ...]:
    t = entry.transfer
    terms = Terms(
        lot=t.lot,
        quotas=t.quotas,
        timeout_s=t.timeout_s,
        up_to=t.up_to,
        from_lot=t.from_lot,
        debit=None if t.debit == entry.debit else t.debit,
        credit=None if t.credit == entry.credit else t.credit,
    )
    return (
        t.id,
        t.code,
        t.phase,
        entry.debit,
        entry.credit,
        entry.amount,
        t.amount,
        t.pending_id,
        t.refund_of,
        t.purpose,
        msgspec.json.encode(terms).decode(),
        *(_array(move[part] for move in entry.moves) for part in range(3)),
        msgspec.json.encode(t.details).decode(),
        t.by,
        t.event_at,
    )


def _lot_row(lot: Lot) -> tuple[object, ...]:
    terms = lot.terms
    return (
        lot.id,
        lot.account,
        lot.granted_by,
        terms.kind,
        terms.issuer,
        terms.programme,
        _text_array(terms.spend_on),
        terms.expires_at,
        lot.amount,
        lot.free,
        lot.held,
        lot.moves,
    )


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _text_array(texts: Iterable[str]) -> str:
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"
