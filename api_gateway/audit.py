"""The audit trail: who did what, to what, for which purpose, from where, and whether it was allowed.

A line about a change is written in the change's own transaction: there is no change without its line.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from starlette.requests import Request

from api_gateway.context import gateway_of
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.oauth", "audit")
_LONGEST = 500
PURPOSE_HEADER = "cityos-purpose"


class Line(NamedTuple):
    """One line. `actor` is a person's or an app's id, or empty for a stranger; `client` the app that spoke."""

    action: str
    object: str
    actor: str = ""
    client: str = ""
    purpose: str = ""
    allowed: bool = True
    detail: str = ""


def purpose_of(request: Request) -> str:
    """What the caller says it wants the data for, empty where it does not say."""
    return request.headers.get(PURPOSE_HEADER, "")


async def note(tx: Transaction, request: Request, line: Line) -> None:
    """Write a line, in the tenant's transaction."""
    address = request.client.host if request.client else ""
    await tx.execute(_SQL["add"], gateway_of(request).clock(), *_texts(line), address, line.allowed)


async def note_alone(request: Request, tenant: str, line: Line) -> None:
    """Write a line in a transaction of its own: about what changed nothing, such as a refusal."""
    async with gateway_of(request).database.transaction(tenant) as tx:
        await note(tx, request, line)


async def lines(tx: Transaction, *, before: int | None, limit: int) -> list[dict[str, Any]]:
    """The newest lines before the number `before`, newest first."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], before, limit)]


async def exported(
    tx: Transaction, tenant: str, since: datetime, until: datetime, after: int, limit: int
) -> list[dict[str, Any]]:
    """A tenant's lines of a time in order, after the number `after`, for carrying away."""
    return [dict(row) for row in await tx.fetch(_SQL["export"], tenant, since, until, after, limit)]


def _texts(line: Line) -> tuple[str, ...]:
    """Text as it is stored: bounded, and without the one character that PostgreSQL cannot hold."""
    fields = (line.actor, line.client, line.action, line.object, line.purpose, line.detail)
    return tuple(text.replace("\x00", "\ufffd")[:_LONGEST] for text in fields)
