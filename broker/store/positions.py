"""Where consumer groups stand: kept with the effects, advanced by compare-and-set in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.errors import Fenced
from broker.ports import Database, Transaction

_ADVANCE = """
insert into position (consumer, topic, partition, next) values ($1, $2, $3, $5)
on conflict (consumer, topic, partition) do update set next = $5 where position.next = $4
"""


class PostgresPositions:
    """Implements `broker.ports.Positions` over the table `position`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, group: str, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `broker.ports.Positions.load`."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(
                "select partition, next from position where consumer = $1 and topic = $2", group, topic
            )
        stored = {row["partition"]: row["next"] for row in rows}
        return {partition: stored.get(partition, 0) for partition in partitions}


async def advance(tx: Transaction, group: str, topic: str, moves: Mapping[int, tuple[int, int]]) -> None:
    """Move each partition from its first to its second offset. Raises `Fenced` where it no longer stands there."""
    for partition, (before, after) in sorted(moves.items()):
        if await tx.execute(_ADVANCE, group, topic, partition, before, after) != "INSERT 0 1":
            raise Fenced(f"{group} was displaced from {topic}/{partition}, which no longer stands at {before}")
