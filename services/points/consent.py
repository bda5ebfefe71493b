"""Which app may see, and act for, which resident's points: only by the resident's own consent, until withdrawn."""

from __future__ import annotations

from datetime import datetime

from broker.errors import Forbidden
from broker.ports import Transaction
from services.points.credentials import SQL


async def set_consent(tx: Transaction, client_id: str, account: str, now: datetime, *, given: bool) -> None:
    """Note that a resident gives an app consent, or withdraws it."""
    await tx.execute(SQL["consent"], client_id, account, now, given)


async def demand_consent(tx: Transaction, client_id: str, account: str) -> None:
    """Return if the resident's consent for the app stands. The refusal does not say whether the account exists."""
    if not await tx.fetchval(SQL["consented"], client_id, account):
        raise Forbidden("this app has no consent of that resident")
