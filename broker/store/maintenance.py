"""The keeper: looks after the store while it runs. Any number may run; each job is done by one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from broker import telemetry
from broker.errors import CityError
from broker.ports import CHANGES, OBSERVATIONS, Database, Log, Transaction
from broker.sql import load
from broker.store import entity_maps, retention, snapshots
from broker.store.accounting import fold
from broker.store.books import Imbalance, Reach, audit, audit_history, audit_log, positions, reaches
from broker.store.partitions import drop_month, existing_months, make_months, months_ahead, months_in_default
from broker.store.progress import Progress
from broker.store.rollups import fold_dirty, roll_up
from broker.store.settings import KeeperSettings
from broker.store.subscriptions import forget_changes
from broker.waiting import rounds
from schemas.clock import Clock

_SQL = load("broker.store", "maintenance")
_SERIES_AT_ONCE = 500
_WRITES_AT_ONCE = 200
_STUCK = timedelta(minutes=5)
_log = logging.getLogger(__name__)

Slice = Callable[[Transaction, int], Awaitable[int]]
"""Does at most so much within the transaction and says how much it did."""


Sweep = Callable[[datetime, Transaction, int], Awaitable[int]]
"""As `Slice`, of what is old at a time."""


class TrimmedLog(Log, Protocol):
    """A log that leaves it to us to forget old records (Kafka does so by itself)."""

    async def trim(self, topic: str, before: datetime) -> int: ...


class Keeper:
    """Folds the accounts, rolls history up, keeps partitions and retention, and checks the books.

    `database` speaks as the system. `sweeps`: jobs of others, by name, that may wait an hour. `log` where given is
    checked against the positions and, if `trims`, trimmed. Every job works in transactions of bounded size under an
    advisory lock of its own; a job that fails is logged, counted and tried again in the next round, and the others
    go on.
    """

    def __init__(
        self,
        database: Database,
        settings: KeeperSettings,
        clock: Clock,
        *,
        log: Log | None = None,
        trims: TrimmedLog | None = None,
        sweeps: Mapping[str, Sweep] | None = None,
    ) -> None:
        self._database = database
        own = {
            "subscription changes": forget_changes,
            "entity maps": entity_maps.forget_expired,
            "snapshots": snapshots.forget_expired,
        }
        self._sweeps: Mapping[str, Sweep] = {**own, **(sweeps or {})}
        self._settings = settings
        self._clock = clock
        self._log = log or trims
        self._trims = trims
        self._folded: datetime | None = None
        self._progress = Progress()

    async def run(self, stop: asyncio.Event) -> None:
        """A round every `round_seconds` and a sweep every `sweep_seconds`, both at once first, until `stop`."""
        swept: datetime | None = None
        async for _ in rounds(stop=stop, every=self._settings.round_seconds):
            await self.round()
            if swept is None or (self._clock() - swept).total_seconds() >= self._settings.sweep_seconds:
                await self.sweep()
                swept = self._clock()

    async def round(self) -> None:
        """What must not fall behind by more than seconds."""
        if self._folded is None or (self._clock() - self._folded).total_seconds() >= self._settings.fold_seconds:
            await self._try("accounts", self._fold_accounts)
            await self._try("quota", self._hold_quota)
            self._folded = self._clock()
        await self._try("rollups", self._roll_up)
        await self._try("months", self._make_months)
        await self._try("books", self._check_books)
        await self._try("figures", self._measure)

    async def sweep(self) -> None:
        """What may wait an hour."""
        await self._try("drop", self._drop_months)
        for kind in retention.BY_SERIES:
            await self._try(kind, partial(self._expire_series, kind))
        for kind in retention.BY_TIME:
            await self._try(kind, partial(self._expire, kind))
        for job, sweep in self._sweeps.items():
            await self._try(job, partial(self._slices, job, self._settings.slice_rows, partial(sweep, self._clock())))
        await self._try("trim", self._trim_log)
        await self._try("history books", self._check_history)

    async def _try(self, job: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except CityError as error:
            telemetry.KEEPER_FAILURES.add(1, {"job": job})
            _log.warning("upkeep %r waits for the next round: %s", job, error)

    @asynccontextmanager
    async def _alone(self, job: str) -> AsyncIterator[Transaction | None]:
        """A transaction in which nobody else does this job; None while somebody does."""
        async with self._database.transaction() as tx:
            yield tx if await tx.fetchval(_SQL["lock"], job) else None

    async def _slices(self, job: str, slice_: int, work: Slice, most: int | None = None) -> None:
        """Repeat `work`, each time in a transaction of its own, until it does less than a full slice."""
        rounds = 0
        while most is None or rounds < most:
            async with self._alone(job) as tx:
                done = 0 if tx is None else await work(tx, slice_)
            if done < slice_:
                return
            rounds += 1

    async def _fold_accounts(self) -> None:
        async with self._alone("accounts") as tx:
            if tx is not None:
                await fold(tx)

    async def _roll_up(self) -> None:
        now = self._clock()
        before = now - timedelta(hours=1, seconds=self._settings.hour_grace_seconds)
        most = self._settings.round_slices
        await self._slices("rollups", _WRITES_AT_ONCE, fold_dirty, most)
        await self._slices("rollups", self._settings.slice_rows, partial(roll_up, before, now), most)

    async def _make_months(self) -> None:
        async with self._alone("months") as tx:
            if tx is None:
                return
            waiting = await months_in_default(tx)
            existing = set(await existing_months(tx))
        telemetry.DEFAULT_ROWS.set(sum(waiting.values()))
        crowded = {month for month, rows in waiting.items() if rows >= self._settings.month_rows}
        wanted = crowded | set(months_ahead(self._clock(), self._settings.months_ahead))
        for month in sorted(wanted - existing):
            # A roll-up that waited for the rows to be moved would look in the new partition as of before: at none.
            async with self._alone("rollups") as tx:
                if tx is None:
                    return
                moved = await make_months(tx, [month])
            _log.info("history has a partition for %s (%d rows moved)", month.strftime("%Y-%m"), moved)

    async def _drop_months(self) -> None:
        async with self._database.transaction() as tx:
            cutoff = await retention.longest_kept(tx, self._clock())
            months = await existing_months(tx)
        for month in months if cutoff is not None else ():
            assert cutoff is not None
            if month < cutoff.date():
                async with self._database.transaction() as tx:
                    if await drop_month(tx, month, cutoff):
                        _log.info("history of %s is past every tenant's retention and dropped", month.strftime("%Y-%m"))

    async def _expire_series(self, kind: str) -> None:
        async with self._database.transaction() as tx:
            cutoffs = await retention.cutoffs(tx, kind, self._clock())
        for tenant_id, before in cutoffs:
            async for series in self._series_of(tenant_id):
                work = partial(retention.delete_of_series, kind, series, before)
                await self._slices(kind, self._settings.slice_rows, work)

    async def _series_of(self, tenant_id: int) -> AsyncIterator[list[int]]:
        after = 0
        while True:
            async with self._database.transaction() as tx:
                series = await retention.series_after(tx, tenant_id, after, _SERIES_AT_ONCE)
            if not series:
                return
            yield series
            after = series[-1]

    async def _expire(self, kind: str) -> None:
        work = partial(retention.delete_by_time, kind, self._clock())
        await self._slices(kind, self._settings.slice_rows, work)

    async def _hold_quota(self) -> None:
        await self._slices("quota", self._settings.slice_rows, retention.delete_over_quota)

    async def _trim_log(self) -> None:
        if self._trims is None:
            return
        before = self._clock() - timedelta(days=self._settings.log_keep_days)
        for topic in (OBSERVATIONS, CHANGES):
            ends = await self._trims.offsets_at(topic, before)
            async with self._database.transaction() as tx:
                behind = [p for p in await positions(tx, topic) if p.next < ends.get(p.partition, 0)]
            if behind:
                _log.error("the log's topic %s is not trimmed: %s has not read it", topic, behind[0].consumer)
            else:
                await self._trims.trim(topic, before)

    async def _check_books(self) -> None:
        since = (self._clock() - timedelta(days=self._settings.books_days)).date()
        async with self._database.transaction() as tx:
            _report("outcomes", await audit(tx, since))
        if self._log is not None:
            async with self._database.transaction() as tx:
                found = await reaches(tx, self._log)
            _report("log", audit_log(found))
            self._tell_stalled(found)

    def _tell_stalled(self, found: Iterable[Reach]) -> None:
        still = self._progress.look(found, self._clock())
        for (group, topic), standing in still.items():
            telemetry.STALLED.set(standing.total_seconds(), {"group": group, "topic": topic})
            if standing >= _STUCK:
                _log.error("%s has not moved in %s for %s although records wait: restart it", group, topic, standing)

    async def _check_history(self) -> None:
        yesterday = (self._clock() - timedelta(days=1)).date()
        async with self._database.transaction() as tx:
            _report("history", await audit_history(tx, yesterday))

    async def _measure(self) -> None:
        async with self._database.transaction() as tx:
            figures = await tx.fetchrow(_SQL["figures"])
        telemetry.PARKED.set(figures["parked"])
        telemetry.DATABASE_BYTES.set(figures["bytes"])
        telemetry.ROLLUPS_DUE.set(figures["due"])


def _report(check: str, found: Iterable[Imbalance]) -> None:
    imbalances = list(found)
    telemetry.UNBALANCED.set(len(imbalances), {"check": check})
    for imbalance in imbalances[:20]:
        _log.error("the books do not balance: %s", imbalance)
