"""Entities of registered devices: what a gauge is (name, place, river) is there before it has measured anything."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.entities.merge import EntityUpdate
from broker.errors import Conflict, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.store.devices import changed_since
from broker.store.entities import EntityWriter
from broker.waiting import rounds
from schemas.clock import Clock
from schemas.device import parse_profile

_SQL = load("broker.store", "devices")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(minutes=10)
_POLL_SECONDS = 300.0
_log = logging.getLogger(__name__)


class Describer:
    """Writes the attributes in devices' profiles to their entities whenever a device was registered or changed.

    Describing twice changes nothing, so the whole registry is gone through once at the start, and afterwards what
    changed since, with an overlap for transactions that commit late.
    """

    def __init__(self, database: Database, entities: EntityWriter, clock: Clock) -> None:
        self._database = database
        self._entities = entities
        self._clock = clock
        self._since = _BEGINNING
        self._described: defaultdict[tuple[datetime, str], set[str]] = defaultdict(set)

    async def run(self, stop: asyncio.Event) -> None:
        """Describe at every notice of the registry and every five minutes, until `stop`."""
        async with self._database.notices("device") as noticed:
            async for _ in rounds(noticed, stop=stop, every=_POLL_SECONDS):
                try:
                    await self.describe_changed()
                except (Conflict, Unavailable) as error:
                    _log.warning("devices are described later: %s", error)

    async def describe_changed(self) -> int:
        """Describe the devices that changed since the last time; returns how many."""
        described = 0
        async for rows in changed_since(self._database, _SQL["to_describe"], self._since - _OVERLAP):
            fresh = [row for row in rows if row["id"] not in self._described[row["updated_at"], row["tenant"]]]
            async with self._database.transaction() as tx:
                await self._describe(tx, fresh)
            for row in fresh:
                self._described[row["updated_at"], row["tenant"]].add(row["id"])
            self._since = max(self._since, rows[-1]["updated_at"])
            described += len(fresh)
        recent = self._since - _OVERLAP
        for when in [when for when in self._described if when[0] < recent]:
            del self._described[when]
        return described

    async def _describe(self, tx: Transaction, rows: Sequence[Any]) -> None:
        updates: defaultdict[str, list[EntityUpdate]] = defaultdict(list)
        for row in rows:
            if attributes := _attributes(row):
                update = EntityUpdate(row["entity_id"], (row["entity_type"],), attributes, frozenset(attributes))
                updates[row["tenant"]].append(update)
        for tenant, of_tenant in sorted(updates.items()):
            await self._entities.write(tx, tenant, of_tenant, at=self._clock())


def _attributes(row: Any) -> dict[str, Any]:
    try:
        return parse_profile(json.loads(row["profile"])).attributes
    except ValueError:
        _log.exception("device %s of %s is not described", row["id"], row["tenant"])
        return {}
