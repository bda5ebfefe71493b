"""What the broker needs from the outside: a log and a database. Drivers implement these; nothing else knows them.

Two topics carry everything: `observations` (what devices sent, keyed by device) and `changes` (what became of
entities, keyed by entity). A consumer's offsets are kept in PostgreSQL beside the effects they stand for and
advance by compare-and-set in the same transaction, so an effect happens once whichever driver carries the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

OBSERVATIONS = "observations"
CHANGES = "changes"

MAX_RECORD_BYTES = 1_048_576
"""The largest record value the log carries (1 MiB)."""


class NewRecord(NamedTuple):
    """A record to append. Records of one key keep their order."""

    key: bytes
    value: bytes


class Record(NamedTuple):
    """A record read back. `offset` counts up by one in its partition, without gaps in the PostgreSQL driver."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    appended_at: datetime


class Consumer(Protocol):
    """One member of a consumer group. Not to be shared between tasks."""

    async def poll(self, *, max_records: int, wait: float) -> list[Record]:
        """The next records of the partitions this member holds, each partition in order; empty after `wait` seconds.

        Raises `Unavailable` when the log does not answer.
        """

    async def rewind(self) -> None:
        """Forget what was polled and start again from the stored positions (after a failed transaction)."""

    async def lag(self) -> int:
        """How many records of the partitions held have been appended and not yet polled."""

    async def close(self) -> None:
        """Leave the group, so that others take over at once."""


class Positions(Protocol):
    """Where a group stands, as stored with its effects."""

    async def load(self, group: str, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        """The next offset to consume for each partition; 0 where none is stored."""


class Log(Protocol):
    """An append-only log of topics in partitions. A record's partition is a hash of its key (CRC-32, modulo)."""

    async def append(self, topic: str, records: Sequence[NewRecord]) -> None:
        """Return once every record is durable. Raises `Unavailable`; then some may be stored, so retrying may
        duplicate, which consumers must bear."""

    async def consumer(self, topic: str, group: str, positions: Positions) -> Consumer:
        """Join `group`. Partitions are shared among its members and move when members come, leave or die."""

    async def read(self, topic: str, partition: int, offset: int, *, limit: int) -> list[Record]:
        """Records from `offset` on, outside any group (replay, tools, event streams)."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset that the next record of each partition will get."""

    async def offsets_at(self, topic: str, at: datetime) -> Mapping[int, int]:
        """Per partition the first offset appended at or after `at` (the end where there is none)."""

    async def close(self) -> None:
        """Release connections."""


class Transaction(Protocol):
    """An open database transaction (an asyncpg connection has this shape)."""

    async def execute(self, query: str, *args: Any) -> str: ...

    async def executemany(self, query: str, args: Any) -> None: ...

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...

    async def fetchrow(self, query: str, *args: Any) -> Any: ...

    async def fetchval(self, query: str, *args: Any) -> Any: ...


class Database(Protocol):
    """The store. One message or request is one transaction, committed where it was opened."""

    def transaction(self, tenant: str | None = None) -> AbstractAsyncContextManager[Transaction]:
        """A transaction seen as `tenant` (row-level security shows only its rows), or as the system when None.

        Raises `Unavailable` when the database does not answer, `Forbidden` when this role may not be the system,
        `NotFound` for an unknown tenant.
        """

    def notices(self, channel: str) -> AbstractAsyncContextManager[Any]:
        """An `asyncio.Event` set whenever the channel is notified (and once after every reconnection)."""

    async def close(self) -> None:
        """Close the pool."""


class Outlet(Protocol):
    """Puts records on the log as part of a database transaction: they appear if and only if it commits."""

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        """Append (PostgreSQL log) or hand to the outbox that is relayed to the log (Kafka)."""
