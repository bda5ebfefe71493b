"""Any interleaving of what can be done to the ledger, on a real PostgreSQL, against a simple model on paper."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.store.migrate import migrate
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Phase, Status, Transfer
from services.points.settings import PointsSettings
from services.points.verify import seal, verify
from tests.integration.points.simple import SimpleLedger

T = TypeVar("T")
WALLETS = ["resident/a", "resident/b"]
PURSES: dict[str, int | None] = {"issuer": None, "fund": 0, "shop/1": 30, "breakage": 0}
AMOUNTS = st.integers(1, 60) | st.sampled_from([1, 100, 200])
WALLET = st.sampled_from(WALLETS)
PURPOSE = st.sampled_from(["retail", "transport"])
_tenants = itertools.count()


class Points(RuleBasedStateMachine):
    """Steps are done to both ledgers; answers and balances must agree."""

    url: str
    system_url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = datetime(2024, 2, 28, 3, 0, tzinfo=UTC)
        self.ids = itertools.count(1)
        self.sent: list[Transfer] = []
        self.pendings: list[str] = []
        self.payments: list[str] = []
        self.model = SimpleLedger(WALLETS, PURSES)
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _open(self) -> None:
        self.tenant = f"t{next(_tenants)}"
        self.system = await open_database(self.system_url, system=True, size=1)
        async with self.system.transaction() as tx:
            await tx.execute("insert into tenant (name) values ($1)", self.tenant)
        self.database = await open_database(self.url, size=2)
        self.ledger = Ledger(self.database, PointsSettings(), lambda: self.now)
        for wallet in WALLETS:
            await self.ledger.open_account(self.tenant, wallet, "resident")
        kinds = {"issuer": "issuer", "fund": "campaign", "shop/1": "shop", "breakage": "breakage"}
        for purse, floor in PURSES.items():
            await self.ledger.open_account(self.tenant, purse, kinds[purse], overdraft=floor)
        self.context = self.ledger.running()
        await self.context.__aenter__()
        fund = Transfer(id="fund", code=Code.FUND, debit="issuer", credit="fund", amount=600)
        assert (await self.ledger.submit(self.tenant, [fund]))[0].status is Status.CREATED
        self.model.purse.update(issuer=-600, fund=600)

    @initialize(first=st.integers(20, 90), second=st.integers(20, 90))
    def begin(self, first: int, second: int) -> None:
        """Something to spend from the start, in lots of two kinds."""
        self.grant(WALLETS[0], first, True, 30)
        self.grant(WALLETS[0], second, False, 40)
        self.grant(WALLETS[1], second, False, 3)

    def teardown(self) -> None:
        async def close() -> None:
            proof = await verify(self.system, self.tenant)
            await self.context.__aexit__(None, None, None)
            await self.database.close()
            await self.system.close()
            assert proof.faults == []

        try:
            self.run(close())
        finally:
            self.runner.close()

    def submit(self, *transfers: Transfer) -> list[str]:
        results = self.run(self.ledger.submit(self.tenant, transfers))
        self.sent += [t for t, r in zip(transfers, results, strict=True) if r.status is Status.CREATED and not t.linked]
        return [result.status.value for result in results]

    def new_id(self) -> str:
        return f"x{next(self.ids)}"

    @rule(wallet=WALLET, points=AMOUNTS, limited=st.booleans(), hours=st.integers(1, 60))
    def grant(self, wallet: str, points: int, limited: bool, hours: int) -> None:
        transfer = self.granting(wallet, points, limited, hours)
        assert transfer.lot is not None
        assert transfer.lot.expires_at is not None
        expected = self.model.grant("fund", wallet, points, frozenset(transfer.lot.spend_on), transfer.lot.expires_at)
        assert self.submit(transfer) == [expected]

    def granting(self, wallet: str, points: int, limited: bool, hours: int) -> Transfer:
        spend_on = ("transport",) if limited else ()
        terms = LotTerms(
            kind=Kind.GIVEN, programme="p", spend_on=spend_on, expires_at=self.now + timedelta(hours=hours)
        )
        return Transfer(id=self.new_id(), code=Code.GRANT, debit="fund", credit=wallet, amount=points, lot=terms)

    @rule(wallet=WALLET, points=AMOUNTS, purpose=PURPOSE)
    def spend(self, wallet: str, points: int, purpose: str) -> None:
        id = self.new_id()
        transfer = Transfer(id=id, code=Code.SPEND, debit=wallet, credit="shop/1", amount=points, purpose=purpose)
        expected = self.model.spend(id, wallet, "shop/1", points, purpose, self.now)
        assert self.submit(transfer) == [expected]
        if expected == "created":
            self.payments.append(id)

    @rule(sender=WALLET, points=AMOUNTS)
    def give(self, sender: str, points: int) -> None:
        receiver = WALLETS[1 - WALLETS.index(sender)]
        transfer = Transfer(
            id=self.new_id(), code=Code.MOVE, debit=sender, credit=receiver, amount=points, purpose="family"
        )
        assert self.submit(transfer) == [self.model.give(sender, receiver, points, self.now)]

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), points=AMOUNTS)
    def refund(self, data: st.DataObject, points: int) -> None:
        original = data.draw(st.sampled_from(self.payments))
        payment = self.model.payments[original]
        transfer = Transfer(
            id=self.new_id(),
            code=Code.REFUND,
            debit=payment.payee,
            credit=payment.payer,
            amount=points,
            refund_of=original,
        )
        assert self.submit(transfer) == [self.model.refund(original, points)]

    @rule(wallet=WALLET, points=AMOUNTS, purpose=PURPOSE, seconds=st.sampled_from([0, 60, 7200]))
    def reserve(self, wallet: str, points: int, purpose: str, seconds: int) -> None:
        id = self.new_id()
        transfer = Transfer(
            id=id,
            code=Code.SPEND,
            debit=wallet,
            credit="shop/1",
            amount=points,
            purpose=purpose,
            phase=Phase.PENDING,
            timeout_s=seconds,
        )
        expected = self.model.reserve(id, wallet, "shop/1", points, purpose, seconds, self.now)
        assert self.submit(transfer) == [expected]
        if expected == "created":
            self.pendings.append(id)

    @precondition(lambda self: self.pendings)
    @rule(data=st.data(), points=st.none() | st.integers(0, 120))
    def post(self, data: st.DataObject, points: int | None) -> None:
        pending, id = data.draw(st.sampled_from(self.pendings)), self.new_id()
        transfer = Transfer(id=id, code=Code.SPEND, phase=Phase.POST, pending_id=pending, amount=points)
        expected = self.model.post(id, pending, points, self.now)
        assert self.submit(transfer) == [expected]
        if expected == "created":
            self.payments.append(id)

    @precondition(lambda self: self.pendings)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        pending = data.draw(st.sampled_from(self.pendings))
        transfer = Transfer(id=self.new_id(), code=Code.SPEND, phase=Phase.VOID, pending_id=pending)
        assert self.submit(transfer) == [self.model.void(pending, self.now)]

    @rule(wallet=WALLET, points=AMOUNTS, granted=AMOUNTS)
    def linked(self, wallet: str, points: int, granted: int) -> None:
        """A payment and the bonus for it: both or none."""
        bonus = self.granting(wallet, granted, False, 5)
        assert bonus.lot is not None
        assert bonus.lot.expires_at is not None
        pay = Transfer(
            id=self.new_id(),
            code=Code.SPEND,
            debit=wallet,
            credit="shop/1",
            amount=points,
            purpose="retail",
            linked=True,
        )
        usable = sum(c.free for c in self.model.usable(wallet, "retail", self.now))
        free = sum(c.free for c in self.model.coins if c.owner == wallet)
        if points > free:
            expected = ["exceeds_credits", "linked_event_failed"]
        elif points > usable:
            expected = ["exceeds_points_allowed_for_purpose", "linked_event_failed"]
        elif granted > self.model.purse["fund"]:
            expected = ["linked_event_failed", "exceeds_credits"]
        else:
            expected = ["created", "created"]
            self.model.spend(pay.id, wallet, "shop/1", points, "retail", self.now)
            self.model.grant("fund", wallet, granted, frozenset(), bonus.lot.expires_at)
            self.payments.append(pay.id)
        assert self.submit(pay, bonus) == expected
        if expected[0] == "created":
            assert self.submit(pay, bonus) == ["exists", "exists"]

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """The same wish once more changes nothing; another wish under its id is refused."""
        transfer = data.draw(st.sampled_from(self.sent))
        assert self.submit(transfer) == ["exists"]
        other = Transfer(id=transfer.id, code=Code.GRANT, debit="fund", credit="shop/1", amount=7)
        assert self.submit(other) == ["exists_with_different_fields"]

    @rule(minutes=st.sampled_from([1, 2, 30, 119, 1440]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def seal(self) -> None:
        self.run(seal(self.system, self.tenant, self.now))

    @rule()
    def sweep(self) -> None:
        assert self.run(self.ledger.time_out(self.tenant)) == self.model.time_out(self.now)

    @rule()
    def expire(self) -> None:
        assert self.run(self.ledger.expire(self.tenant)) == self.model.expire(self.now)

    @invariant()
    def books_agree(self) -> None:
        balances, lots = self.run(self._books())
        assert balances == {**self.model.purse, **{wallet: self.model.balance(wallet) for wallet in WALLETS}}
        assert sum(balances.values()) == self.model.total() == 0
        assert lots == sorted((c.owner, c.expires, c.free, c.held) for c in self.model.coins if c.free + c.held)

    async def _books(self) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
        async with self.database.transaction(self.tenant) as tx:
            rows = await tx.fetch("select id, credits_posted - debits_posted as balance from points_account")
            lots = await tx.fetch(
                "select account, expires_at, free, held from points_lot where free + held > 0 order by 1, 2, 3, 4"
            )
        return {row["id"]: row["balance"] for row in rows}, [tuple(row) for row in lots]


@pytest.mark.timeout(600)
async def test_any_interleaving_agrees_with_the_simple_model(postgres: EmbeddedPostgres) -> None:
    name = f"points_model_{uuid4().hex[:8]}"
    postgres.run_sql("postgres", f"create database {name}")
    owner = await open_database(postgres.url(database=name), system=True, size=2)
    await migrate(owner, MIGRATED_PACKAGES, {r: postgres.password(r) for r in ("cityos_app", "cityos_system")})
    await owner.close()
    Points.url = postgres.url("cityos_app", name)
    Points.system_url = postgres.url("cityos_system", name)
    profile = settings(
        max_examples=int(os.environ.get("POINTS_EXAMPLES", "50")),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Points, settings=profile)
