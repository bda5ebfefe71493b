"""The ledger's refusals in words for the person at the till."""

from __future__ import annotations

from broker.errors import CityError, Conflict, Invalid, NotFound
from services.points.model import Result, Status

_WORDS = {
    Status.EXCEEDS_CREDITS: "残高が足りません",
    Status.EXCEEDS_ALLOWED: "この支払いに使えるポイントが足りません（使い道や期限をご確認ください）",
    Status.EXCEEDS_TRANSFER_LIMIT: "1回に使える上限を超えています",
    Status.EXCEEDS_QUOTA: "上限に達しています",
    Status.EXCEEDS_ORIGINAL: "もとの支払いより多く返すことはできません",
    Status.DEBIT_ACCOUNT_CLOSED: "この口座は閉じられています",
    Status.CREDIT_ACCOUNT_CLOSED: "受け取る側の口座は閉じられています",
}
_MISSING = frozenset({Status.DEBIT_ACCOUNT_NOT_FOUND, Status.CREDIT_ACCOUNT_NOT_FOUND, Status.ORIGINAL_NOT_FOUND})
_SHAPE = frozenset({Status.AMOUNT_NOT_POSITIVE, Status.AMOUNT_TOO_LARGE, Status.MALFORMED})


class Declined(Conflict):
    """The ledger's rules refuse this payment. `status` is the rule's name; the message is for the customer."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_of(result: Result) -> CityError:
    """The error for a result that is not fine."""
    status = Status(result.reason) if result.reason else result.status
    if status in _MISSING:
        return NotFound(f"there is no such account or transfer ({status})")
    if status in _SHAPE:
        return Invalid(f"the amount must be a whole number of points, 1 or more ({status})", field="points")
    if status is Status.EXISTS_DIFFERENT:
        return Conflict(f"the id was used for another payment; take a new id for a new payment ({result.id})")
    return Declined(status, f"{_WORDS.get(status, '帳簿の規則により受け付けられません')} ({status})")


def demand(results: list[Result]) -> list[Result]:
    """Return the results if all are fine; else raise the error of the one that made the others fail."""
    bad = [result for result in results if not result.status.fine]
    if bad:
        raise error_of(next((r for r in bad if r.status is not Status.LINKED_EVENT_FAILED), bad[0]))
    return results
