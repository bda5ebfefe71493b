"""Notifications of registrations (ETSI GS CIM 009, 5.11.7, 5.3.2): queued in the transaction that changes them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from broker.errors import UNREADABLE, CityError
from broker.jsonld.context import CORE, Context, sources_of
from broker.jsonld.library import ContextLibrary
from broker.ports import Transaction
from broker.sql import load
from broker.store import sources
from broker.subscriptions.discovery import Sought, fitting, sought_by
from broker.subscriptions.documents import REGISTRATION_MEMBERS, context_of, csf_of, registration_renamed
from broker.subscriptions.members import check_paces
from schemas.clock import Clock, iso

_SQL = load("broker.store", "announcements")
_MOST_AT_ONCE = 1000
_log = logging.getLogger(__name__)
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
            sought = self._sought(doc)
            if sought is None:
                continue
            before = await self._matching(tx, tenant, doc, sought, [] if old is None else [old])
            after = await self._matching(tx, tenant, doc, sought, [] if new is None else [new])
            if after:
                await self._tell(tx, tenant, row, doc, after, "updated" if before else "newlyMatching")
            elif before:
                await self._tell(tx, tenant, row, doc, before, "noLongerMatching")

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
        sought = self._sought(doc)
        if sought is None:
            await tx.execute(_SQL["told"], row["tenant_id"], row["id"], None, None)
            return
        rows = await tx.fetch(_SQL["registrations"], row["tenant_id"], now, _MOST_AT_ONCE)
        found = await self._matching(tx, tenant, doc, sought, [orjson.loads(kept["doc"]) for kept in rows])
        if found:
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
        context, now = await self._context(tenant, doc.get("@context", [])), self._clock()
        shown = [
            registration_renamed({name: value for name, value in one.items() if name not in _SECRET}, context.compact)
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

    async def _matching(
        self,
        tx: Transaction,
        tenant: str,
        doc: Mapping[str, Any],
        sought: Sought,
        registrations: Sequence[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        """Those that are sought and whose Context Source Properties fulfil the subscription's `csf`."""
        found = [one for registration in registrations if (one := _fitting(registration, sought)) is not None]
        if "csf" in doc and found:
            csf = csf_of(doc, await self._context(tenant, context_of(doc, "csf")))
            passed = await sources.fitting(tx, csf.where, found, REGISTRATION_MEMBERS) if csf is not None else ()
            found = [one for one in found if one["id"] in passed]
        return found

    async def _context(self, tenant: str, given: Any) -> Context:
        try:
            return await self._contexts.resolve(tenant, sources_of(given))
        except CityError:
            # Names as full IRIs tell the same; a context that is away must not silence a city.
            return CORE

    def _sought(self, doc: Mapping[str, Any]) -> Sought | None:
        """What the subscription seeks; None for one that has expired or cannot be read."""
        try:
            in_force = "expiresAt" not in doc or datetime.fromisoformat(doc["expiresAt"]) > self._clock()
            check_paces(doc)
            csf_of(doc, CORE)
            return sought_by(doc) if in_force else None
        except UNREADABLE as error:
            _log.error("the subscription %s to registrations is passed over: %s", doc.get("id"), error)
            return None

    @staticmethod
    def _next(doc: Mapping[str, Any], now: datetime) -> datetime | None:
        return now + timedelta(seconds=doc["timeInterval"]) if "timeInterval" in doc else None


def _fitting(registration: Mapping[str, Any], sought: Sought) -> dict[str, Any] | None:
    try:
        return fitting(registration, sought)
    except UNREADABLE as error:
        _log.error("the registration %s is passed over: %s", registration.get("id"), error)
        return None
