"""Delegations: the city whose data they are gives and takes back; the database holds every read to them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, NamedTuple

from access.defaults import PERSONAL_TYPES
from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.tenancy", "delegation")


class NewDelegation(NamedTuple):
    """Entities of `types`, with their history, for the city `reader`, from `since` until before `until`."""

    reader: str
    types: tuple[str, ...]
    purpose: str
    since: datetime
    until: datetime | None


async def delegate(tx: Transaction, tenant: str, wanted: NewDelegation, by: str, now: datetime) -> str:
    """Let another city read, and return the delegation's id. `tx` is of `tenant`, who gives.

    Raises `Invalid` for data about persons (each disclosure of those has a ground of its own), for a time that is
    over, and for a reader that is the city itself or none.
    """
    if personal := sorted(PERSONAL_TYPES & set(wanted.types)):
        raise Invalid(
            f"{', '.join(personal)} is about persons and is disclosed case by case, never delegated", field="types"
        )
    if wanted.reader == tenant:
        raise Invalid("a city reads its own data without being allowed to", field="reader")
    if wanted.until is not None and wanted.until <= max(wanted.since, now):
        raise Invalid("the delegation would be over before it begins", field="until")
    number = secrets.token_urlsafe(12)
    parameters = (sorted(set(wanted.types)), wanted.purpose, wanted.since, wanted.until, by, now)
    if await tx.fetchval(_SQL["add"], wanted.reader, number, *parameters) is None:
        raise Invalid(f"there is no tenant named {wanted.reader!r}", field="reader")
    return number


async def delegations(tx: Transaction) -> list[dict[str, Any]]:
    """What this city gave and what it was given, the newest first."""
    return [dict(row) for row in await tx.fetch(_SQL["list"])]


async def revoke(tx: Transaction, number: str, by: str, now: datetime) -> None:
    """Take one back. Whoever reads next reads nothing. Raises `NotFound` for one that is not this city's to take."""
    if await tx.fetchval(_SQL["revoke"], number, now, by) is None:
        raise NotFound(f"this city gave no delegation {number} that is still in force")
