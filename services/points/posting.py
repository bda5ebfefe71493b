"""The ledger's rules: what becomes of a transfer. Pure; two-phase and linked transfers behave as TigerBeetle documents.

Differences from TigerBeetle, all stricter: a refused id stays refused for every reason of `TRANSIENT`; limits, lots
and quotas refuse too; an amount of zero is refused except from POST, where it gives all back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from services.points.book import Book
from services.points.lots import Refused, give, release, restore, take, takeable, terms_of
from services.points.model import (
    MOST,
    TRANSIENT,
    Account,
    Code,
    Entry,
    Pending,
    PendingState,
    Phase,
    Result,
    Status,
    Transfer,
    day_of,
)

MAX_ID = 200
"""Characters of a transfer's id at most."""
TIME_OUT = "time-out:"
"""How the ids of the ledger's own entries begin that end pending transfers whose time is over."""


class _Parties(NamedTuple):
    debit: Account
    credit: Account


def apply(book: Book, transfers: Sequence[Transfer], now: datetime) -> list[Result]:
    """Carry out `transfers` in order; one result each. Chains of linked transfers succeed or fail as one."""
    results: list[Result] = []
    index = 0
    while index < len(transfers):
        end = index
        while end < len(transfers) and transfers[end].linked:
            end += 1
        results += _chain(book, transfers[index : end + 1], now)
        index = end + 1
    return results


def _chain(book: Book, chain: Sequence[Transfer], now: datetime) -> list[Result]:
    start = book.mark()
    results: list[Result] = []
    for transfer in chain:
        results.append(_one(book, transfer, now))
        if not results[-1].status.fine:
            break
    if chain[-1].linked and results[-1].status.fine:
        results[-1] = Result(chain[-1].id, Status.LINKED_EVENT_CHAIN_OPEN)
    if len({result.status for result in results}) == 1 and results[-1].status.fine:
        return results
    book.rollback(start)
    fails = [Result(transfer.id, Status.LINKED_EVENT_FAILED) for transfer in chain]
    if results[-1].status.fine:  # some were carried out before and some were not: not the same chain
        return [old if old.status is Status.EXISTS else fail for old, fail in zip(results, fails, strict=True)]
    return [*fails[: len(results) - 1], results[-1], *fails[len(results) :]]


def _one(book: Book, transfer: Transfer, now: datetime) -> Result:
    known = _known(book, transfer)
    if known is not None:
        return known
    start = book.mark()
    try:
        _check_form(transfer)
        entry = _settle(book, transfer, now) if transfer.pending_id else _start(book, transfer, now)
    except Refused as refusal:
        book.rollback(start)
        if refusal.status in TRANSIENT:
            book.refuse(transfer.id, refusal.status)
        return Result(transfer.id, refusal.status)
    book.write(entry)
    return Result(transfer.id, Status.CREATED, entry.amount, now)


def _known(book: Book, transfer: Transfer) -> Result | None:
    """The answer for an id that was used before."""
    entry = book.entry(transfer.id)
    if entry is not None:
        same = _wish(entry.transfer) == _wish(transfer)
        if not same and transfer.pending_id:
            spelt_out = msgspec.structs.replace(transfer, debit=entry.debit, credit=entry.credit)
            same = _wish(entry.transfer) in (_wish(transfer), _wish(spelt_out))
        return Result(transfer.id, Status.EXISTS if same else Status.EXISTS_DIFFERENT, entry.amount, entry.at)
    reason = book.refused(transfer.id)
    return Result(transfer.id, Status.ID_ALREADY_FAILED, reason=reason) if reason else None


def _wish(transfer: Transfer) -> tuple[object, ...]:
    """What must be the same for a transfer to be the same one. Not what it was told on the way (details, quotas)."""
    t = transfer
    return (
        t.code, t.debit, t.credit, t.amount, t.phase, t.pending_id, t.timeout_s, t.up_to, t.lot, t.purpose,
        t.refund_of, t.from_lot,
    )  # fmt: skip


def _check_form(transfer: Transfer) -> None:
    settles = transfer.phase in (Phase.POST, Phase.VOID)
    if settles != (transfer.pending_id is not None) or (transfer.timeout_s and transfer.phase != Phase.PENDING):
        raise Refused(Status.MALFORMED)
    if not 0 < len(transfer.id) <= MAX_ID or transfer.id.startswith(TIME_OUT):
        raise Refused(Status.MALFORMED)
    if transfer.timeout_s < 0 or (transfer.refund_of and transfer.phase != Phase.SINGLE):
        raise Refused(Status.MALFORMED)
    if settles:
        if transfer.amount is not None and transfer.amount < 0:
            raise Refused(Status.AMOUNT_NOT_POSITIVE)
        return
    if transfer.debit == transfer.credit:
        raise Refused(Status.ACCOUNTS_MUST_BE_DIFFERENT)
    if transfer.amount is None or transfer.amount <= 0:
        raise Refused(Status.AMOUNT_NOT_POSITIVE)
    if transfer.amount > MOST:
        raise Refused(Status.AMOUNT_TOO_LARGE)


def _start(book: Book, transfer: Transfer, now: datetime) -> Entry:
    """A single or pending transfer."""
    parties = _parties(book, transfer.debit, transfer.credit)
    amount = _amount(book, transfer, parties, now)
    pending = transfer.phase == Phase.PENDING
    if transfer.refund_of:
        moves = restore(book, transfer, parties.debit, amount)
    else:
        moves = take(book, transfer, parties.debit, amount, now, hold=pending)
        if pending:
            _check_terms(transfer, parties, now)
        else:
            moves += give(book, transfer, parties.credit, moves, amount, now)
    _book_start(book, parties, amount, pending=pending)
    for key, points in _counts(transfer, parties.debit, amount, now):
        book.count(key, points)
    if pending:
        lapses = now + timedelta(seconds=transfer.timeout_s) if transfer.timeout_s else None
        book.put_pending(transfer.id, Pending(PendingState.PENDING, lapses))
    return Entry(
        transfer=transfer, debit=transfer.debit, credit=transfer.credit, amount=amount, at=now, moves=tuple(moves)
    )


def _parties(book: Book, debit_id: str, credit_id: str) -> _Parties:
    debit, credit = book.account(debit_id), book.account(credit_id)
    if debit is None:
        raise Refused(Status.DEBIT_ACCOUNT_NOT_FOUND)
    if credit is None:
        raise Refused(Status.CREDIT_ACCOUNT_NOT_FOUND)
    return _Parties(debit, credit)


def _amount(book: Book, transfer: Transfer, parties: _Parties, now: datetime) -> int:
    """How much moves: what was asked, or as much of it as may where the transfer says `up_to`."""
    debit, asked = parties.debit, transfer.amount or 0
    settles = transfer.code in (Code.FEE, Code.PAYOUT)  # what a closed account still has or owes is settled
    if debit.closed and not settles:
        raise Refused(Status.DEBIT_ACCOUNT_CLOSED)
    if parties.credit.closed and not (transfer.refund_of or settles):
        raise Refused(Status.CREDIT_ACCOUNT_CLOSED)
    bounds = [(debit.available, Status.EXCEEDS_CREDITS)]
    if debit.keeps_lots:
        spendable = sum(lot.free for lot in takeable(book, transfer, now))
        bounds.append((spendable, Status.EXCEEDS_ALLOWED))
    if debit.max_transfer is not None and transfer.from_lot is None:
        bounds.append((debit.max_transfer, Status.EXCEEDS_TRANSFER_LIMIT))
    for quota in _quotas(transfer, debit, now):
        if quota[0][0] not in (transfer.debit, transfer.credit):
            raise Refused(Status.MALFORMED)
        bounds.append((quota[1] - book.counter(quota[0]), Status.EXCEEDS_QUOTA))
    if transfer.up_to:
        asked = min([asked, *(bound for bound, _ in bounds)])
    for bound, status in bounds:
        if asked > bound or bound <= 0:
            raise Refused(status)
    return asked


def _quotas(transfer: Transfer, debit: Account, now: datetime) -> list[tuple[tuple[str, str], int]]:
    quotas = [((quota.account, quota.key), quota.limit) for quota in transfer.quotas]
    if debit.max_day is not None and transfer.from_lot is None:
        quotas.append(((debit.id, f"day:{day_of(now)}"), debit.max_day))
    return quotas


def _counts(transfer: Transfer, debit: Account, amount: int, at: datetime) -> list[tuple[tuple[str, str], int]]:
    return [(key, amount) for key, _ in _quotas(transfer, debit, at)]


def _check_terms(transfer: Transfer, parties: _Parties, now: datetime) -> None:
    """Refuse a pending transfer that could never be posted."""
    if parties.credit.keeps_lots and not parties.debit.keeps_lots:
        terms_of(transfer, now)


def _book_start(book: Book, parties: _Parties, amount: int, *, pending: bool) -> None:
    debit, credit = parties
    if pending:
        debit = msgspec.structs.replace(debit, debits_pending=debit.debits_pending + amount)
        credit = msgspec.structs.replace(credit, credits_pending=credit.credits_pending + amount)
    else:
        debit = msgspec.structs.replace(debit, debits_posted=debit.debits_posted + amount)
        credit = msgspec.structs.replace(credit, credits_posted=credit.credits_posted + amount)
    book.put_account(debit)
    book.put_account(credit)


def _settle(book: Book, transfer: Transfer, now: datetime) -> Entry:
    """Post or void a pending transfer."""
    pending = _pending(book, transfer, now)
    reserved = pending.amount
    amount = reserved if transfer.amount is None else transfer.amount
    if amount > reserved:
        raise Refused(Status.EXCEEDS_PENDING)
    void = transfer.phase == Phase.VOID
    if void and amount not in (0, reserved):
        raise Refused(Status.PENDING_DIFFERENT)
    posted = 0 if void else amount
    parties = _parties(book, pending.debit, pending.credit)
    if not void and parties.credit.closed:
        raise Refused(Status.CREDIT_ACCOUNT_CLOSED)
    moves = release(book, pending, posted)
    if posted:
        moves += give(book, _with_id(pending.transfer, transfer.id), parties.credit, moves, posted, now)
    _book_settled(book, parties, reserved, posted)
    for key, points in _counts(pending.transfer, parties.debit, reserved - posted, pending.at):
        book.count(key, -points)
    state = PendingState.VOIDED if void else PendingState.POSTED
    book.put_pending(pending.transfer.id, Pending(state, None))
    return Entry(
        transfer=transfer,
        debit=pending.debit,
        credit=pending.credit,
        amount=reserved if void else posted,
        at=now,
        moves=tuple(moves),
    )


def _with_id(transfer: Transfer, id: str) -> Transfer:
    return msgspec.structs.replace(transfer, id=id)


def _pending(book: Book, transfer: Transfer, now: datetime) -> Entry:
    """The pending transfer that is to be settled, if it still may be."""
    entry = book.entry(transfer.pending_id or "")
    if entry is None:
        raise Refused(Status.PENDING_NOT_FOUND)
    state = book.pending(entry.transfer.id)
    if state is None or entry.transfer.phase != Phase.PENDING:
        raise Refused(Status.PENDING_NOT_PENDING)
    if transfer.debit not in ("", entry.debit) or transfer.credit not in ("", entry.credit):
        raise Refused(Status.PENDING_DIFFERENT)
    refusals = {
        PendingState.POSTED: Status.ALREADY_POSTED,
        PendingState.VOIDED: Status.ALREADY_VOIDED,
        PendingState.EXPIRED: Status.PENDING_EXPIRED,
    }
    if state.state in refusals:
        raise Refused(refusals[state.state])
    if state.expires_at is not None and state.expires_at <= now:
        raise Refused(Status.PENDING_EXPIRED)
    return entry


def _book_settled(book: Book, parties: _Parties, reserved: int, posted: int) -> None:
    debit, credit = parties
    book.put_account(
        msgspec.structs.replace(
            debit, debits_pending=debit.debits_pending - reserved, debits_posted=debit.debits_posted + posted
        )
    )
    book.put_account(
        msgspec.structs.replace(
            credit, credits_pending=credit.credits_pending - reserved, credits_posted=credit.credits_posted + posted
        )
    )


def time_out(book: Book, id: str, now: datetime) -> bool:
    """Give back what the pending transfer `id` reserves, if its time is over. Writes a VOID named after it."""
    entry, state = book.entry(id), book.pending(id)
    if entry is None or state is None or state.state != PendingState.PENDING:
        return False
    if state.expires_at is None or state.expires_at > now:
        return False
    moves = release(book, entry, 0)
    _book_settled(book, _parties(book, entry.debit, entry.credit), entry.amount, 0)
    for key, points in _counts(entry.transfer, _parties(book, entry.debit, entry.credit).debit, entry.amount, entry.at):
        book.count(key, -points)
    book.put_pending(id, Pending(PendingState.EXPIRED, None))
    void = Transfer(id=TIME_OUT + id, code=Code.TIME_OUT, phase=Phase.VOID, pending_id=id, by="ledger")
    book.write(
        Entry(transfer=void, debit=entry.debit, credit=entry.credit, amount=entry.amount, at=now, moves=tuple(moves))
    )
    return True
