"""What the clock brings: who has not arrived, a new epoch's pseudonyms, open counts, and what is past its time."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import msgspec

from broker.entities.merge import EntityUpdate
from broker.ports import Database, Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from broker.store.retention import cutoffs
from broker.veil import Veil
from schemas.clock import Clock, iso
from services.presence import store
from services.presence.keying import key_all
from services.presence.places import Fences
from services.presence.rules import due
from services.presence.settings import TagsSettings
from services.presence.store import SQL, TAG, Noted, Wearer
from services.presence.telling import Teller
from services.presence.track import Watch

_LATE_REPORTS = timedelta(hours=2)
"""An hour is counted for the open data only when vehicles that were out of reach have reported."""
_COUNTED_HOURS = 6
_SEARCHES = load("services.presence", "search")
_HOUR = timedelta(hours=1)


class Keeper:
    """Each method is one round in transactions of its own; doing it again changes nothing."""

    def __init__(
        self, database: Database, veil: Veil, settings: TagsSettings, teller: Teller, writer: EntityWriter, clock: Clock
    ) -> None:
        self._database, self._veil, self._settings = database, veil, settings
        self._teller, self._writer, self._clock = teller, writer, clock
        self._template = Watch(Fences({}), settings.window_s, settings.unseen_after_s, settings.dwell_s)

    async def look(self) -> int:
        """Tell of wearers who are unseen or have not arrived, each once. How many events were found."""
        now, count = self._clock(), 0
        async with self._database.transaction() as tx:
            by_tenant = defaultdict(list)
            for row in await tx.fetch(SQL["ruled"]):
                by_tenant[row["tenant"], row["tenant_id"]].append(row)
            for (tenant, number), rows in sorted(by_tenant.items()):
                tags = [row["tag_id"] for row in rows]
                watched = await store.load_watched(tx, self._veil, tenant, number, tags, self._template)
                found = sorted(
                    Noted(row["tag_id"], one.kind, one.place, one.at, one.window)
                    for row in rows
                    if row["tag_id"] in watched
                    for rule in watched[row["tag_id"]].rules
                    if (one := due(rule, store.decode_state(row["current"]), now)) is not None
                )
                if found:
                    await self._teller.note(tx, tenant, number, found, watched)
                count += len(found)
        return count

    async def key(self) -> int:
        """Give the rows of before their keyed names. How many tags."""
        return await key_all(self._database, self._veil)

    async def name(self) -> int:
        """Give tags their pseudonyms: of this epoch and its neighbours, or of the names to come. How many tags."""
        now, count = self._clock(), 0
        for epoch in {self._veil.epoch_of(now + timedelta(days=days)) for days in (-1, 0, 1)}:
            async with self._database.transaction() as tx:
                for row in await tx.fetch(SQL["unaliased"], epoch):
                    await self._alias(tx, row, now, now)
                    count += 1
        async with self._database.transaction() as tx:
            for row in await tx.fetch(SQL["rotating"], now + store.NAMED_AHEAD / 2):
                await self._alias(tx, row, row["named_until"], now)
                await tx.execute(SQL["named_until"], row["tenant_id"], row["id"], now + store.NAMED_AHEAD)
                count += 1
        return count

    async def _alias(self, tx: Transaction, row: Any, since: datetime, now: datetime) -> None:
        code = msgspec.json.decode(self._veil.open(row["tenant"], TAG, row["sealed"]), type=Wearer).code
        names = store.aliases(self._veil, row["tenant"], code, since, now)
        await tx.execute(SQL["add_aliases"], row["tenant_id"], row["id"], *names)

    async def publish(self) -> int:
        """Write `CrowdFlowObserved` for each detector and hour in which enough tags were heard. How many.

        Fewer than the city's least number are not told at all, so nobody can be told from a small count; and an hour is
        told once, so nobody can be told from what a later count of it has more.
        """
        now = self._clock()
        until = (now - _LATE_REPORTS).replace(minute=0, second=0, microsecond=0)
        since = until - _COUNTED_HOURS * _HOUR
        updates: defaultdict[str, list[EntityUpdate]] = defaultdict(list)
        async with self._database.transaction() as tx:
            for row in await tx.fetch(SQL["flows"], since, until, self._settings.flow_least):
                updates[row["tenant"]].append(_flow(row["detector"], row["decided"], row["people"]))
            for tenant, ones in sorted(updates.items()):
                await self._writer.write(tx, tenant, ones, at=now)
            await tx.execute(SQL["drop_told"], since - timedelta(days=1))
        return sum(map(len, updates.values()))

    async def forget(self) -> int:
        """Drop the days whose time is over, tenant by tenant; what was dropped is noted as proof. How many days."""
        now, dropped = self._clock(), 0
        async with self._database.transaction() as tx:
            for kind in ("tag_cell", "tag_flow"):
                for cutoff in await cutoffs(tx, kind, now):
                    dropped += await tx.fetchval(SQL["drop_days"], kind, cutoff.tenant_id, cutoff.before.date())
                    if kind == "tag_cell":
                        await tx.execute(SQL["drop_checkpoints"], cutoff.tenant_id, cutoff.before.date())
                        await tx.execute(SQL["drop_aliases"], cutoff.tenant_id, cutoff.before)
            for cutoff in await cutoffs(tx, "tag_event", now):
                await tx.execute(SQL["drop_events"], cutoff.tenant_id, cutoff.before)
            for cutoff in await cutoffs(tx, "tag_search", now):
                await tx.execute(_SEARCHES["drop_closed"], cutoff.tenant_id, cutoff.before)
        return dropped


def _flow(detector: str, hour: datetime, people: int) -> EntityUpdate:
    """Smart Data Models, CrowdFlowObserved: how many tags one detector heard in one hour."""
    at = iso(hour)
    attributes = {
        "peopleCount": {"type": "Property", "value": people, "observedAt": at},
        "dateObserved": {"type": "Property", "value": f"{at}/{iso(hour + _HOUR)}", "observedAt": at},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{detector}", "observedAt": at},
    }
    return EntityUpdate(f"urn:ngsi-ld:CrowdFlowObserved:{detector}", ("CrowdFlowObserved",), attributes)
