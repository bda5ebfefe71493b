"""The rates of apps and cities, held by all gateway processes together without asking the database at each request.

Each process judges from a bucket of its own. Once a second it adds what it let in to the bucket that all share, in the
database, and goes on from what that holds, for as long as that is not full again. So one process gives an app all of
its rate, and of several each knows within a second what the others let in. In that second they may let in too much
together: the shared bucket then owes it (one burst at most), and everybody waits until it is paid back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from api_gateway.usage.quotas import Rate
from broker.errors import CityError, UnknownTenant
from broker.ingest.limiter import RateLimiter
from broker.ports import Database, Transaction
from broker.sql import load

_SQL = load("api_gateway.usage", "rates")
_SECONDS = 1.0
_log = logging.getLogger(__name__)


class _Key(NamedTuple):
    city: str
    client: str


class _Spent(NamedTuple):
    rate: Rate
    requests: int


class SharedRates:
    """One per process."""

    def __init__(self) -> None:
        self._limiters: dict[Rate, RateLimiter] = {}
        self._spent: dict[_Key, _Spent] = {}

    def allow(self, city: str, client: str, rate: Rate) -> bool:
        """Whether one more request may be let in, as far as this process knows; it counts then."""
        key = _Key(city, client)
        if not self._limiter(rate).allow(key, time.monotonic()):
            return False
        known = self._spent.get(key)
        self._spent[key] = _Spent(rate, 1 + (known.requests if known is not None else 0))
        return True

    def left(self, city: str, client: str, rate: Rate) -> int:
        """How many more would be let in now."""
        return max(0, self._limiter(rate).left(_Key(city, client), time.monotonic()))

    async def keep(self, database: Database) -> None:
        """Settle every second until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            await self.settle(database)

    async def settle(self, database: Database) -> None:
        """Add what was let in here to what all processes let in, and go on from that. A statement for each city that
        was asked about lately; what the database does not take now is added the next time."""
        spent, self._spent = self._spent, {}
        for city in sorted({key.city for key in spent}):
            mine = {key: one for key, one in sorted(spent.items()) if key.city == city}
            try:
                await self._settle(database, city, mine)
            except UnknownTenant:
                continue  # a name that a stranger made up
            except CityError as error:
                _log.warning("the rates of %s are this process's own for the moment: %s", city, error)
                for key, one in mine.items():
                    self._add(key, one)

    async def _settle(self, database: Database, city: str, mine: Mapping[_Key, _Spent]) -> None:
        clients, rates = [key.client for key in mine], [one.rate for one in mine.values()]
        speeds, bursts = [rate.per_second for rate in rates], [float(rate.burst) for rate in rates]
        async with database.transaction(city) as tx:
            requests = [float(one.requests) for one in mine.values()]
            rows = await tx.fetch(_SQL["spend"], clients, speeds, bursts, requests)
        left = {row["client"]: float(row["left_over"]) for row in rows}
        for key, one in mine.items():
            since = self._spent.get(key, _Spent(one.rate, 0))
            if since.rate != one.rate:
                continue  # another limit was set meanwhile
            self._limiter(one.rate).put(key, left[key.client] - since.requests, time.monotonic())
            if left[key.client] < one.rate.burst:
                self._add(key, _Spent(one.rate, 0))

    @staticmethod
    async def forget(tx: Transaction, before: datetime) -> None:
        """Delete a city's buckets that nobody has used since; a full one is as good as none."""
        await tx.execute(_SQL["forget"], before)

    def _add(self, key: _Key, more: _Spent) -> None:
        known = self._spent.get(key)
        self._spent[key] = more if known is None else _Spent(known.rate, known.requests + more.requests)

    def _limiter(self, rate: Rate) -> RateLimiter:
        limiter = self._limiters.get(rate)
        if limiter is None:
            limiter = self._limiters[rate] = RateLimiter(rate.per_second, rate.burst)
        return limiter
