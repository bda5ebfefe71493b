"""The part of the books that a batch of transfers touches, in memory, with a way back to any earlier point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from services.points.model import Account, Entry, Lot, LotTerms, Move, Pending, Status

K = TypeVar("K")
V = TypeVar("V")
CounterKey = tuple[str, str]
"""An account and a key of it."""


class OutOfLotNumbers(Exception):
    """The batch opens more lots than there were numbers at hand; nothing is stored yet, so it can be done again."""


class Loaded(msgspec.Struct, kw_only=True):
    """What was read for a batch: all that its transfers may ask about, and nothing else."""

    accounts: dict[str, Account] = {}
    lots: dict[int, Lot] = {}
    entries: dict[str, Entry] = {}
    pendings: dict[str, Pending] = {}
    refunds: dict[str, dict[int, int]] = {}
    counters: dict[CounterKey, int] = {}
    refused: dict[str, str] = {}


class Changes(NamedTuple):
    """What a batch did, to be stored."""

    entries: list[Entry]
    accounts: list[Account]
    new_lots: list[Lot]
    changed_lots: list[Lot]
    pendings: dict[str, Pending]
    counters: dict[CounterKey, int]
    refusals: dict[str, str]


class Book:
    """Reads and writes of one batch. `rollback` undoes everything since a `mark`: a chain of linked transfers."""

    def __init__(self, loaded: Loaded, lot_ids: Iterator[int]) -> None:
        self._was = loaded
        self._accounts = dict(loaded.accounts)
        self._lots = dict(loaded.lots)
        self._entries = dict(loaded.entries)
        self._pendings = dict(loaded.pendings)
        self._refunds = {key: dict(value) for key, value in loaded.refunds.items()}
        self._counters = dict(loaded.counters)
        self._refused = dict(loaded.refused)
        self._lot_ids = lot_ids
        self._journal: list[Entry] = []
        self._undo: list[Callable[[], object]] = []
        self._of_account: dict[str, list[int]] = {}
        for lot in loaded.lots.values():
            self._of_account.setdefault(lot.account, []).append(lot.id)

    def mark(self) -> int:
        """A point to come back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undo all writes since `mark`."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def account(self, id: str) -> Account | None:
        return self._accounts.get(id)

    def entry(self, id: str) -> Entry | None:
        return self._entries.get(id)

    def pending(self, id: str) -> Pending | None:
        return self._pendings.get(id)

    def lot(self, id: int) -> Lot | None:
        return self._lots.get(id)

    def refused(self, id: str) -> str | None:
        return self._refused.get(id)

    def counter(self, key: CounterKey) -> int:
        return self._counters.get(key, 0)

    def refunded(self, id: str) -> Mapping[int, int]:
        """How much of each lot earlier refunds of the transfer `id` have restored; lot 0 is what had no lot."""
        return self._refunds.get(id, {})

    def lots_of(self, account: str) -> list[Lot]:
        """The account's lots, the soonest to expire first; those that never expire last."""
        lots = (self._lots[id] for id in self._of_account.get(account, ()))
        return sorted(lots, key=_by_expiry)

    def put_account(self, account: Account) -> None:
        self._set(self._accounts, account.id, account)

    def put_pending(self, id: str, pending: Pending) -> None:
        self._set(self._pendings, id, pending)

    def refuse(self, id: str, status: Status) -> None:
        """Remember that the id was refused. Not undone by a rollback: the chain failed for this very reason."""
        self._refused[id] = status.value

    def count(self, key: CounterKey, points: int) -> None:
        self._set(self._counters, key, max(0, self.counter(key) + points))

    def add_refund(self, id: str, restored: Mapping[int, int]) -> None:
        before = self._refunds.get(id, {})
        total = {lot: before.get(lot, 0) + restored.get(lot, 0) for lot in {**before, **restored}}
        self._set(self._refunds, id, total)

    def move(self, move: Move) -> None:
        """Change what is free and held of a lot."""
        lot = self._lots[move.lot]
        changed = msgspec.structs.replace(
            lot, free=lot.free + move.free, held=lot.held + move.held, moves=lot.moves + 1
        )
        self._set(self._lots, lot.id, changed)

    def open_lot(self, account: str, granted_by: str, terms: LotTerms, now: datetime, amount: int) -> Move:
        """A new lot of `amount` points in `account`."""
        id = next(self._lot_ids, None)
        if id is None:
            raise OutOfLotNumbers
        lot = Lot(
            id=id, account=account, granted_by=granted_by, terms=terms, granted_at=now, amount=amount, free=amount
        )
        self._set(self._lots, id, lot)
        owned = self._of_account.setdefault(account, [])
        owned.append(id)
        self._undo.append(lambda: owned.remove(id))
        return Move(id, amount, 0)

    def write(self, entry: Entry) -> None:
        """Add an entry to the journal."""
        self._set(self._entries, entry.transfer.id, entry)
        self._journal.append(entry)
        self._undo.append(self._journal.pop)

    def changes(self) -> Changes:
        """All that differs from what was loaded."""
        was = self._was
        lots = [lot for id, lot in self._lots.items() if was.lots.get(id) is not lot]
        return Changes(
            entries=list(self._journal),
            accounts=[account for id, account in self._accounts.items() if was.accounts.get(id) is not account],
            new_lots=[lot for lot in lots if lot.id not in was.lots],
            changed_lots=[lot for lot in lots if lot.id in was.lots],
            pendings={id: value for id, value in self._pendings.items() if was.pendings.get(id) != value},
            counters={key: value for key, value in self._counters.items() if was.counters.get(key) != value},
            refusals={id: why for id, why in self._refused.items() if id not in was.refused},
        )

    def _set(self, table: dict[K, V], key: K, value: V) -> None:
        if key in table:
            old = table[key]
            self._undo.append(lambda: table.__setitem__(key, old))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value


def _by_expiry(lot: Lot) -> tuple[bool, float, int]:
    expires = lot.terms.expires_at
    return (expires is None, expires.timestamp() if expires else 0.0, lot.id)
