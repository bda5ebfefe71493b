"""The tenants: a city each, kept apart by row-level security."""

from __future__ import annotations

from typing import Any

from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "tenants")


async def add_tenant(tx: Transaction, name: str, *, title: str, code: str | None, reject_unknown: bool) -> bool:
    """Make a tenant; False where there is one of that name. An unknown device is quarantined, or rejected."""
    return await tx.fetchval(_SQL["add"], name, title, code, reject_unknown) is not None


async def list_tenants(tx: Transaction) -> list[dict[str, Any]]:
    """All tenants by name, with how many devices each has."""
    return [dict(row) for row in await tx.fetch(_SQL["list"])]
