"""The ledger's rules by example: limits, quotas, chains, edges of time. Interleavings are in the integration tests."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.points.book import Book, Loaded
from services.points.model import (
    MOST,
    Account,
    Code,
    Kind,
    LotTerms,
    Phase,
    Quota,
    Status,
    Transfer,
    midnight_after,
    months_after,
)
from services.points.posting import apply, time_out

NOON = datetime(2024, 2, 28, 3, tzinfo=UTC)
ids = itertools.count()


def book(*accounts: Account) -> Book:
    town = [
        Account(id="issuer", keeps_lots=False, overdraft=None),
        Account(id="fund", keeps_lots=False, credits_posted=1000),
        Account(id="shop", keeps_lots=False),
        Account(id="a", keeps_lots=True),
        Account(id="b", keeps_lots=True),
    ]
    return Book(Loaded(accounts={account.id: account for account in [*town, *accounts]}), itertools.count(1))


def wish(debit: str, credit: str, amount: int, **more: Any) -> Transfer:
    return Transfer(**{"id": f"t{next(ids)}", "code": Code.SPEND, **more}, debit=debit, credit=credit, amount=amount)


def terms(expires: datetime | None = None, *spend_on: str) -> LotTerms:
    return LotTerms(kind=Kind.GIVEN, programme="p", spend_on=spend_on, expires_at=expires)


def do(on: Book, *wishes: Transfer, at: datetime = NOON) -> list[Status]:
    return [result.status for result in apply(on, wishes, at)]


def grant(on: Book, amount: int, expires: datetime | None = None, *spend_on: str, to: str = "a") -> str:
    wanted = wish("fund", to, amount, lot=terms(expires, *spend_on))
    assert do(on, wanted) == [Status.CREATED]
    return wanted.id


def balance(on: Book, id: str) -> int:
    account = on.account(id)
    assert account is not None
    return account.balance


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        (0, Status.AMOUNT_NOT_POSITIVE),
        (-5, Status.AMOUNT_NOT_POSITIVE),
        (MOST + 1, Status.AMOUNT_TOO_LARGE),
        (2**70, Status.AMOUNT_TOO_LARGE),
        (MOST, Status.EXCEEDS_CREDITS),
        (101, Status.EXCEEDS_CREDITS),
        (100, Status.CREATED),
    ],
)
def test_amounts(amount: int, status: Status) -> None:
    books = book()
    grant(books, 100)
    assert do(books, wish("a", "shop", amount)) == [status]


@pytest.mark.parametrize(
    ("debit", "credit", "status"),
    [
        ("nobody", "shop", Status.DEBIT_ACCOUNT_NOT_FOUND),
        ("a", "no-shop", Status.CREDIT_ACCOUNT_NOT_FOUND),
        ("a", "a", Status.ACCOUNTS_MUST_BE_DIFFERENT),
        ("closed", "shop", Status.DEBIT_ACCOUNT_CLOSED),
        ("a", "closed", Status.CREDIT_ACCOUNT_CLOSED),
        ("fund", "a", Status.LOT_TERMS_MISSING),
    ],
)
def test_parties(debit: str, credit: str, status: Status) -> None:
    books = book(Account(id="closed", keeps_lots=False, closed=True, credits_posted=10))
    grant(books, 100)
    assert do(books, wish(debit, credit, 5)) == [status]


def test_a_closed_account_is_still_settled() -> None:
    books = book(Account(id="closed", keeps_lots=False, closed=True, credits_posted=10))
    payout = Transfer(id="p", code=Code.PAYOUT, debit="closed", credit="shop", amount=7)
    owed = Transfer(id="o", code=Code.PAYOUT, debit="shop", credit="closed", amount=3)
    assert do(books, payout, owed) == [Status.CREATED, Status.CREATED]


def test_a_refused_id_stays_refused_with_its_reason() -> None:
    books = book()
    wanted = wish("a", "shop", 5)
    assert do(books, wanted) == [Status.EXCEEDS_CREDITS]
    grant(books, 100)
    [result] = apply(books, [wanted], NOON)
    assert (result.status, result.reason) == (Status.ID_ALREADY_FAILED, "exceeds_credits")
    assert balance(books, "a") == 100


def test_soonest_to_expire_goes_first_and_limited_points_only_where_allowed() -> None:
    books = book()
    late = grant(books, 50, NOON + timedelta(days=60))
    ride = grant(books, 50, NOON + timedelta(days=10), "transport")
    soon = grant(books, 50, NOON + timedelta(days=30))
    assert do(books, wish("a", "shop", 60, purpose="retail")) == [Status.CREATED]
    left = {lot.granted_by: lot.free for lot in books.lots_of("a")}
    assert left == {ride: 50, soon: 0, late: 40}
    assert do(books, wish("a", "shop", 41, purpose="retail")) == [Status.EXCEEDS_ALLOWED]
    assert do(books, wish("a", "shop", 41, purpose="transport")) == [Status.CREATED]


def test_points_good_until_leap_day_end_at_the_next_midnight_of_japan() -> None:
    end = midnight_after(date(2024, 2, 29))
    assert end == datetime(2024, 2, 29, 15, tzinfo=UTC)
    books = book()
    grant(books, 50, end)
    assert do(books, wish("a", "shop", 20), at=end - timedelta(microseconds=1)) == [Status.CREATED]
    assert do(books, wish("a", "shop", 20), at=end) == [Status.EXCEEDS_ALLOWED]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2024, 8, 31), 6, date(2025, 2, 28)),
        (date(2024, 12, 31), 1, date(2025, 1, 31)),
        (date(2024, 6, 15), 6, date(2024, 12, 15)),
    ],
)
def test_months(start: date, months: int, end: date) -> None:
    assert months_after(start, months) == end


def test_a_refund_in_parts_restores_the_very_lots_the_longest_lived_first() -> None:
    books = book()
    soon, late = grant(books, 30, NOON + timedelta(days=1)), grant(books, 70, NOON + timedelta(days=9))
    paid = wish("a", "shop", 80)
    assert do(books, paid, wish("fund", "shop", 5)) == [Status.CREATED, Status.CREATED]

    def refund(points: int) -> Status:
        return do(books, wish("shop", "a", points, code=Code.REFUND, refund_of=paid.id))[0]

    assert refund(40) is Status.CREATED
    assert {lot.granted_by: lot.free for lot in books.lots_of("a")} == {soon: 0, late: 60}
    assert refund(41) is Status.EXCEEDS_ORIGINAL
    assert refund(40) is Status.CREATED
    assert {lot.granted_by: lot.free for lot in books.lots_of("a")} == {soon: 30, late: 70}
    assert refund(1) is Status.EXCEEDS_ORIGINAL
    assert refund(6) is Status.EXCEEDS_CREDITS


def test_a_grant_cannot_be_refunded_past_its_lots() -> None:
    books = book()
    given = grant(books, 30)
    assert do(books, wish("a", "fund", 30, refund_of=given)) == [Status.ORIGINAL_DIFFERENT]
    assert do(books, wish("shop", "a", 30, refund_of=given)) == [Status.EXCEEDS_CREDITS]


def test_limits_of_an_account_per_transfer_and_per_day_of_japan() -> None:
    books = book(Account(id="a", keeps_lots=True, max_transfer=50, max_day=80))
    grant(books, 300)
    assert do(books, wish("a", "shop", 51)) == [Status.EXCEEDS_TRANSFER_LIMIT]
    assert do(books, wish("a", "shop", 50), wish("a", "shop", 31)) == [Status.CREATED, Status.EXCEEDS_QUOTA]
    held = wish("a", "shop", 30, phase=Phase.PENDING)
    assert do(books, held, wish("a", "shop", 1)) == [Status.CREATED, Status.EXCEEDS_QUOTA]
    void = Transfer(id="v", code=Code.SPEND, phase=Phase.VOID, pending_id=held.id)
    assert do(books, void, wish("a", "shop", 30)) == [Status.CREATED, Status.CREATED]
    midnight = datetime(2024, 2, 28, 15, tzinfo=UTC)
    assert do(books, wish("a", "shop", 50), at=midnight - timedelta(seconds=1)) == [Status.EXCEEDS_QUOTA]
    assert do(books, wish("a", "shop", 50), at=midnight) == [Status.CREATED]


def test_up_to_gives_as_much_as_fund_and_quota_allow() -> None:
    books = book()

    def award(to: str, points: int) -> tuple[Status, int]:
        quota = Quota(to, "campaign:2024-02-28", 300)
        [result] = apply(books, [wish("fund", to, points, up_to=True, quotas=(quota,), lot=terms())], NOON)
        return result.status, result.amount

    assert award("a", 200) == (Status.CREATED, 200)
    assert award("a", 200) == (Status.CREATED, 100)
    assert award("a", 200) == (Status.EXCEEDS_QUOTA, 0)
    assert award("b", 290) == (Status.CREATED, 290)
    assert do(books, wish("fund", "shop", 400)) == [Status.CREATED]
    assert award("b", 50) == (Status.CREATED, 10)
    assert balance(books, "fund") == 0


def test_a_quota_must_belong_to_one_of_the_parties() -> None:
    quota = Quota("shop", "k", 5)
    assert do(book(), wish("fund", "a", 5, lot=terms(), quotas=(quota,))) == [Status.MALFORMED]


def test_linked_transfers_are_all_or_none() -> None:
    books = book()
    grant(books, 100)
    chain = [wish("a", "shop", 10, linked=True), wish("a", "shop", 500, linked=True), wish("a", "shop", 10)]
    assert do(books, *chain, wish("a", "shop", 1)) == [
        Status.LINKED_EVENT_FAILED,
        Status.EXCEEDS_CREDITS,
        Status.LINKED_EVENT_FAILED,
        Status.CREATED,
    ]
    assert balance(books, "a") == 99
    assert do(books, wish("a", "shop", 1, linked=True)) == [Status.LINKED_EVENT_CHAIN_OPEN]
    open_chain = [wish("a", "shop", 1, linked=True), wish("a", "shop", 1, linked=True)]
    assert do(books, *open_chain) == [Status.LINKED_EVENT_FAILED, Status.LINKED_EVENT_CHAIN_OPEN]
    assert balance(books, "a") == 99


def test_a_chain_that_was_partly_carried_out_is_another_chain() -> None:
    books = book()
    grant(books, 100)
    first = wish("a", "shop", 10, linked=True)
    assert do(books, first, wish("a", "shop", 10)) == [Status.CREATED, Status.CREATED]
    assert do(books, first, wish("a", "shop", 10)) == [Status.EXISTS, Status.LINKED_EVENT_FAILED]
    assert balance(books, "a") == 80


def test_two_phases() -> None:
    books = book()
    grant(books, 100)
    held = wish("a", "shop", 60, phase=Phase.PENDING, timeout_s=60)
    assert do(books, held, wish("a", "shop", 41)) == [Status.CREATED, Status.EXCEEDS_CREDITS]

    def settle(phase: Phase, amount: int | None, at: datetime = NOON) -> Status:
        id = f"s{next(ids)}"
        return do(books, Transfer(id=id, code=Code.SPEND, phase=phase, pending_id=held.id, amount=amount), at=at)[0]

    assert settle(Phase.POST, 61) is Status.EXCEEDS_PENDING
    assert settle(Phase.VOID, 59) is Status.PENDING_DIFFERENT
    assert settle(Phase.POST, 10, NOON + timedelta(seconds=60)) is Status.PENDING_EXPIRED
    assert not time_out(books, held.id, NOON + timedelta(seconds=59))
    assert settle(Phase.POST, 10) is Status.CREATED
    assert settle(Phase.POST, 10) is Status.ALREADY_POSTED
    assert settle(Phase.VOID, None) is Status.ALREADY_POSTED
    assert (balance(books, "a"), balance(books, "shop")) == (90, 10)
    assert do(books, wish("a", "shop", 90)) == [Status.CREATED]


def test_time_out_gives_back_what_was_reserved() -> None:
    books = book()
    grant(books, 100)
    held = wish("a", "shop", 60, phase=Phase.PENDING, timeout_s=60)
    assert do(books, held) == [Status.CREATED]
    later = NOON + timedelta(seconds=60)
    assert time_out(books, held.id, later)
    assert not time_out(books, held.id, later)
    assert do(books, wish("a", "shop", 100), at=later) == [Status.CREATED]
    post = Transfer(id="late", code=Code.SPEND, phase=Phase.POST, pending_id=held.id)
    assert do(books, post, at=later) == [Status.PENDING_EXPIRED]


@pytest.mark.parametrize(
    "broken",
    [
        {"id": ""},
        {"id": "x" * 201},
        {"id": "time-out:mine"},
        {"timeout_s": 5},
        {"timeout_s": -1, "phase": Phase.PENDING},
        {"phase": Phase.POST},
        {"pending_id": "x"},
        {"phase": Phase.PENDING, "refund_of": "x"},
    ],
)
def test_malformed(broken: dict[str, Any]) -> None:
    assert do(book(), wish("fund", "a", 5, lot=terms(), **broken)) == [Status.MALFORMED]
