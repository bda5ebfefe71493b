"""A member of a consumer group on Kafka, whose place in each partition is kept outside Kafka."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from broker.errors import Unavailable
from broker.log.settings import KafkaSettings
from broker.ports import Positions, Record

_HAND_OVER_SECONDS = 3.0

_log = logging.getLogger(__name__)


class Member(Protocol):
    """What the client library does for us. All raise `Unavailable`."""

    async def fetch(self, most: int, wait: float) -> list[Record]:
        """Up to `most` records of the partitions assigned, each partition in order."""

    async def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """The present end of each partition, asked of the brokers."""

    def seek(self, partition: int, offset: int) -> None:
        """Fetch from `offset` on."""

    async def leave(self) -> None:
        """Leave the group."""


class KafkaConsumer:
    """`broker.ports.Consumer`. Only records at or after the place loaded for a partition are ever handed out."""

    def __init__(
        self, member: Member, positions: Positions, *, topic: str, group: str, settings: KafkaSettings
    ) -> None:
        self._member = member
        self._positions = positions
        self._topic = topic
        self._group = group
        self._silence = settings.request_seconds
        self._held: frozenset[int] = frozenset()
        self._next: dict[int, int] = {}
        self._decisions = 0
        self._nothing_in_hand = asyncio.Event()
        self._nothing_in_hand.set()
        self._heard = time.monotonic()

    async def poll(self, *, max_records: int, wait: float) -> list[Record]:
        """See `broker.ports.Consumer.poll`."""
        self._nothing_in_hand.set()
        deadline = time.monotonic() + wait
        while True:
            await self._place()
            fetched = await self._member.fetch(max_records, max(0.0, deadline - time.monotonic()))
            if records := [record for record in fetched if self._is_due(record)]:
                self._next.update({record.partition: record.offset + 1 for record in records})
                self._nothing_in_hand.clear()
                self._heard = time.monotonic()
                return records
            if time.monotonic() >= deadline:
                await self._make_sure()
                return []

    async def rewind(self) -> None:
        """See `broker.ports.Consumer.rewind`."""
        self._nothing_in_hand.set()
        self._next.clear()
        await self._place()

    async def lag(self) -> int:
        """See `broker.ports.Consumer.lag`. The ends that fetches bring are old ones while records wait in hand."""
        reached = dict(self._next)
        ends = await self._member.ends(reached)
        return sum(max(0, ends[partition] - at) for partition, at in reached.items())

    async def close(self) -> None:
        """See `broker.ports.Consumer.close`."""
        self._nothing_in_hand.set()
        self._share(())
        try:
            await self._member.leave()
        except Unavailable as error:
            _log.warning("left %s of %s without saying so: %s", self._group, self._topic, error)

    async def let_go(self) -> None:
        """The group shares out anew. Return when what was polled has been handled, or after three seconds.

        Longer would hold up the others; then the stored positions fence us off.
        """
        self._share(())
        try:
            await asyncio.wait_for(self._nothing_in_hand.wait(), _HAND_OVER_SECONDS)
        except TimeoutError:
            _log.info("%s of %s gives partitions up with records in hand", self._group, self._topic)

    def take_over(self, partitions: Iterable[int]) -> None:
        """The group has decided: these are ours."""
        self._share(partitions)

    def _share(self, partitions: Iterable[int]) -> None:
        self._held = frozenset(partitions)
        self._next.clear()
        self._decisions += 1

    def _is_due(self, record: Record) -> bool:
        at = self._next.get(record.partition)
        return at is not None and record.offset >= at

    async def _place(self) -> None:
        """Start at the stored position in every partition held that has no place yet."""
        while gained := sorted(self._held - self._next.keys()):
            decisions = self._decisions
            stored = await self._positions.load(self._group, self._topic, gained)
            ends = await self._member.ends(gained)
            if decisions != self._decisions:
                continue
            for partition in gained:
                at, end = stored[partition], ends[partition]
                if at > end:
                    raise Unavailable(
                        f"{self._group} stands at {at} in {self._topic}/{partition}, which ends at {end}: the log lost"
                        " records or is another one; restore it, or set the position back"
                    )
                self._member.seek(partition, at)
                self._next[partition] = at

    async def _make_sure(self) -> None:
        """After a long silence, ask: a log that does not answer looks like one where nothing happens."""
        if self._held and time.monotonic() - self._heard > self._silence:
            await self._member.ends(sorted(self._held))
            self._heard = time.monotonic()
