"""Entity maps (ETSI GS CIM 009, 5.2.39, 5.14): which entities a query found, and where each is known."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "entity_maps")
_MOST_OF_ONE, _MOST = 50, 1000
HERE = "@none"
"""Stands for this broker where sources are named."""


class Member(NamedTuple):
    """An entity, and the registrations of the sources that know it, or `HERE`."""

    entity: str
    sources: tuple[str, ...]


class EntityMap(NamedTuple):
    """The members in the order of the query."""

    id: str
    members: list[Member]
    expires_at: datetime


async def keep(tx: Transaction, owner: str, members: Sequence[Member], at: datetime, until: datetime) -> str:
    """Keep a map for its owner; returns its id. Beyond an owner's 50, or a city's 1,000, the oldest give way."""
    id_ = f"urn:ngsi-ld:EntityMap:{uuid.uuid4()}"
    listed = orjson.dumps([(member.entity, member.sources) for member in members]).decode()
    await tx.execute(_SQL["keep"], id_, owner, listed, at, until)
    await tx.execute(_SQL["bound"], owner, _MOST_OF_ONE, _MOST)
    return id_


async def one(tx: Transaction, id_: str, owner: str, now: datetime) -> EntityMap:
    """The map. Raises `NotFound` for one that is not there any more, or somebody else's."""
    row = await tx.fetchrow(_SQL["one"], id_, owner, now)
    if row is None:
        raise _unknown(id_)
    members = [Member(entity, tuple(sources)) for entity, sources in orjson.loads(row["members"])]
    return EntityMap(row["id"], members, row["expires_at"])


async def prolong(tx: Transaction, id_: str, owner: str, now: datetime, until: datetime) -> None:
    """Keep it until then. Raises `NotFound`."""
    if await tx.fetchval(_SQL["prolong"], id_, owner, now, until) is None:
        raise _unknown(id_)


async def delete(tx: Transaction, id_: str, owner: str, now: datetime) -> None:
    """Forget it. Raises `NotFound`."""
    if await tx.fetchval(_SQL["delete"], id_, owner, now) is None:
        raise _unknown(id_)


async def forget_expired(now: datetime, tx: Transaction, limit: int) -> int:
    """Forget up to `limit` maps that are past their time; say how many."""
    return int((await tx.execute(_SQL["forget"], now, limit)).rpartition(" ")[2])


def _unknown(id_: str) -> NotFound:
    return NotFound(f"there is no entity map {id_}, or not any more")
