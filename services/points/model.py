"""The ledger's values. One point is one yen; amounts are whole points; times carry their zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from schemas.clock import JST

MOST = 10**15
"""The largest amount of one transfer. Far above any town's points and far below what 64 bits hold."""


class Code(StrEnum):
    """What a transfer is for."""

    FUND = "fund"
    GRANT = "grant"
    SALE = "sale"
    SPEND = "spend"
    REFUND = "refund"
    MOVE = "move"
    DONATE = "donate"
    EXPIRE = "expire"
    TAKE_BACK = "take_back"
    FEE = "fee"
    PAYOUT = "payout"
    TIME_OUT = "time_out"


class Phase(StrEnum):
    """Whether a transfer moves at once, reserves, or settles a reservation (two-phase transfers)."""

    SINGLE = "single"
    PENDING = "pending"
    POST = "post"
    VOID = "void"


class Kind(StrEnum):
    """Whether the points were given 付与 or bought 購入: the prepaid-payment act asks."""

    GIVEN = "given"
    BOUGHT = "bought"


class LotTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a lot of points is. `spend_on` empty: for anything; else only for the purposes named.

    `expires_at` is the first instant at which it can no longer be spent; None: it never expires.
    """

    kind: Kind
    programme: str
    issuer: str = "city"
    spend_on: tuple[str, ...] = ()
    expires_at: datetime | None = None


class Quota(NamedTuple):
    """At most `limit` points may count under `key` of `account`, one of the transfer's two accounts."""

    account: str
    key: str
    limit: int


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to move points. `id` is the client's; the same wish under the same id is carried out once.

    A PENDING transfer reserves for `timeout_s` seconds (0: until posted or voided). POST and VOID name it in
    `pending_id`; then `debit`, `credit` may be empty, and `amount` None means all that is reserved.
    A `linked` transfer succeeds or fails together with the next. With `up_to` the amount is the most that is
    wanted: as much moves as funds and quotas allow. `lot` is required where points reach an account that keeps
    lots from one that does not, unless `refund_of` names the spend whose lots are to be restored.
    """

    id: str
    code: Code
    debit: str = ""
    credit: str = ""
    amount: int | None = None
    phase: Phase = Phase.SINGLE
    pending_id: str | None = None
    timeout_s: int = 0
    linked: bool = False
    up_to: bool = False
    lot: LotTerms | None = None
    purpose: str = ""
    refund_of: str | None = None
    from_lot: int | None = None
    quotas: tuple[Quota, ...] = ()
    details: dict[str, Any] = {}
    by: str = ""
    event_at: datetime | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account and its four sums. `overdraft` None: it may fall below zero without end."""

    id: str
    keeps_lots: bool
    overdraft: int | None = 0
    max_transfer: int | None = None
    max_day: int | None = None
    closed: bool = False
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    @property
    def balance(self) -> int:
        """Points posted to the account, less those posted from it."""
        return self.credits_posted - self.debits_posted

    @property
    def available(self) -> int:
        """What may leave at most."""
        return MOST if self.overdraft is None else self.balance - self.debits_pending + self.overdraft


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one origin in one account: `free` to be spent, `held` by pending transfers."""

    id: int
    account: str
    granted_by: str
    terms: LotTerms
    granted_at: datetime
    amount: int
    free: int
    held: int = 0
    moves: int = 1

    def spendable(self, now: datetime, purpose: str) -> bool:
        """Whether its free points may be spent on `purpose` now."""
        expires, allowed = self.terms.expires_at, self.terms.spend_on
        return self.free > 0 and (expires is None or now < expires) and (not allowed or purpose in allowed)


class Move(NamedTuple):
    """What an entry adds to a lot's free and held points."""

    lot: int
    free: int
    held: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as the journal has it, with both accounts and the amount that really moved."""

    transfer: Transfer
    debit: str
    credit: str
    amount: int
    at: datetime
    moves: tuple[Move, ...] = ()


class PendingState(StrEnum):
    """What became of a pending transfer."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class Pending(NamedTuple):
    """A pending transfer's state and when it lapses by itself."""

    state: PendingState
    expires_at: datetime | None


class Status(StrEnum):
    """What became of a transfer. Names and meaning follow TigerBeetle's results where it has one."""

    CREATED = "created"
    EXISTS = "exists"
    EXISTS_DIFFERENT = "exists_with_different_fields"
    ID_ALREADY_FAILED = "id_already_failed"
    LINKED_EVENT_FAILED = "linked_event_failed"
    LINKED_EVENT_CHAIN_OPEN = "linked_event_chain_open"
    ACCOUNTS_MUST_BE_DIFFERENT = "accounts_must_be_different"
    AMOUNT_NOT_POSITIVE = "amount_must_be_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    MALFORMED = "malformed"
    DEBIT_ACCOUNT_NOT_FOUND = "debit_account_not_found"
    CREDIT_ACCOUNT_NOT_FOUND = "credit_account_not_found"
    DEBIT_ACCOUNT_CLOSED = "debit_account_already_closed"
    CREDIT_ACCOUNT_CLOSED = "credit_account_already_closed"
    PENDING_NOT_FOUND = "pending_transfer_not_found"
    PENDING_NOT_PENDING = "pending_transfer_not_pending"
    PENDING_DIFFERENT = "pending_transfer_has_different_fields"
    EXCEEDS_PENDING = "exceeds_pending_transfer_amount"
    ALREADY_POSTED = "pending_transfer_already_posted"
    ALREADY_VOIDED = "pending_transfer_already_voided"
    PENDING_EXPIRED = "pending_transfer_expired"
    EXCEEDS_CREDITS = "exceeds_credits"
    EXCEEDS_ALLOWED = "exceeds_points_allowed_for_purpose"
    EXCEEDS_TRANSFER_LIMIT = "exceeds_transfer_limit"
    EXCEEDS_QUOTA = "exceeds_quota"
    LOT_TERMS_MISSING = "lot_terms_missing"
    LOT_ALREADY_EXPIRED = "lot_already_expired"
    LOT_NOT_FOUND = "lot_not_found"
    ORIGINAL_NOT_FOUND = "refunded_transfer_not_found"
    ORIGINAL_DIFFERENT = "refunded_transfer_has_different_accounts"
    EXCEEDS_ORIGINAL = "exceeds_refunded_transfer_amount"

    @property
    def fine(self) -> bool:
        """Whether the books hold the transfer."""
        return self in (Status.CREATED, Status.EXISTS)


TRANSIENT = frozenset(
    {
        Status.DEBIT_ACCOUNT_NOT_FOUND,
        Status.CREDIT_ACCOUNT_NOT_FOUND,
        Status.DEBIT_ACCOUNT_CLOSED,
        Status.CREDIT_ACCOUNT_CLOSED,
        Status.PENDING_NOT_FOUND,
        Status.EXCEEDS_CREDITS,
        Status.EXCEEDS_ALLOWED,
        Status.EXCEEDS_TRANSFER_LIMIT,
        Status.EXCEEDS_QUOTA,
        Status.LOT_NOT_FOUND,
        Status.ORIGINAL_NOT_FOUND,
        Status.EXCEEDS_ORIGINAL,
    }
)
"""Refusals that the same wish might escape later. Its id stays refused: whoever wants to try again takes a new one."""


class Result(NamedTuple):
    """The answer to one transfer. `reason` is the first refusal where the id had failed before."""

    id: str
    status: Status
    amount: int = 0
    at: datetime | None = None
    reason: str | None = None


def day_of(at: datetime) -> date:
    """The day of Japan that `at` falls on."""
    return at.astimezone(JST).date()


def midnight_after(day: date) -> datetime:
    """The first instant after `day` in Japan: when points good "until" that day have expired."""
    return datetime(day.year, day.month, day.day, tzinfo=JST) + timedelta(days=1)


def months_after(day: date, months: int) -> date:
    """The same day `months` later, or that month's last day where it has no such day (31 August → 28 February)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))
