"""Rides as what is held of persons: exported whole; erased but for rides that are still to come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.consent.holdings import Erased
from broker.consent.register import references
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import JST

_SQL = load("services.dispatch", "personal")
SERVICE = "dispatch"
"""The name in links: the reference is the rider's name in the bookings. An account's own id is a rider's too."""


class RidesHolding:
    """The bookings of a rider."""

    service = SERVICE
    category = "rides"

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """Each booking with what was promised (minutes after midnight in Japan)."""
        return [dict(row) for row in await self._rides(tx, tenant, person)]

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """Past and cancelled rides stay as rides of nobody; those still to come stay until ridden or cancelled."""
        riders = await self._riders(tx, tenant, person)
        done = await tx.execute(_SQL["forget"], tenant, riders, now.astimezone(JST).date(), now)
        kept = len(await self._rides(tx, tenant, person))
        why = "これから乗る予約は、運行のため乗車か取消まで残ります。" if kept else ""
        return Erased(category=self.category, service=SERVICE, erased=int(done.split()[-1]), kept=kept, why=why)

    async def _rides(self, tx: Transaction, tenant: str, person: str) -> list[Any]:
        return await tx.fetch(_SQL["rides"], tenant, await self._riders(tx, tenant, person))

    async def _riders(self, tx: Transaction, tenant: str, person: str) -> list[str]:
        return [person, *await references(tx, tenant, person, SERVICE)]
