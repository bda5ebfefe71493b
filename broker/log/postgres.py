"""The log on one machine: inside the same PostgreSQL as everything else.

A batch of records is packed in one row, and appending locks the head row of each partition until the transaction
ends. So offsets count up without gaps, records become visible in the order of their offsets, and a reader never
passes a record that commits late.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from broker.errors import Conflict, Invalid, Unavailable
from broker.log.gathering import Gathering
from broker.log.membership import Membership
from broker.log.packing import Packed, pack_for_append, unpack_batch
from broker.log.postgres_consumer import PostgresConsumer
from broker.log.records import check_sizes, partitions_of
from broker.log.settings import PostgresLogSettings
from broker.log.wake import Bells
from broker.ports import Consumer, Database, NewRecord, Positions, Record, Transaction
from broker.sql import load

_SQL = load("broker.log", "log")
_ATTEMPTS = 3

_log = logging.getLogger(__name__)


async def _append(tx: Transaction, packed: Packed) -> None:
    await tx.execute(_SQL["append"], *packed)


class PostgresOutlet:
    """Puts records on the PostgreSQL log within the caller's transaction (`broker.ports.Outlet`).

    The partitions touched stay locked until that transaction ends: put once, as its last statement.
    """

    def __init__(self, partitions: Mapping[str, int], settings: PostgresLogSettings | None = None) -> None:
        self._partitions = dict(partitions)
        self._settings = settings or PostgresLogSettings()

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        """See `broker.ports.Outlet.put`. Works as the application's role too, which may append but not read.

        Raises `Invalid` for an unknown topic or a record that is too large.
        """
        check_sizes(records)
        if records:
            packed = pack_for_append(topic, records, self._partitions, batch_bytes=self._settings.batch_bytes)
            await _append(tx, packed)


class PostgresLog:
    """`broker.ports.Log` over a `Database` that speaks as the system.

    `partitions` says how many partitions each topic has; that number is fixed with the topic's first record,
    because a key's order lives in its partition.
    """

    def __init__(
        self, database: Database, *, partitions: Mapping[str, int], settings: PostgresLogSettings | None = None
    ) -> None:
        self._database = database
        self._partitions = dict(partitions)
        self._settings = settings or PostgresLogSettings()
        self._gathering = Gathering(self._commit, self._settings.gathering)
        self._bells = Bells(database)
        self._checked: set[str] = set()

    async def append(self, topic: str, records: Sequence[NewRecord]) -> None:
        """See `broker.ports.Log.append`. Concurrent calls share commits. Raises `Invalid` for an unknown topic,
        a record that is too large, or a number of partitions that is not the stored one."""
        partitions_of(topic, self._partitions)
        await self._gathering.add(topic, records)

    async def consumer(self, topic: str, group: str, positions: Positions) -> Consumer:
        """See `broker.ports.Log.consumer`."""
        await self._check(topic)
        membership = Membership(
            self._database, topic, group, partitions=self._partitions[topic], settings=self._settings
        )
        await membership.settle()
        return PostgresConsumer(
            self._database, membership, positions, wake=self._bells.listen(topic), settings=self._settings
        )

    async def read(self, topic: str, partition: int, offset: int, *, limit: int) -> list[Record]:
        """See `broker.ports.Log.read`."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(_SQL["read"], topic, partition, offset, limit)
        found: list[Record] = []
        for row in rows:
            found += unpack_batch(topic, partition, row["first_offset"], row["appended_at"], row["records"])
        skip = max(0, offset - found[0].offset) if found else 0
        return found[skip : skip + limit]

    async def ends(self, topic: str) -> Mapping[int, int]:
        """See `broker.ports.Log.ends`."""
        async with self._database.transaction() as tx:
            stored = {row["partition"]: row["next"] for row in await tx.fetch(_SQL["ends"], topic)}
        return {partition: stored.get(partition, 0) for partition in range(partitions_of(topic, self._partitions))}

    async def offsets_at(self, topic: str, at: datetime) -> Mapping[int, int]:
        """See `broker.ports.Log.offsets_at`."""
        async with self._database.transaction() as tx:
            stored = {row["partition"]: row["at"] for row in await tx.fetch(_SQL["offsets_at"], topic, at)}
        return {partition: stored.get(partition, 0) for partition in range(partitions_of(topic, self._partitions))}

    async def trim(self, topic: str, before: datetime) -> int:
        """Delete whole batches appended before `before` and return how many records went. Offsets stay.

        As with Kafka's retention, records go whether or not every group has read them: keep more than the
        longest outage you mean to bear.
        """
        total = 0
        while True:
            async with self._database.transaction() as tx:
                gone: int = await tx.fetchval(_SQL["trim"], topic, before)
            total += gone
            if not gone:
                return total

    async def close(self) -> None:
        """Finish the appends under way and stop listening. The database stays open: it is the caller's."""
        await self._gathering.close()
        await self._bells.close()

    async def _check(self, topic: str) -> None:
        if topic in self._checked:
            return
        wanted = partitions_of(topic, self._partitions)
        async with self._database.transaction() as tx:
            stored = await tx.fetchval(_SQL["partitions"], topic)
        if stored not in (None, wanted):
            raise Invalid(
                f"topic {topic} was made with {stored} partitions and is configured with {wanted}; a key must stay"
                f" in its partition, so configure {stored}",
                field="partitions",
            )
        self._checked.add(topic)

    async def _commit(self, merged: Mapping[str, Sequence[NewRecord]]) -> None:
        for topic in merged:
            await self._check(topic)
        rows = [
            pack_for_append(topic, merged[topic], self._partitions, batch_bytes=self._settings.batch_bytes)
            for topic in sorted(merged)
        ]
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(Conflict):  # it was rolled back, so trying again duplicates nothing
                return await self._transact(rows)
            _log.info("an append collided with another transaction (%d of %d)", attempt + 1, _ATTEMPTS)
        raise Unavailable(f"the log's partitions were contended {_ATTEMPTS} times in a row")

    async def _transact(self, rows: Sequence[Packed]) -> None:
        try:
            async with asyncio.timeout(self._settings.append_seconds), self._database.transaction() as tx:
                for packed in rows:
                    await _append(tx, packed)
        except TimeoutError as error:
            raise Unavailable(f"an append took more than {self._settings.append_seconds} s") from error
