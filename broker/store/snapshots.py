"""Snapshots (ETSI GS CIM 009, 4.3.7, 5.2.41, 5.16): entities as queries found them once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from broker.errors import Conflict, NotFound
from broker.ports import Transaction
from broker.sql import load
from broker.store.reading import Document, Where, columns_of

_SQL = load("broker.store", "snapshots")
_MOST_OF_ONE, _MOST = 20, 100


class Snapshot(NamedTuple):
    """What a snapshot says of itself; `doc` are its members that are no times."""

    id: str
    doc: dict[str, Any]
    created_at: datetime
    modified_at: datetime
    expires_at: datetime
    used_at: datetime


async def make(tx: Transaction, id_: str, owner: str, doc: Mapping[str, Any], at: datetime, until: datetime) -> None:
    """Make an empty snapshot. Of one owner twenty are kept, of a city a hundred: beyond that the one of least priority
    gives way, of equals the one that was used longest ago (5.5.15). Raises `Conflict` for an id that is taken."""
    if await tx.fetchval(_SQL["make"], id_, owner, orjson.dumps(doc).decode(), at, until) is None:
        raise Conflict(f"the snapshot {id_} exists already")
    await tx.execute(_SQL["bound"], id_, owner, _MOST_OF_ONE - 1, _MOST - 1)


async def fill(tx: Transaction, id_: str, found: Sequence[Document]) -> None:
    """Keep the entities; one that is there already gets the attributes that it lacks."""
    ordered = sorted(found, key=lambda document: document.id)
    await tx.execute(_SQL["fill"], id_, *columns_of(ordered))


async def copy(tx: Transaction, id_: str, to: str) -> None:
    """Keep in the snapshot `to` what `id_` holds."""
    await tx.execute(_SQL["copy"], id_, to)


async def one(tx: Transaction, id_: str, owner: str, now: datetime) -> Snapshot:
    """The snapshot. Raises `NotFound` for one that is not there any more, or somebody else's."""
    return _read(await tx.fetchrow(_SQL["one"], id_, owner, now), id_)


async def use(tx: Transaction, id_: str, owner: str, now: datetime) -> None:
    """Let selections `FROZEN` of this transaction be of the snapshot. Raises `NotFound`."""
    if await tx.fetchval(_SQL["use"], id_, owner, now) is None:
        raise _unknown(id_)


async def change(
    tx: Transaction, id_: str, owner: str, now: datetime, doc: Mapping[str, Any], until: datetime | None
) -> Snapshot:
    """Replace members, and where `until` says so when it expires. Raises `NotFound`."""
    return _read(await tx.fetchrow(_SQL["change"], id_, owner, now, orjson.dumps(doc).decode(), until), id_)


async def delete(tx: Transaction, id_: str, owner: str, now: datetime) -> None:
    """Forget it. Raises `NotFound`."""
    if await tx.fetchval(_SQL["delete"], id_, owner, now) is None:
        raise _unknown(id_)


async def purge(tx: Transaction, owner: str, now: datetime, condition: Where) -> list[str]:
    """Forget the owner's snapshots whose members fulfil the condition; which they were (5.16.7)."""
    places = [f"${index + 3}" for index in range(len(condition.values))]
    statement = _SQL["purge"].format(condition=condition.sql.format(*places))
    return [row["id"] for row in await tx.fetch(statement, owner, now, *condition.values)]


async def forget_expired(now: datetime, tx: Transaction, limit: int) -> int:
    """Forget up to `limit` snapshots that are past their time; say how many."""
    return int((await tx.execute(_SQL["forget"], now, limit)).rpartition(" ")[2])


def _read(row: Any, id_: str) -> Snapshot:
    if row is None:
        raise _unknown(id_)
    times = (row[name] for name in ("created_at", "modified_at", "expires_at", "used_at"))
    return Snapshot(row["id"], orjson.loads(row["doc"]), *times)


def _unknown(id_: str) -> NotFound:
    return NotFound(f"there is no snapshot {id_}, or not any more")
