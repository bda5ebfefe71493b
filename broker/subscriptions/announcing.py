"""Notifications of registrations (ETSI GS CIM 009, 5.11.7, 5.3.2): queued in the transaction that changes them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from broker.errors import CityError
from broker.jsonld.context import CORE, Context, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ports import Transaction
from broker.sql import load
from broker.subscriptions.discovery import fitting, sought_by
from broker.subscriptions.documents import renamed
from schemas.clock import Clock, iso

_SQL = load("broker.store", "announcements")
_MOST_AT_ONCE = 1000
_SECRET = ("contextSourceInfo",)
"""How a source wants to be asked may hold its keys: that is for this broker alone."""


class Announcer:
    """Tells subscribers which registrations match them newly, still or no longer."""

    def __init__(self, contexts: ContextLibrary, clock: Clock) -> None:
        self._contexts = contexts
        self._clock = clock

    async def changed(
        self, tx: Transaction, tenant: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
    ) -> None:
        """A registration came (`old` is None), went (`new` is None) or changed, in the transaction where it did."""
        for row in await tx.fetch(_SQL["subscribers"]):
            doc = orjson.loads(row["doc"])
            sought = sought_by(doc)
            before, after = (None if one is None else fitting(one, sought) for one in (old, new))
            if not self._in_force(doc) or (before is None and after is None):
                continue
            if after is None:
                await self._tell(tx, tenant, row, doc, [before] if before else [], "noLongerMatching")
            else:
                await self._tell(tx, tenant, row, doc, [after], "newlyMatching" if before is None else "updated")

    async def subscribed(self, tx: Transaction, tenant: str, id_: str) -> None:
        """Tell who subscribed, or changed the subscription, what matches now."""
        row = await tx.fetchrow(_SQL["subscriber"], id_)
        if row is not None:
            await self._tell_all(tx, tenant, row)

    async def tell_due(self, tx: Transaction) -> None:
        """Tell the subscribers whose `timeInterval` has passed; `tx` is the system's."""
        for row in await tx.fetch(_SQL["due"], self._clock()):
            await self._tell_all(tx, row["tenant"], row)

    async def _tell_all(self, tx: Transaction, tenant: str, row: Mapping[str, Any]) -> None:
        doc, now = orjson.loads(row["doc"]), self._clock()
        rows = await tx.fetch(_SQL["registrations"], row["tenant_id"], now, _MOST_AT_ONCE)
        sought = sought_by(doc)
        found = [one for kept in rows if (one := fitting(orjson.loads(kept["doc"]), sought)) is not None]
        if found and self._in_force(doc):
            await self._tell(tx, tenant, row, doc, found, "newlyMatching")
        elif "timeInterval" in doc:
            await tx.execute(_SQL["told"], row["tenant_id"], row["id"], None, self._next(doc, now))

    async def _tell(
        self,
        tx: Transaction,
        tenant: str,
        row: Mapping[str, Any],
        doc: Mapping[str, Any],
        found: list[dict[str, Any]],
        reason: str,
    ) -> None:
        context, now = await self._context(tenant, doc), self._clock()
        shown = [
            renamed({name: value for name, value in one.items() if name not in _SECRET}, context.compact)
            for one in found
        ]
        body: dict[str, Any] = {
            "id": f"urn:ngsi-ld:ContextSourceNotification:{uuid.uuid4()}",
            "type": "ContextSourceNotification",
            "subscriptionId": row["id"],
            "notifiedAt": iso(now),
            "data": shown,
            "triggerReason": reason,
        }
        if doc["notification"]["endpoint"].get("accept") == "application/ld+json":
            body = {"@context": context.given, **body}
        await tx.execute(_SQL["put"], row["tenant_id"], row["id"], orjson.dumps(body).decode())
        await tx.execute(_SQL["told"], row["tenant_id"], row["id"], now, self._next(doc, now))

    async def _context(self, tenant: str, doc: Mapping[str, Any]) -> Context:
        try:
            return await self._contexts.resolve(tenant, sources_of(doc.get("@context", [])))
        except CityError:
            # Names as full IRIs tell the same; a context that is away must not silence a city.
            return CORE

    def _in_force(self, doc: Mapping[str, Any]) -> bool:
        return "expiresAt" not in doc or datetime.fromisoformat(doc["expiresAt"]) > self._clock()

    @staticmethod
    def _next(doc: Mapping[str, Any], now: datetime) -> datetime | None:
        return now + timedelta(seconds=doc["timeInterval"]) if "timeInterval" in doc else None
