"""Who asks how much: a rate limit per app, and the counts of usage per app, kind of data and day.

Limits are each process's own: with several gateway processes an app gets as many times its rate. Counts are kept in
memory for seconds and then added to the database; a process that is killed loses those seconds, and never counts twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import UTC, date
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access.policy import Subject
from api_gateway.errors import TooMany
from broker.errors import CityError, UnknownTenant
from broker.ingest.limiter import RateLimiter
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.oauth", "usage")
_SECONDS = 5.0
_MOST_LINES = 20_000
_REFUSED = frozenset({401, 403, 429})
_log = logging.getLogger(__name__)


class _Line(NamedTuple):
    tenant: str
    day: date
    client: str
    data: str


class Meter:
    """One per process. `take` before a request is served, `count` after."""

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        self._clock = clock
        self._limiter = RateLimiter(rate, burst)
        self._burst = burst
        self._calls: Counter[_Line] = Counter()
        self._refused: Counter[_Line] = Counter()

    def take(self, subject: Subject) -> None:
        """One request of an app. Raises `TooMany`. Strangers have no app: the edge in front of us limits addresses."""
        if subject.client and not self._limiter.allow(subject.client, time.monotonic()):
            raise TooMany(f"this app asked more than {self._burst} times in a moment; slow down", seconds=1)

    def headers(self, subject: Subject) -> list[tuple[bytes, bytes]]:
        """What is left, for the answer."""
        left = self._limiter.left(subject.client, time.monotonic())
        return [
            (b"ratelimit-limit", str(self._burst).encode()),
            (b"ratelimit-remaining", str(left).encode()),
            (b"ratelimit-reset", b"1"),
        ]

    def count(self, tenant: str, client: str, data: str, *, refused: bool) -> None:
        """One request answered. Lines beyond 20,000 wait their turn uncounted, and that is logged."""
        line = _Line(tenant, self._clock().astimezone(UTC).date(), client or "anonymous", data)
        if len(self._calls) >= _MOST_LINES and line not in self._calls:
            _log.warning("usage of %s is not counted: too many lines wait for the database", line.client)
            return
        self._calls[line] += 1
        self._refused[line] += refused

    async def keep(self, database: Database) -> None:
        """Add the counts to the database every five seconds until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(_SECONDS)
                await self.flush(database)
        finally:
            await self.flush(database)

    async def flush(self, database: Database) -> None:
        """Add what was counted. What the database does not take now waits for the next time."""
        calls, refused = self._calls, self._refused
        self._calls, self._refused = Counter(), Counter()
        for tenant in {line.tenant for line in calls}:
            # In one order for everybody: two processes adding the same lines must not wait for each other.
            lines = sorted(line for line in calls if line.tenant == tenant)
            try:
                async with database.transaction(tenant) as tx:
                    columns = zip(*((ln.day, ln.client, ln.data, calls[ln], refused[ln]) for ln in lines), strict=True)
                    await tx.execute(_SQL["add"], *(list(column) for column in columns))
            except UnknownTenant:
                continue  # nobody is there to be told
            except CityError as error:
                _log.warning("usage of %s is added later: %s", tenant, error)
                self._calls.update({line: calls[line] for line in lines})
                self._refused.update({line: refused[line] for line in lines})


class Metering:
    """ASGI middleware: counts the answers to callers that the gate knows, and tells apps what is left of their rate."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            caller = scope.get("caller")
            if caller is not None and message["type"] == "http.response.start":
                status = message["status"]
                client = caller.subject.client
                if client or status != 404:  # a stranger's tenant may be made up
                    self._meter.count(caller.city, client, _data(scope), refused=status in _REFUSED)
                if client:
                    message["headers"] = [*message["headers"], *self._meter.headers(caller.subject)]
            await send(message)

        await self._app(scope, receive, send_counted if scope["type"] == "http" else send)


def _data(scope: Scope) -> str:
    """The operation's name: of bounded variety, whatever path a stranger chose."""
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__name__", None) or "none"


async def usage(tx: Transaction, since: date, until: date) -> list[dict[str, Any]]:
    """Calls per app, operation and day, from `since` up to and with `until`."""
    return [dict(row) for row in await tx.fetch(_SQL["report"], since, until)]
