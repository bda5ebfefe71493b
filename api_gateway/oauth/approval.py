"""What a municipality decides about apps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from api_gateway.oauth.ending import revoke
from api_gateway.oauth.registration import app_of
from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("api_gateway.oauth", "oauth")


async def list_apps(tx: Transaction, *, after: str, limit: int) -> list[dict[str, Any]]:
    """The tenant's apps in order of id, with who registered them (null: a program, or the command line)."""
    rows = await tx.fetch(_SQL["apps"], after, limit)
    return [{**app_of(row), "owner": row["owner_id"]} for row in rows]


async def decide(tx: Transaction, client_id: str, allow: list[str]) -> list[str]:
    """Grant those of the pending scopes that are in `allow`, refuse the others; returns all that the app now has."""
    scopes = await tx.fetchval(_SQL["grant_scopes"], client_id, allow)
    if scopes is None:
        raise NotFound(f"there is no app {client_id}")
    return list(scopes)


async def set_status(tx: Transaction, client_id: str, status: Literal["active", "suspended"], now: datetime) -> None:
    """Suspend an app, and end what people had allowed it; or let it in again."""
    statement = "suspend_app" if status == "suspended" else "activate_app"
    if await tx.fetchval(_SQL[statement], client_id) is None:
        raise NotFound(f"there is no app {client_id}")
    if status == "suspended":
        ended = await tx.fetch(_SQL["grants_of_client"], client_id)
        await revoke(tx, sorted({row["grant_id"] for row in ended}), now)
