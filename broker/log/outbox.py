"""From a database transaction to a log outside the database: an outbox, and its relay.

A record reaches the log at least once, if and only if its transaction commits, and each key's records in the order
in which their transactions committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from zlib import crc32

from broker.errors import CityError
from broker.log.records import check_sizes, partitions_of
from broker.log.settings import OutboxSettings
from broker.ports import Database, Log, NewRecord, Transaction
from broker.sql import load
from broker.waiting import first_of

_SQL = load("broker.log", "outbox")
_QUEUES = 0x6F757462  # "outb": the class of the advisory locks of writers
_RELAY = 0x6F757472  # "outr": the advisory lock of the relay
_BUCKETS = 64
_LONGEST_PAUSE = 5.0

_log = logging.getLogger(__name__)


class OutboxOutlet:
    """`broker.ports.Outlet` for a log outside the database. `partitions` names the topics there are.

    Transactions that put records of one key (or of keys that share one of 64 queues) wait for each other until
    they end: put once, as the last statement.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self._partitions = dict(partitions)

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        """See `broker.ports.Outlet.put`. Works as the application's role too, which sees nothing of the outbox.

        Raises `Invalid` for an unknown topic or a record that is too large.
        """
        partitions_of(topic, self._partitions)
        check_sizes(records)
        if not records:
            return
        buckets = sorted({crc32(record.key) % _BUCKETS for record in records})
        await tx.execute(_SQL["queue_up"], _QUEUES, buckets)
        await tx.execute(_SQL["put"], topic, [record.key for record in records], [record.value for record in records])
        await tx.execute(_SQL["ring"])


async def relay(database: Database, log: Log, stop: asyncio.Event, settings: OutboxSettings | None = None) -> None:
    """Move records from the outbox to `log` until `stop` is set. Any number may run; one at a time works.

    Waits out a database or a log that is away. A relay that loses the database while the log answers slowly may
    publish a batch again later: consumers tell such a repetition by the version in the record.
    """
    chosen = settings or OutboxSettings()
    pause = 0.1
    async with database.notices("outbox") as notified:
        while not stop.is_set():
            notified.clear()
            try:
                moved = await _move(database, log, chosen)
            except CityError as error:  # a wrong configuration too: the records stay until it is right
                _log.warning("the outbox waits %.1f s: %s", pause, error)
                await first_of(stop, within=pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = 0.1
            if not moved:
                await first_of(stop, notified, within=chosen.look_again_seconds)


async def _move(database: Database, log: Log, settings: OutboxSettings) -> int:
    """Publish the oldest records and delete exactly those; 0 when there are none or another relay is at work.

    Deleting by id, not up to an id, is what leaves a record alone whose transaction commits late.
    """
    async with database.transaction() as tx:
        if not await tx.fetchval(_SQL["alone"], _RELAY):
            return 0
        rows = await tx.fetch(_SQL["oldest"], settings.batch_records, settings.batch_bytes)
        by_topic: dict[str, list[NewRecord]] = {}
        for row in rows:
            by_topic.setdefault(row["topic"], []).append(NewRecord(row["key"], row["value"]))
        for topic, records in by_topic.items():
            await log.append(topic, records)
        await tx.execute(_SQL["delete"], [row["id"] for row in rows])
    return len(rows)
