"""A member of a consumer group of the PostgreSQL log."""

from __future__ import annotations

import asyncio
import time

from broker.log.membership import Membership
from broker.log.packing import unpack_batch
from broker.log.settings import PostgresLogSettings
from broker.ports import Database, Positions, Record
from broker.sql import load

_SQL = load("broker.log", "log")


class PostgresConsumer:
    """`broker.ports.Consumer`. Changes of members take effect within `poll`, when nothing polled is in hand."""

    def __init__(
        self,
        database: Database,
        membership: Membership,
        positions: Positions,
        *,
        wake: asyncio.Event,
        settings: PostgresLogSettings,
    ) -> None:
        self._database = database
        self._membership = membership
        self._positions = positions
        self._wake = wake
        self._settings = settings
        self._next: dict[int, int] = {}
        self._fetched: list[Record] = []
        self._taken = 0

    async def poll(self, *, max_records: int, wait: float) -> list[Record]:
        """See `broker.ports.Consumer.poll`."""
        deadline = time.monotonic() + wait
        while True:
            self._membership.seen()
            if self._membership.due() or not self._membership.alive():
                await self._settle()
            await self._place()
            if records := self._take(max_records):
                return records
            self._wake.clear()
            await self._fetch()
            if self._fetched or self._membership.due():
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            await self._rest(min(left, self._settings.look_again_seconds))

    async def rewind(self) -> None:
        """See `broker.ports.Consumer.rewind`."""
        self._forget()
        self._next = {}
        await self._place()

    async def lag(self) -> int:
        """See `broker.ports.Consumer.lag`."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(_SQL["ends"], self._membership.topic)
        ends = {row["partition"]: row["next"] for row in rows}
        return sum(max(0, ends.get(partition, 0) - at) for partition, at in self._next.items())

    async def close(self) -> None:
        """See `broker.ports.Consumer.close`."""
        self._forget()
        self._next = {}
        await self._membership.leave()

    async def _settle(self) -> None:
        if not self._membership.alive():  # somebody may have read on in our place meanwhile
            self._forget()
            self._next = {}
        await self._membership.settle()
        lost = self._next.keys() - self._membership.held
        if lost:
            self._next = {partition: at for partition, at in self._next.items() if partition not in lost}
            kept = [record for record in self._fetched[self._taken :] if record.partition not in lost]
            self._fetched, self._taken = kept, 0

    async def _place(self) -> None:
        """Start at the stored position in every partition held that has no place yet."""
        gained = sorted(self._membership.held - self._next.keys())
        if gained:
            self._next.update(await self._positions.load(self._membership.group, self._membership.topic, gained))

    def _take(self, most: int) -> list[Record]:
        records = self._fetched[self._taken : self._taken + most]
        self._taken += len(records)
        for record in records:
            self._next[record.partition] = record.offset + 1
        if self._taken >= len(self._fetched):
            self._forget()
        return records

    def _forget(self) -> None:
        self._fetched, self._taken = [], 0

    async def _fetch(self) -> None:
        wanted = sorted(self._next.items())
        budget = self._settings.fetch_bytes // max(1, len(wanted))
        topic = self._membership.topic
        async with self._database.transaction() as tx:
            rows = await tx.fetch(
                _SQL["fetch"],
                self._membership.group,
                topic,
                [partition for partition, _ in wanted],
                [at for _, at in wanted],
                budget,
            )
        for row in rows:
            self._membership.seen(row["generation"])
            if row["partition"] is not None:
                first, partition = row["first_offset"], row["partition"]
                batch = unpack_batch(topic, partition, first, row["appended_at"], row["records"])
                self._fetched += batch[max(0, self._next[partition] - first) :]

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
