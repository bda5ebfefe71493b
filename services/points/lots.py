"""What a transfer does to lots: which it takes from, opens, holds, gives free again and restores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.points.book import Book
from services.points.model import Account, Entry, Lot, LotTerms, Move, Phase, Status, Transfer


class Refused(Exception):
    """A transfer that the rules refuse, with the reason."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.value)
        self.status = status


def takeable(book: Book, transfer: Transfer, now: datetime) -> list[Lot]:
    """The lots that the transfer may take from, in order. A lot that is named may be expired and of any purpose.

    Raises `Refused` for one that the account does not have.
    """
    if transfer.from_lot is None:
        return [lot for lot in book.lots_of(transfer.debit) if lot.spendable(now, transfer.purpose)]
    lot = book.lot(transfer.from_lot)
    if lot is None or lot.account != transfer.debit:
        raise Refused(Status.LOT_NOT_FOUND)
    return [lot]


def take(book: Book, transfer: Transfer, debit: Account, amount: int, now: datetime, *, hold: bool) -> list[Move]:
    """Take `amount` out of the debit account's lots (to be held, or for good)."""
    if not debit.keeps_lots:
        return []
    moves = []
    for lot in takeable(book, transfer, now):
        points = min(lot.free, amount)
        if points:
            moves.append(Move(lot.id, -points, points if hold else 0))
            book.move(moves[-1])
            amount -= points
    return moves


def give(
    book: Book, transfer: Transfer, credit: Account, taken: Sequence[Move], amount: int, now: datetime
) -> list[Move]:
    """Open lots in the credit account: one of the terms given, or one for each lot taken, on that lot's terms."""
    if not credit.keeps_lots:
        return []
    if not taken:
        terms = terms_of(transfer, now)
        return [book.open_lot(credit.id, transfer.id, terms, now, amount)]
    opened = []
    for move in taken:
        points, lot = -(move.free + move.held), book.lot(move.lot)
        if points and lot is not None:
            opened.append(book.open_lot(credit.id, transfer.id, lot.terms, now, points))
    return opened


def terms_of(transfer: Transfer, now: datetime) -> LotTerms:
    """On what terms the transfer opens a lot. Raises `Refused` where it says none, or they are over already."""
    if transfer.lot is None:
        raise Refused(Status.LOT_TERMS_MISSING)
    if transfer.lot.expires_at is not None and transfer.lot.expires_at <= now:
        raise Refused(Status.LOT_ALREADY_EXPIRED)
    return transfer.lot


def restore(book: Book, transfer: Transfer, debit: Account, amount: int) -> list[Move]:
    """Restore the very lots that a refund's original took, the last taken, which live longest, first. May refuse."""
    original = book.entry(transfer.refund_of or "")
    if original is None or original.transfer.phase not in (Phase.SINGLE, Phase.POST) or original.transfer.refund_of:
        raise Refused(Status.ORIGINAL_NOT_FOUND)
    turned = (original.debit, original.credit) == (transfer.credit, transfer.debit)
    if not turned or debit.keeps_lots:
        raise Refused(Status.ORIGINAL_DIFFERENT)
    done = book.refunded(original.transfer.id)
    if amount > original.amount - sum(done.values()):
        raise Refused(Status.EXCEEDS_ORIGINAL)
    moves, restored, left = [], {}, amount
    for move in reversed(original.moves):
        points = min(left, -(move.free + move.held) - done.get(move.lot, 0))
        if points > 0:
            moves.append(Move(move.lot, points, 0))
            book.move(moves[-1])
            restored[move.lot] = points
            left -= points
    if left:
        restored[0] = left
    book.add_refund(original.transfer.id, restored)
    return moves


def release(book: Book, pending: Entry, posted: int) -> list[Move]:
    """Settle what the pending transfer holds: `posted` is gone, the soonest to expire first; the rest is free again."""
    moves = []
    for move in pending.moves:
        gone = min(posted, move.held)
        posted -= gone
        moves.append(Move(move.lot, move.held - gone, -move.held))
        book.move(moves[-1])
    return moves
