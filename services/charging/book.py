"""The book of charging: what stations say, durable before they are answered, in one transaction for many of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from broker.errors import Conflict, NotFound, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from schemas.charging import Booked, StationSaid, TokenStatus, Verdict
from schemas.clock import Clock, utc_now
from services.charging.posting import Posting
from services.charging.settings import ChargingSettings

_SQL = load("services.charging", "book")
_TRIES, _PAUSE = 5, 0.05
_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    tenant: str
    said: StationSaid
    booked: asyncio.Future[Booked]


class ChargingBook:
    """Implements `adapters.ev_charger.ports.Books`.

    Overflow rule: with `queue` messages waiting, one more is `Unavailable`: the station is not answered, and repeats.
    """

    def __init__(
        self, database: Database, entities: EntityWriter, settings: ChargingSettings, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._entities = entities
        self._settings = settings
        self._clock = clock
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(settings.queue)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ChargingBook]:
        """Book while the block lasts."""
        booking = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            booking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await booking
            while not self._waiting.empty():
                _fail([self._waiting.get_nowait()], Unavailable("the book is closing"))

    async def book(self, tenant: str, said: StationSaid) -> Booked:
        """See `adapters.ev_charger.ports.Books.book`."""
        booked: asyncio.Future[Booked] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait(_Waiting(tenant, said, booked))
        except asyncio.QueueFull as error:
            raise Unavailable("too many messages of stations wait to be booked") from error
        return await booked

    async def authorize(self, tenant: str, token: str) -> Verdict:
        """See `adapters.ev_charger.ports.Books.authorize`."""
        async with self._database.transaction() as tx:
            return await self.token(tx, tenant, token)

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._settings.batch and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._book(batch)
            except asyncio.CancelledError:
                _fail(batch, Unavailable("the book is closing"))
                raise

    async def _book(self, batch: Sequence[_Waiting]) -> None:
        """All in one transaction. Where one is at fault, or others write the same entities again and again (the writer
        does when many stations are new), its halves by themselves: what is left over in the end is one message."""
        failure: Exception = Unavailable("the database is contended")
        for attempt in range(_TRIES):
            try:
                outcomes = await self._in_one(batch)
            except Conflict:
                await asyncio.sleep(_PAUSE * (attempt + 1))
            except Unavailable as error:
                return _fail(batch, error)
            except Exception as error:
                failure = error
                break
            else:
                return _settle(batch, outcomes)
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._book(batch[:middle])
            return await self._book(batch[middle:])
        if not isinstance(failure, NotFound | Unavailable):
            _log.error("what %s said cannot be booked", batch[0].said.station, exc_info=failure)
        return _fail(batch, failure)

    async def _in_one(self, batch: Sequence[_Waiting]) -> list[Booked]:
        async with self._database.transaction() as tx:
            posting = Posting(tx, self._entities, self._clock(), self.token)
            await posting.open({(each.tenant, each.said.station) for each in batch})
            outcomes = [await posting.book(each.tenant, each.said) for each in batch]
            await posting.publish()
        return outcomes

    async def token(self, tx: Transaction, tenant: str, token: str) -> Verdict:
        """As `authorize`, within a transaction."""
        row = await tx.fetchrow(_SQL["token"], tenant, token)
        if row is None:
            return Verdict("Accepted" if self._settings.cards == "anyone" else "Invalid")
        if row["until"] is not None and row["until"] <= self._clock():
            return Verdict("Expired", row["until"])
        return Verdict(cast(TokenStatus, row["status"]), row["until"])


def _settle(batch: Sequence[_Waiting], outcomes: Sequence[Booked]) -> None:
    for each, outcome in zip(batch, outcomes, strict=True):
        if not each.booked.done():
            each.booked.set_result(outcome)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.booked.done():
            each.booked.set_exception(error)
