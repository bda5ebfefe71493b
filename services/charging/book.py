"""The book of charging: what stations say, durable before they are answered, in one transaction for many of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from broker.entities.merge import EntityUpdate
from broker.errors import Conflict, NotFound, Unavailable
from broker.ports import Database, Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from schemas.charging import (
    Booked,
    Booted,
    ConnectionSaid,
    Registration,
    SessionSaid,
    StationSaid,
    StatusSaid,
    TokenStatus,
)
from schemas.clock import Clock, iso, utc_now
from services.charging.sessions import Flag, Session, fold, form, parse, superseded
from services.charging.settings import ChargingSettings
from services.charging.stations import Connector, session_entity, session_urn, station_entity, station_urn

_SQL = load("services.charging", "book")
_MOST_TRANSACTION = 40
_MOST_TEXT = 500
_TRIES = 5
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

    async def authorize(self, tenant: str, token: str) -> TokenStatus:
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
        """All in one transaction; where that fails by a fault of one, one by one."""
        for attempt in range(_TRIES):
            try:
                outcomes = await self._in_one(batch)
            except Conflict:
                await asyncio.sleep(0.02 * (attempt + 1))
            except Unavailable as error:
                return _fail(batch, error)
            except Exception as error:
                if len(batch) == 1:
                    if not isinstance(error, NotFound):
                        _log.exception("what %s said cannot be booked", batch[0].said.station)
                    return _fail(batch, error)
                for each in batch:
                    await self._book([each])
                return None
            else:
                for each, outcome in zip(batch, outcomes, strict=True):
                    if not each.booked.done():
                        each.booked.set_result(outcome)
                return None
        return _fail(batch, Unavailable("the database is contended"))

    async def _in_one(self, batch: Sequence[_Waiting]) -> list[Booked]:
        async with self._database.transaction() as tx:
            page = _Page(tx, self._entities, self._clock(), self)
            outcomes = [await page.book(each.tenant, each.said) for each in batch]
            await page.publish()
        return outcomes

    async def token(self, tx: Transaction, tenant: str, token: str) -> TokenStatus:
        """As `authorize`, within a transaction."""
        row = await tx.fetchrow(_SQL["token"], tenant, token)
        if row is None:
            return "Accepted" if self._settings.cards == "anyone" else "Invalid"
        if row["until"] is not None and row["until"] <= self._clock():
            return "Expired"
        return cast(TokenStatus, row["status"])


class _Page:
    """One transaction's bookings, and the entities that they change."""

    def __init__(self, tx: Transaction, entities: EntityWriter, now: datetime, book: ChargingBook) -> None:
        self._tx = tx
        self._entities = entities
        self._now = now
        self._book = book
        self._stations: dict[tuple[str, str], str] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._known: dict[tuple[str, str], Any] = {}

    async def book(self, tenant: str, said: StationSaid) -> Booked:
        row = await self._station(tenant, said.station)
        registration = _registration(row)
        self._stations[tenant, said.station] = row["entity_id"] or station_urn(said.station)
        if isinstance(said, Booted):
            texts = (_text(each) for each in (said.protocol, said.vendor, said.model, said.serial, said.firmware))
            await self._tx.execute(_SQL["booted"], tenant, said.station, *texts, said.at)
        elif isinstance(said, ConnectionSaid):
            await self._tx.execute(_SQL["connection"], tenant, said.station, said.connected, said.at)
        elif isinstance(said, StatusSaid):
            parameters = (said.connector, said.status, _text(said.error), _text(said.info), self._not_ahead(said.at))
            await self._tx.execute(_SQL["status"], tenant, said.station, *parameters)
        else:
            return await self._session(tenant, said, registration)
        return Booked(registration=registration)

    async def publish(self) -> None:
        """Write the entities of what has changed, sorted, as the transaction's last act."""
        by_tenant: dict[str, list[EntityUpdate]] = {}
        for (tenant, station), urn in sorted(self._stations.items()):
            rows = await self._tx.fetch(_SQL["connectors"], tenant, station)
            self._known.pop((tenant, station), None)
            connected = bool((await self._station(tenant, station))["connected"])
            connectors = [connector_of(row) for row in rows]
            attributes = station_entity(connectors, connected=connected, at=self._now)
            by_tenant.setdefault(tenant, []).append(EntityUpdate(urn, ("EVChargingStation",), attributes))
        for (tenant, urn), session in sorted(self._sessions.items()):
            update = EntityUpdate(urn, ("EVChargingSession",), session_entity(session))
            by_tenant.setdefault(tenant, []).append(update)
        changes = []
        for tenant, updates in sorted(by_tenant.items()):
            changes += (await self._entities.apply(self._tx, tenant, updates, at=self._now)).changes
        await self._entities.announce(self._tx, changes)

    async def _station(self, tenant: str, station: str) -> Any:
        if (tenant, station) not in self._known:
            row = await self._tx.fetchrow(_SQL["station"], tenant, station)
            if row is None:
                raise NotFound(f"there is no station {station}")
            self._known[tenant, station] = row
        return self._known[tenant, station]

    async def _session(self, tenant: str, said: SessionSaid, registration: Registration) -> Booked:
        if said.connector is not None and (said.meter_wh is not None or said.power_w is not None):
            meter = None if said.meter_wh is None or said.meter_wh < 0 else said.meter_wh
            parameters = (said.connector, said.power_w, meter, self._not_ahead(said.at))
            await self._tx.execute(_SQL["metered"], tenant, said.station, *parameters)
        transaction = said.transaction
        if transaction is None and said.phase == "updated":
            transaction = await self._tx.fetchval(_SQL["open_on_connector"], tenant, said.station, said.connector)
            if transaction is None:
                return Booked(registration=registration)
        found, key = await self._find(tenant, said, transaction)
        transaction = found.transaction if found else (transaction or await self._next())
        card = fingerprint(tenant, said.token) if said.token else None
        session = fold(found, said, transaction[:_MOST_TRANSACTION], card, self._now)
        verdict: TokenStatus = "Accepted"
        if said.token is not None:
            verdict = await self._book.token(self._tx, tenant, said.token)
            if said.phase == "started" and verdict != "Accepted":
                session = _unauthorized(session)
        if found != session:
            await self._save(tenant, session, key)
        if said.phase == "started" and session.open and session.connector is not None:
            await self._supersede(tenant, session)
        if not session.open and session.connector is not None:
            ended = (session.connector, 0.0, None, self._not_ahead(said.at))
            await self._tx.execute(_SQL["metered"], tenant, said.station, *ended)
        return Booked(session.transaction, verdict, registration)

    async def _find(self, tenant: str, said: SessionSaid, transaction: str | None) -> tuple[Session | None, str]:
        """The session that is meant, and the key by which a repeated start finds it."""
        if transaction is not None:
            row = await self._tx.fetchrow(_SQL["session"], tenant, said.station, transaction[:_MOST_TRANSACTION])
            return (None if row is None else parse(json.loads(row["state"]))), f"id:{transaction[:_MOST_TRANSACTION]}"
        told = f"{said.connector}|{iso(said.at)}|{said.token}|{said.meter_wh}"
        key = "start:" + hashlib.sha256(told.encode()).hexdigest()
        row = await self._tx.fetchrow(_SQL["session_by_start"], tenant, said.station, key)
        return (None if row is None else parse(json.loads(row["state"]))), key

    async def _next(self) -> str:
        return str(await self._tx.fetchval(_SQL["next_transaction"]))

    async def _save(self, tenant: str, session: Session, key: str) -> None:
        state = json.dumps(form(session), ensure_ascii=False)
        parameters = (session.station, session.transaction, key, state, session.open, session.last_at)
        await self._tx.execute(_SQL["save_session"], tenant, *parameters)
        self._sessions[tenant, session_urn(session)] = session

    async def _supersede(self, tenant: str, session: Session) -> None:
        """A connector has one session: what is open there from before, and older, was never told to end."""
        parameters = (session.station, session.transaction, session.connector)
        for row in await self._tx.fetch(_SQL["open_at_connector"], tenant, *parameters):
            other = parse(json.loads(row["state"]))
            if other.last_at <= session.last_at:
                await self._save(tenant, superseded(other), row["start_key"])

    def _not_ahead(self, at: datetime) -> datetime:
        """A station whose clock is ahead must not make everything that it says later look old."""
        return min(at, self._now)


def fingerprint(tenant: str, token: str) -> str:
    """What a session keeps of its card: enough to tell two cards apart, nothing to charge with."""
    return hashlib.sha256(f"{tenant}/{token}".encode()).hexdigest()[:24]


def connector_of(row: Any) -> Connector:
    """A row of charging_connector."""
    return Connector(
        row["connector"], row["status"], row["error"], row["info"], row["power_w"], row["status_at"],
        row["most_w"], row["phases"], row["unit"],
    )  # fmt: skip


def _registration(row: Any) -> Registration:
    if row["refused"]:
        return "Rejected"
    return "Accepted" if row["device_status"] == "approved" else "Pending"


def _unauthorized(session: Session) -> Session:
    flags: frozenset[Flag] = session.flags | {"not-authorized"}
    return replace(session, authorized=False, flags=flags)


def _text(value: str) -> str:
    return value.replace("\x00", "")[:_MOST_TEXT]


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.booked.done():
            each.booked.set_exception(error)
