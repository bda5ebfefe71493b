"""The ledger's shell: gathers the transfers that wait, carries them out in one transaction, answers once it is durable.

Gathering is what keeps one hot account (a campaign's fund) from making the town queue: its row is locked and
written once for all transfers that wait, however many. Several processes may each have a ledger; they meet at the
accounts' locks, taken in one order.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from broker.errors import CityError, Conflict, NotFound, Unavailable
from broker.ports import Database, Transaction
from schemas.clock import Clock, utc_now
from services.points.book import Book, Loaded, OutOfLotNumbers
from services.points.model import Code, Phase, Result, Status, Transfer
from services.points.posting import TIME_OUT, apply, time_out
from services.points.settings import PointsSettings
from services.points.store import SQL, load_batch, store_batch

_log = logging.getLogger(__name__)
_BLOCK = 1000
_TRIES = 20


class _Waiting(NamedTuple):
    tenant: str
    transfers: Sequence[Transfer]
    answer: asyncio.Future[list[Result]]


class Ledger:
    """Carries out transfers. Use `running()` around it; `submit` waits for its answer until the books hold it."""

    def __init__(self, database: Database, settings: PointsSettings, clock: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._lots: Iterator[int] = iter(())
        self._busy: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        """Carry out what is submitted while the block lasts; what still waits then is refused as `Unavailable`."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._settings.ledger_workers)]
        try:
            yield self
        finally:
            for worker in workers:
                worker.cancel()
            for worker in workers:
                with contextlib.suppress(asyncio.CancelledError):
                    await worker
            while self._waiting:
                _fail(self._waiting.popleft(), Unavailable("the ledger is stopping; ask again with the same id"))

    async def submit(self, tenant: str, transfers: Sequence[Transfer]) -> list[Result]:
        """Carry out `transfers` (a chain, or single ones) and return one result each, once they are durable.

        Raises `Unavailable` when the ledger is too busy, or when the database went away: then the same transfers
        under the same ids may be submitted again, and are carried out once.
        """
        if len(self._waiting) >= self._settings.ledger_queue:
            raise Unavailable("the ledger has too much to do; ask again with the same id in a moment")
        answer: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(tenant, transfers, answer))
        self._wake.set()
        try:
            return await asyncio.wait_for(answer, self._settings.ledger_timeout_s)
        except TimeoutError as error:
            raise Unavailable("the ledger did not answer in time; ask again with the same id") from error

    async def _work(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            tenant = batch[0].tenant
            try:
                await self._answer(batch)
            finally:
                self._busy.discard(tenant)
                self._wake.set()

    def _next_batch(self) -> list[_Waiting]:
        """What waits for one tenant that no other worker serves. One batch of a tenant at a time: they would meet
        at the hot accounts' locks, and a longer next batch is cheaper than two that wait for one another."""
        batch: list[_Waiting] = []
        size = 0
        rest: deque[_Waiting] = deque()
        for waiting in self._waiting:
            mine = waiting.tenant == batch[0].tenant if batch else waiting.tenant not in self._busy
            if mine and (not batch or size + len(waiting.transfers) <= self._settings.ledger_batch):
                batch.append(waiting)
                size += len(waiting.transfers)
            else:
                rest.append(waiting)
        self._waiting = rest
        if batch:
            self._busy.add(batch[0].tenant)
        return batch

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._carry_out(batch[0].tenant, [waiting.transfers for waiting in batch])
        except CityError as error:
            for waiting in batch:
                _fail(waiting, error)
        except asyncio.CancelledError:
            for waiting in batch:
                _fail(waiting, Unavailable("the ledger is stopping; ask again with the same id"))
            raise
        except Exception as error:
            await self._answer_apart(batch, error)
        else:
            for waiting, results in zip(batch, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(results)

    async def _answer_apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """One submission has a fault that no rule foresaw. The others shall not suffer from it."""
        if len(batch) == 1:
            _log.error("a submission fails by a fault of ours: %r", batch[0].transfers, exc_info=error)
            _fail(batch[0], error)
            return
        for waiting in batch:
            await self._answer([waiting])

    async def _carry_out(self, tenant: str, groups: Sequence[Sequence[Transfer]]) -> list[list[Result]]:
        for attempt in itertools.count(1):
            try:
                return await self._once(tenant, groups)
            except Conflict:
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.005 * attempt))
        raise AssertionError("unreachable")

    async def _once(self, tenant: str, groups: Sequence[Sequence[Transfer]]) -> list[list[Result]]:
        async with self._database.transaction(tenant) as tx:
            now = self._clock()
            loaded = await load_batch(tx, [transfer for group in groups for transfer in group], now)
            book, answers = await self._with_lots(
                tx, loaded, lambda book: [apply(book, group, now) for group in groups]
            )
            await store_batch(tx, book.changes(), now)
        return answers

    async def _with_lots(
        self, tx: Transaction, loaded: Loaded, work: Callable[[Book], list[list[Result]]]
    ) -> tuple[Book, list[list[Result]]]:
        """Do `work` on a book; again, with more numbers for new lots, where those at hand did not suffice."""
        while True:
            book = Book(loaded, self._lots)
            try:
                return book, work(book)
            except OutOfLotNumbers:
                last = await tx.fetchval(SQL["lot_block"])
                self._lots = itertools.chain(self._lots, range(last - _BLOCK + 1, last + 1))

    async def open_account(
        self,
        tenant: str,
        id: str,
        kind: str,
        *,
        title: str = "",
        overdraft: int | None = 0,
        max_transfer: int | None = None,
        max_day: int | None = None,
    ) -> None:
        """Open an account; one of that id stays as it is. Residents' accounts keep lots, all others do not; where
        no limits are given, theirs are those of the settings."""
        if kind == "resident":
            max_transfer = max_transfer or self._settings.max_payment or None
            max_day = max_day or self._settings.max_day or None
        async with self._database.transaction(tenant) as tx:
            await tx.execute(
                SQL["open_account"],
                id,
                kind,
                title,
                kind == "resident",
                overdraft,
                max_transfer,
                max_day,
                self._clock(),
            )

    async def set_limits(self, tenant: str, id: str, max_transfer: int | None, max_day: int | None) -> None:
        """From now on at most so many points leave the account at once, and in one day of Japan; None: no limit.

        Raises `NotFound`.
        """
        async with self._database.transaction(tenant) as tx:
            if await tx.execute(SQL["set_limits"], id, max_transfer, max_day) == "UPDATE 0":
                raise NotFound(f"there is no account {id!r}")

    async def time_out(self, tenant: str) -> int:
        """Give back what pending transfers reserve whose time is over; returns how many."""
        done = 0
        while True:
            async with self._database.transaction(tenant) as tx:
                now = self._clock()
                ids = [row["id"] for row in await tx.fetch(SQL["timed_out"], now, self._settings.ledger_batch)]
                wishes = [Transfer(id=TIME_OUT + id, code=Code.TIME_OUT, phase=Phase.VOID, pending_id=id) for id in ids]
                book = Book(await load_batch(tx, wishes, now), iter(()))
                done += sum(time_out(book, id, now) for id in ids)
                await store_batch(tx, book.changes(), now)
            if len(ids) < self._settings.ledger_batch:
                return done

    async def expire(self, tenant: str, breakage: str = "breakage") -> int:
        """Move what has expired to the account `breakage`; returns how many points. May be run at any time, again."""
        moved = 0
        while True:
            async with self._database.transaction(tenant) as tx:
                rows = await tx.fetch(SQL["expired_lots"], self._clock(), self._settings.ledger_batch)
            wishes = [
                Transfer(
                    id=f"expire:{row['id']}:{row['moves']}",
                    code=Code.EXPIRE,
                    debit=row["account"],
                    credit=breakage,
                    amount=row["free"],
                    from_lot=row["id"],
                    by="ledger",
                )
                for row in rows
            ]
            results = await self.submit(tenant, wishes) if wishes else []
            moved += sum(result.amount for result in results if result.status is Status.CREATED)
            if not any(result.status is Status.CREATED for result in results):
                return moved


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
