"""Rides as what is held of persons: exported whole; erased but for rides that are still to come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.consent.holdings import Erased
from broker.consent.register import references
from broker.delivery.queue import take_back
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import JST
from services.dispatch import people

_SQL = load("services.dispatch", "personal")
SERVICE = "dispatch"
"""The name in links: the reference is the rider's id. Who books with an account of their own needs no link."""
_FORGET_RIDER = ("forget_told", "forget_riders", "forget_appointments")


class RidesHolding:
    """A rider: what is noted about them, their bookings, what they were told, appointments that booked rides."""

    service = SERVICE
    category = "rides"

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """One record of five lists (times of a promise are minutes after midnight in Japan)."""
        riders = await self._riders(tx, tenant, person)
        kinds = ("riders", "rides", "places", "told", "appointments")
        record = {kind: [dict(row) for row in await tx.fetch(_SQL[kind], tenant, riders)] for kind in kinds}
        return [record] if any(record.values()) else []

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """Past and cancelled rides stay as rides of nobody, between the stops nearest to their ends.

        Who has rides to come stays known until after them.
        """
        riders = await self._riders(tx, tenant, person)
        today = now.astimezone(JST).date()
        places = [row["id"] for row in await tx.fetch(_SQL["places"], tenant, riders)]
        await tx.execute(_SQL["forget_ends"], tenant, riders, today)
        await tx.execute(_SQL["forget_places"], tenant, places)
        done = await tx.execute(_SQL["forget_rides"], tenant, riders, today, now)
        erased, kept = int(done.split()[-1]), await tx.fetchval(_SQL["coming"], tenant, riders)
        if not kept:
            notices = [people.notice_id(row["id"]) for row in await tx.fetch(_SQL["noticed"], tenant, riders)]
            await take_back(tx, tenant, notices, sent_too=True)
            addresses = [row["mail"] for row in await tx.fetch(_SQL["riders"], tenant, riders)]
            for name in _FORGET_RIDER:
                when = (now,) if name != "forget_told" else ()
                erased += int((await tx.execute(_SQL[name], tenant, riders, *when)).split()[-1])
            await people.forget_mail(tx, tenant, addresses)
        why = "これから乗る予約と連絡先は、運行のため乗車か取消まで残ります。" if kept else ""
        return Erased(category=self.category, service=SERVICE, erased=erased, kept=kept, why=why)

    async def _riders(self, tx: Transaction, tenant: str, person: str) -> list[str]:
        own = [row["id"] for row in await tx.fetch(_SQL["own"], tenant, person)]
        return [person, *own, *await references(tx, tenant, person, SERVICE)]
