"""Certificates bound to devices. Once one was bound, only those that are not revoked open the door for the device."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.errors import Conflict, NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "certificates")


async def bind(
    tx: Transaction, tenant: str, device: str, fingerprint: bytes, serial: str, expires_at: datetime
) -> None:
    """Bind a certificate, by SHA-256 of its DER, to a device.

    Raises `NotFound` for a device that is not there, `Conflict` for a certificate that was bound already.
    """
    number = await tx.fetchval(_SQL["certified"], tenant, device)
    if number is None:
        raise NotFound(f"tenant {tenant!r} has no device {device!r}")
    if (holder := await tx.fetchval(_SQL["bound"], number, fingerprint)) is not None:
        raise Conflict(f"this certificate was bound to {holder!r} already; one that was revoked is not bound again")
    await tx.execute(_SQL["bind"], number, device, fingerprint, serial, expires_at)


async def revoke(tx: Transaction, tenant: str, device: str, serial: str | None, at: datetime) -> int:
    """Revoke one certificate of a device or all, and wake whoever follows the registry; how many those were."""
    revoked = await tx.fetch(_SQL["revoke"], tenant, device, serial, at)
    if revoked:
        await tx.execute(_SQL["certified"], tenant, device)
    return len(revoked)


async def listed(tx: Transaction, tenant: str, device: str | None = None) -> list[dict[str, Any]]:
    """The tenant's certificates by device, or one device's, revoked ones too."""
    return [dict(row) for row in await tx.fetch(_SQL["list"], tenant, device)]
