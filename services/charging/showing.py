"""The open entities of stations follow the disaster mode, which no station tells of."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from broker.ports import Database
from broker.sql import load
from broker.store.entities import EntityWriter
from broker.waiting import again
from schemas.clock import Clock, utc_now
from services.charging.posting import Judge, Posting

_SQL = load("services.charging", "showing")
_AT_ONCE = 200
_log = logging.getLogger(__name__)


class Showing:
    """Publishes a station again when what the disaster mode says of it has changed since the last look."""

    def __init__(self, database: Database, entities: EntityWriter, judge: Judge, clock: Clock = utc_now) -> None:
        self._database, self._entities, self._judge, self._clock = database, entities, judge, clock
        self._seen: dict[tuple[str, str], tuple[Any, ...]] = {}

    async def run(self, stop: asyncio.Event, every: float) -> None:
        """Look every so many seconds, until `stop`."""
        await again(self.round, stop=stop, every=every, log=_log, otherwise="the stations are shown as they are later")

    async def round(self) -> int:
        """Look at every station's rules once; how many were published. Raises `Conflict` and `Unavailable`: what was
        not published is in the next round."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch(_SQL["rules"])
        rules = {(row["tenant"], row["station"]): tuple(row.values()) for row in rows}
        changed = [station for station, rule in rules.items() if self._seen.get(station) != rule]
        for start in range(0, len(changed), _AT_ONCE):
            some = changed[start : start + _AT_ONCE]
            async with self._database.transaction() as tx:
                posting = Posting(tx, self._entities, self._clock(), self._judge)
                posting.look(some)
                await posting.publish()
            self._seen.update((station, rules[station]) for station in some)
        self._seen = {station: rule for station, rule in self._seen.items() if station in rules}
        return len(changed)
