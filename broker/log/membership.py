"""Which member of a consumer group reads which partitions of the PostgreSQL log.

The members of a group, in order of their names, share the partitions in turn. A member holds a partition by a
lease that lasts as long as the member is alive, that is, until it leaves or has been silent for the lease time;
nobody takes a partition from a living member, who lets go by itself when its share has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Sequence

from broker.errors import Unavailable
from broker.log.settings import PostgresLogSettings
from broker.log.wake import channel_of
from broker.ports import Database, Transaction
from broker.sql import load

_SQL = load("broker.log", "group")

_log = logging.getLogger(__name__)


def share_of(member: str, members: Sequence[str], partitions: int) -> set[int]:
    """The partitions that fall to `member` when `members`, sorted, take them in turn."""
    rank = sorted(members).index(member)
    return set(range(rank, partitions, len(members)))


class Membership:
    """One member's place in its group. `held` is what it may read while `alive()`."""

    def __init__(
        self, database: Database, topic: str, group: str, *, partitions: int, settings: PostgresLogSettings
    ) -> None:
        self.topic, self.group = topic, group
        self.generation = -1
        self.held: frozenset[int] = frozenset()
        self._database = database
        self._partitions = partitions
        self._settings = settings
        self._me = secrets.token_hex(8)
        self._until = self._renewed = self._settled = self._seen = float("-inf")
        self._moved = True
        self._beating: asyncio.Task[None] | None = None

    def alive(self) -> bool:
        """Whether nobody else can have taken our partitions yet."""
        return time.monotonic() < self._until

    def due(self) -> bool:
        """Whether `settle` should be called before the next read."""
        return self._moved or time.monotonic() > self._settled + self._settings.lease_seconds / 3

    def seen(self, generation: int | None = None) -> None:
        """The owner is at work, and has seen this generation of the group (None: none at all)."""
        self._seen = time.monotonic()
        self._moved = self._moved or (generation is not None and generation != self.generation)

    async def settle(self) -> None:
        """Join or renew, bury the dead, let go of what is no longer ours and take what is ours and free.

        Raises `Unavailable` when the database does not answer; then the lease runs out unless a later call succeeds.
        """
        asked = time.monotonic()
        async with self._database.transaction() as tx:
            held, generation = await self._settle(tx)
        self._renew(asked)
        self._settled = asked
        self.held, self.generation, self._moved = held, generation, False
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())

    async def leave(self) -> None:
        """Let go of everything and wake the others. If the database is away, the lease runs out by itself."""
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        self._until = float("-inf")
        self.held = frozenset()
        try:
            async with self._database.transaction() as tx:
                await tx.fetchval(_SQL["lock"], self.group, self.topic)
                await tx.execute(_SQL["leave"], self.group, self.topic, self._me)
                await self._proclaim(tx)
        except Unavailable as error:
            _log.warning("left %s of %s without saying so: %s", self.group, self.topic, error)

    async def _settle(self, tx: Transaction) -> tuple[frozenset[int], int]:
        place = (self.group, self.topic)
        generation: int | None = await tx.fetchval(_SQL["lock"], *place)
        if generation is None:
            await tx.execute(_SQL["found"], *place)
            generation = await tx.fetchval(_SQL["lock"], *place)
        buried = await tx.fetch(_SQL["bury"], *place, self._me)
        joined = await tx.fetchval(_SQL["enlist"], *place, self._me, self._settings.lease_seconds)
        members = [row["member"] for row in await tx.fetch(_SQL["members"], *place)]
        leases = {row["partition"]: row["member"] for row in await tx.fetch(_SQL["leases"], *place)}
        share = share_of(self._me, members, self._partitions)
        held = {partition for partition, member in leases.items() if member == self._me}
        surplus, free = sorted(held - share), sorted(share - leases.keys())
        if surplus:
            await tx.execute(_SQL["release"], *place, self._me, surplus)
        if free:
            await tx.execute(_SQL["take"], *place, self._me, free)
        if buried or joined or surplus:
            generation = await self._proclaim(tx)
        return frozenset((held | set(free)) - set(surplus)), int(generation or 0)

    async def _proclaim(self, tx: Transaction) -> int | None:
        generation: int | None = await tx.fetchval(_SQL["proclaim"], self.group, self.topic)
        await tx.execute(_SQL["ring"], channel_of(self.topic))
        return generation

    def _renew(self, asked: float) -> None:
        """The lease counts from before we asked, so ours ends no later than the database says."""
        self._until, self._renewed = asked + self._settings.lease_seconds, asked

    async def _beat(self) -> None:
        """Stay alive while the owner handles what it polled, but not if it seems stuck."""
        pause = self._settings.lease_seconds / 3
        while True:
            await asyncio.sleep(pause)
            asked = time.monotonic()
            if asked - self._renewed < pause or asked - self._seen > self._settings.processing_seconds:
                continue
            try:
                async with self._database.transaction() as tx:
                    generation = await tx.fetchval(
                        _SQL["beat"], self.group, self.topic, self._me, self._settings.lease_seconds
                    )
            except Unavailable as error:
                _log.warning("%s of %s could not renew its lease: %s", self.group, self.topic, error)
                continue
            if generation is None:
                self._moved, self._until = True, float("-inf")
            else:
                self._renew(asked)
                self._moved = self._moved or generation != self.generation
