"""The one consume loop: a batch of records, one transaction, its effects and its position together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from broker import telemetry
from broker.errors import Conflict, Fenced, Unavailable
from broker.ports import Consumer, Database, Log, Record, Transaction
from broker.store import parked
from broker.store.positions import PostgresPositions, advance

Handle = Callable[[Transaction, Sequence[Record]], Awaitable[None]]
"""Applies records within the transaction given. It may run again for the same records after a failure."""

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 5.0
_ROUND_SECONDS = 1.0


class Subscription(NamedTuple):
    """What to consume, as whom."""

    topic: str
    group: str
    max_records: int = 2000
    wait: float = 1.0


class Consumption:
    """Feeds `handle` with a topic's records until told to stop.

    A record whose handling fails by a fault of ours (not by an unreachable or contended database, which is
    retried) is set aside in `parked_record`, so that one poisonous record does not stop a city's stream. Those that a
    person asks for again (`cityos parked replay`) are handled between two batches, each in a transaction of its own,
    after what came later: as with any record that comes late.
    `committed` is called after each transaction of `handle` that was committed (for figures, not for effects).
    """

    def __init__(
        self,
        log: Log,
        database: Database,
        subscription: Subscription,
        handle: Handle,
        *,
        committed: Callable[[], None] | None = None,
    ) -> None:
        self._log = log
        self._database = database
        self._subscription = subscription
        self._handle = handle
        self._committed = committed
        self._labels = {"group": subscription.group, "topic": subscription.topic}
        self._next: dict[int, int] = {}
        self._last_round = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Waits out an unreachable log or database with a growing pause."""
        pause = 0.1
        while not stop.is_set():
            try:
                await self._consume(stop)
            except Unavailable as error:
                _log.warning("waiting %.1f s: %s", pause, error)
                await _pause(stop, pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _consume(self, stop: asyncio.Event) -> None:
        positions = PostgresPositions(self._database)
        consumer = await self._log.consumer(self._subscription.topic, self._subscription.group, positions)
        try:
            while not stop.is_set():
                records = await consumer.poll(max_records=self._subscription.max_records, wait=self._subscription.wait)
                if records:
                    await self._process(consumer, records)
                await self._now_and_then(consumer)
        finally:
            await consumer.close()

    async def _now_and_then(self, consumer: Consumer) -> None:
        """What costs a round trip to the log or the database: once a second, not once a batch."""
        now = time.monotonic()
        if now - self._last_round >= _ROUND_SECONDS:
            self._last_round = now
            telemetry.LAG.set(await consumer.lag(), self._labels)
            while await self._handle_parked():
                pass

    async def _process(self, consumer: Consumer, records: Sequence[Record]) -> None:
        try:
            await self._apply_or_set_aside(records)
        except (Conflict, Fenced) as error:
            _log.info("trying again: %s", error)
            self._next.clear()
            await consumer.rewind()
            await asyncio.sleep(0.02)
        except Unavailable:
            self._next.clear()
            raise

    async def _apply_or_set_aside(self, records: Sequence[Record]) -> None:
        try:
            await self._apply(records)
        except (Conflict, Fenced, Unavailable):
            raise
        except Exception:
            _log.exception("a batch of %d failed; taking its records one by one", len(records))
            await self._one_by_one(records)

    async def _apply(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        moves = await self._moves(records)
        async with self._database.transaction() as tx:
            await self._handle(tx, records)
            await advance(tx, self._subscription.group, self._subscription.topic, moves)
        self._next.update({partition: after for partition, (_, after) in moves.items()})
        telemetry.BATCH_TIME.record(time.monotonic() - started, self._labels)
        if self._committed is not None:
            self._committed()

    async def _moves(self, records: Sequence[Record]) -> dict[int, tuple[int, int]]:
        """From where to where each partition moves. Where this batch starts must be where the group stands."""
        partitions = {record.partition for record in records}
        if unknown := sorted(partitions - self._next.keys()):
            stored = PostgresPositions(self._database)
            self._next.update(await stored.load(self._subscription.group, self._subscription.topic, unknown))
        last = {record.partition: record.offset for record in records}
        for record in reversed(records):
            if record.offset < self._next[record.partition]:
                raise Fenced(f"{record.topic}/{record.partition} offset {record.offset} was handled already")
        return {partition: (self._next[partition], offset + 1) for partition, offset in last.items()}

    async def _one_by_one(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                await self._apply([record])
            except (Conflict, Fenced, Unavailable):
                raise
            except Exception as error:
                _log.exception("record %s/%d@%d is set aside", record.topic, record.partition, record.offset)
                await self._park(record, error)

    async def _park(self, record: Record, error: Exception) -> None:
        moves = await self._moves([record])
        async with self._database.transaction() as tx:
            await parked.set_aside(tx, self._subscription.group, record, error)
            await advance(tx, self._subscription.group, self._subscription.topic, moves)
        self._next.update({partition: after for partition, (_, after) in moves.items()})

    async def _handle_parked(self) -> bool:
        """Handle again one that was set aside and asked for. False where there is none, or it has to wait a round."""
        taken: parked.Parked | None = None
        try:
            async with self._database.transaction() as tx:
                taken = await parked.take(tx, self._subscription.group, self._subscription.topic)
                if taken is None:
                    return False
                await self._handle(tx, [taken.record])
                await parked.handled(tx, taken.id)
        except (Conflict, Fenced) as error:
            _log.info("trying again: %s", error)
            return False
        except Unavailable:
            raise
        except Exception as error:
            if taken is None:
                raise
            _log.exception("record %d failed again and stays set aside", taken.id)
            async with self._database.transaction() as tx:
                await parked.failed(tx, taken.id, error)
        else:
            if self._committed is not None:
                self._committed()
        return True


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
