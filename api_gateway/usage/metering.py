"""Who asks how much: limits by app and city, and the counts of usage by app, operation, data set and day.

Rates hold over all gateway processes (`rates`). A month's quota is counted in the database, which every process asks
anew every five seconds. Counts are kept in memory for seconds and
then added to the database; a process that is killed loses those seconds, and never counts twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access.delegation import view_of
from access.policy import Subject
from api_gateway.errors import TooMany
from api_gateway.usage.quotas import CITY, Book, Quota, Rate, month_of, seconds_left
from api_gateway.usage.rates import SharedRates
from broker.errors import CityError, UnknownTenant
from broker.ports import Database, Transaction
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.usage", "usage")
_SECONDS = 5.0
_MOST_LINES = 20_000
_MOST_PEOPLE = 100_000
_REFUSED = frozenset({401, 403, 429})
_BROKEN = 500
_MONTH = 30 * 24 * 3600
_FORGET = timedelta(minutes=10)
_FORGET_RATES = timedelta(days=1)
_log = logging.getLogger(__name__)


class _Line(NamedTuple):
    tenant: str
    day: date
    client: str
    data: str
    data_set: str


class _Active(NamedTuple):
    tenant: str
    month: date
    client: str
    who: bytes


class Meter:
    """One per process. `take` before a request is served, `count` after."""

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        self._clock = clock
        self._default = Rate(rate, burst)
        self._rates = SharedRates()
        self._books: dict[str, Book] = {}
        self._calls: Counter[_Line] = Counter()
        self._refused: Counter[_Line] = Counter()
        self._failed: Counter[_Line] = Counter()
        self._active: set[_Active] = set()
        self._known_active: set[_Active] = set()

    def take(self, subject: Subject, city: str) -> None:
        """One request about a city's data. Raises `TooMany`.

        Strangers have no limit of their own, only their share of the city's: the edge in front of us limits addresses.
        """
        book = self._book(city)
        for name in (CITY, subject.client) if subject.client else (CITY,):
            quota = book.quota(name, self._default if name else None)
            if quota.rate and not self._rates.allow(city, name, quota.rate):
                who = "this app" if name else "this city's apps and visitors together"
                raise TooMany(f"{who} asked more than {quota.rate.burst} times in a moment; slow down", seconds=1)
            if quota.per_month is not None and not book.left(name, quota.per_month):
                who = "this app" if name else "this city"
                raise TooMany(
                    f"{who} has used up its {quota.per_month} requests of this month (UTC)",
                    seconds=seconds_left(self._clock()),
                )
        book.use(subject.client)

    def headers(self, subject: Subject, city: str) -> list[tuple[bytes, bytes]]:
        """What an app has left, for the answer (draft-ietf-httpapi-ratelimit-headers: both its later and its earlier
        form, which more clients know)."""
        book = self._book(city)
        quota = book.quota(subject.client, self._default)
        rate = quota.rate or self._default
        left = self._rates.left(city, subject.client, rate)
        policy, limit = f'"app";q={rate.burst};w={rate.window}', f'"app";r={left};t=1'
        if quota.per_month is not None:
            rest = book.left(subject.client, quota.per_month)
            policy += f', "month";q={quota.per_month};w={_MONTH}'
            limit += f', "month";r={rest};t={seconds_left(self._clock())}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", limit.encode()),
            (b"ratelimit-limit", str(rate.burst).encode()),
            (b"ratelimit-remaining", str(left).encode()),
            (b"ratelimit-reset", b"1"),
        ]

    def allowance(self, city: str, client: str) -> dict[str, Any]:
        """What an app may ask, and has asked this month (at most some seconds ago)."""
        book = self._book(city)
        quota = book.quota(client, self._default)
        rate = quota.rate or self._default
        limits = {"per_second": rate.per_second, "burst": rate.burst, "per_month": quota.per_month}
        return limits | {"used_this_month": book.used(client)}

    def count(self, city: str, subject: Subject, data: str, data_set: str, status: int) -> None:
        """One request answered. Lines beyond 20,000 wait their turn uncounted, and that is logged."""
        day = self._clock().astimezone(UTC).date()
        line = _Line(city, day, subject.client or "anonymous", data, data_set)
        if len(self._calls) >= _MOST_LINES and line not in self._calls:
            _log.warning("usage of %s is not counted: too many lines wait for the database", line.client)
            return
        self._calls[line] += 1
        self._refused[line] += status in _REFUSED
        self._failed[line] += status >= _BROKEN
        if subject.kind == "person" and status < 400:
            self._note_active(line, subject.id)

    def _note_active(self, line: _Line, person: str) -> None:
        month = line.day.replace(day=1)
        who = hashlib.sha256(f"{month}|{person}".encode()).digest()[:16]
        active = _Active(line.tenant, month, line.client, who)
        if active not in self._known_active and len(self._active) < _MOST_PEOPLE:
            self._active.add(active)

    def _book(self, city: str) -> Book:
        """Names come from strangers: what the database does not know has no book kept for it."""
        month = month_of(self._clock())
        book = self._books.get(city) or Book(month, {}, {})
        if book.month != month:
            book = self._books[city] = book.next(month)
        return book

    @property
    def rates(self) -> SharedRates:
        """The rates, to be kept in step with the other processes'."""
        return self._rates

    async def keep(self, database: Database, city: str) -> None:
        """Add the counts to the database every five seconds until cancelled, and once more then. `city` is the one
        in whose name the process says that it is up."""
        try:
            await self._open(database, city)
            while True:
                await asyncio.sleep(_SECONDS)
                await self.flush(database)
                await self._say_up(database, city)
        finally:
            await self.flush(database)

    async def _open(self, database: Database, city: str) -> None:
        try:
            async with database.transaction(city) as tx:
                await self._read_book(tx, city)
        except CityError as error:
            _log.warning("the limits of %s are read later: %s", city, error)

    async def _say_up(self, database: Database, city: str) -> None:
        now = self._clock()
        try:
            async with database.transaction(city) as tx:
                await tx.execute(_SQL["up"], now, now.astimezone(UTC).minute)
                await tx.execute(_SQL["forget_attempts"], now - _FORGET)
                await self._rates.forget(tx, now - _FORGET_RATES)
        except CityError as error:
            _log.warning("this minute is not noted as one of service: %s", error)

    async def flush(self, database: Database) -> None:
        """Add what was counted, and read the limits anew. What the database does not take now waits."""
        calls, refused, failed, active = self._calls, self._refused, self._failed, self._active
        self._calls, self._refused, self._failed, self._active = Counter(), Counter(), Counter(), set()
        for city in {line.tenant for line in calls} | self._books.keys():
            # In one order for everybody: two processes adding the same lines must not wait for each other.
            lines = sorted(line for line in calls if line.tenant == city)
            people = sorted(one for one in active if one.tenant == city)
            try:
                async with database.transaction(city) as tx:
                    if lines:
                        numbers = ((*ln[1:], calls[ln], refused[ln], failed[ln]) for ln in lines)
                        await tx.execute(_SQL["add"], *_columns(numbers))
                    if people:
                        await tx.execute(_SQL["add_active"], *_columns(one[1:] for one in people))
                    await self._read_book(tx, city)
                self._remember(people)
            except UnknownTenant:
                continue  # nobody is there to be told
            except CityError as error:
                _log.warning("usage of %s is added later: %s", city, error)
                self._calls.update({line: calls[line] for line in lines})
                self._refused.update({line: refused[line] for line in lines})
                self._failed.update({line: failed[line] for line in lines})
                self._active.update(people)

    def _remember(self, people: Iterable[_Active]) -> None:
        if len(self._known_active) > _MOST_PEOPLE:
            self._known_active.clear()
        self._known_active.update(people)

    async def _read_book(self, tx: Transaction, city: str) -> None:
        """The city's limits and its month as the database has it, with what was counted here meanwhile."""
        month = month_of(self._clock())
        used = Counter({row["client"]: row["calls"] for row in await tx.fetch(_SQL["month"], month.date())})
        rows = await tx.fetch(_SQL["quotas"])
        for line, calls in self._calls.items():
            if line.tenant == city and line.day >= month.date():
                used[line.client] += calls - self._refused[line]
        self._books[city] = Book.read(month, rows, used)


class Metering:
    """ASGI middleware: counts the answers to callers that the gate knows, and tells apps what is left of their rate."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            caller = scope.get("caller")
            if caller is not None and message["type"] == "http.response.start":
                status, subject = message["status"], caller.subject
                city = view_of(caller.tenant).giver
                if subject.client or status != 404:  # a stranger's tenant may be made up
                    self._meter.count(city, subject, _data(scope), scope.get("data_set", ""), status)
                if subject.client:
                    message["headers"] = [*message["headers"], *self._meter.headers(subject, city)]
            await send(message)

        await self._app(scope, receive, send_counted if scope["type"] == "http" else send)


def about(request: Request, types: Iterable[str]) -> None:
    """Note which data set a request turned out to be about. Only for types that exist: their names are counted by."""
    named = set(types)
    if len(named) == 1:
        request.scope["data_set"] = named.pop()


def _data(scope: Scope) -> str:
    """The operation's name: of bounded variety, whatever path a stranger chose."""
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__name__", None) or "none"


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def usage(tx: Transaction, since: date, until: date) -> list[dict[str, Any]]:
    """Calls per app, operation, data set and day, from `since` up to and with `until`."""
    return [dict(row) for row in await tx.fetch(_SQL["report"], since, until)]


async def quotas(tx: Transaction) -> list[dict[str, Any]]:
    """The limits set, by app."""
    return [dict(row) for row in await tx.fetch(_SQL["quotas"])]


async def put_quota(tx: Transaction, client: str, quota: Quota, by: str, now: datetime) -> None:
    """Set the limits of an app, of every app (`EVERY_APP`) or of the city (`CITY`). In force within five seconds."""
    rate = quota.rate or (None, None)
    await tx.execute(_SQL["put_quota"], client, *rate, quota.per_month, by, now)


async def drop_quota(tx: Transaction, client: str) -> bool:
    """Take limits away; False where there were none."""
    return await tx.fetchval(_SQL["drop_quota"], client) is not None
