"""What a person is shown about themself: what they allowed, what was disclosed, who looked in an emergency."""

from __future__ import annotations

from typing import Any

from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.consent", "reading")
_MOST = 500


async def consents(tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
    """Consents given, those in force first, withdrawn ones too."""
    return [dict(row) for row in await tx.fetch(_SQL["consents"], tenant, person, _MOST)]


async def disclosures(
    tx: Transaction, tenant: str, person: str, *, before: int | None = None, limit: int = 50, own: bool = True
) -> list[dict[str, Any]]:
    """The newest disclosures and refusals before the number `before`, newest first; the person's own looks if `own`."""
    return [dict(row) for row in await tx.fetch(_SQL["disclosures"], tenant, person, before, limit, own)]


async def emergencies(tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
    """Emergency accesses with their reason, how often they were used, and what their review found."""
    return [dict(row) for row in await tx.fetch(_SQL["emergencies"], tenant, person, _MOST)]


async def links(tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
    """The services' records that are about the person."""
    return [dict(row) for row in await tx.fetch(_SQL["links"], tenant, person, _MOST)]


async def guardianships(tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
    """Who stands for the person, and for whom the person stands; ended ones too."""
    return [dict(row) for row in await tx.fetch(_SQL["guardians"], tenant, person, _MOST)]


async def evidence(tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
    """The signed statements about the person, oldest first: each proves itself (`access.evidence`)."""
    return [dict(row) for row in await tx.fetch(_SQL["evidence"], tenant, person, 100_000)]


async def search(tx: Transaction, tenant: str, text: str, *, after: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Persons whose name holds `text`, or whose id it is; for staff."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await tx.fetch(_SQL["persons"], tenant, after, f"%{escaped}%", text, limit)
    return [dict(row) for row in rows]
