"""What stations said, written into the city's tables and entities: one transaction for many of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from broker.consent.gate import person_of
from broker.entities.merge import EntityUpdate
from broker.errors import NotFound
from broker.ports import Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from schemas.charging import (
    Booked,
    Booted,
    CertificateAsked,
    ConnectionSaid,
    NeedsSaid,
    Registration,
    SessionSaid,
    StationSaid,
    StatusSaid,
    VariablesSaid,
    Verdict,
)
from schemas.clock import iso
from services.charging.disaster import Emergency
from services.charging.plugs import open_to_drivers
from services.charging.sessions import Flag, Session, fold, form, parse, superseded
from services.charging.stations import Connector, session_entity, session_urn, station_entity, station_urn

_SQL = load("services.charging", "book")
SERVICE = "charging"
"""The name in links to persons: the reference is a card's fingerprint."""
_MOST_TRANSACTION = 40
_MOST_TEXT = 500
_KINDS = ("booted", "connection", "status", "metered", "needs", "left", "variables", "certificate_asked")
"""Statements that are run for many rows at once."""
Judge = Callable[[Transaction, str, str], Awaitable[Verdict]]
"""Whether a card may charge: tenant and card."""


class Posting:
    """One transaction's bookings, and the entities that they change.

    What stands in a row of its own (that a station booted, a connector's state) is collected and written in one go for
    each kind, so that a thousand stations that come back at once cost a handful of statements.
    """

    def __init__(self, tx: Transaction, entities: EntityWriter, now: datetime, judge: Judge) -> None:
        self._tx = tx
        self._entities = entities
        self._now = now
        self._judge = judge
        self._sessions: dict[tuple[str, str], Session] = {}
        self._persons: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, str], Any] = {}
        self._touched: set[tuple[str, str]] = set()
        self._rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in _KINDS}

    async def open(self, stations: Iterable[tuple[str, str]]) -> None:
        """Read what is known of the stations that will be booked."""
        self._known = await self._read_stations(stations)

    async def book(self, tenant: str, said: StationSaid) -> Booked:
        """Note what a station said, and what becomes of it. Raises `NotFound` for a station that is not registered."""
        row = self._known.get((tenant, said.station))
        if row is None:
            raise NotFound(f"there is no station {said.station}")
        registration = _registration(row)
        self._touched.add((tenant, said.station))
        who = (tenant, said.station)
        if isinstance(said, Booted):
            texts = (_text(each) for each in (said.protocol, said.vendor, said.model, said.serial, said.firmware))
            self._rows["booted"].append((*who, *texts, said.at))
        elif isinstance(said, ConnectionSaid):
            self._rows["connection"].append((*who, said.connected, said.at))
        elif isinstance(said, StatusSaid):
            parameters = (said.connector, said.status, _text(said.error), _text(said.info), self._not_ahead(said.at))
            self._rows["status"].append((*who, *parameters))
            if said.status == "Available":
                self._rows["left"].append((*who, said.connector, self._not_ahead(said.at)))
        elif isinstance(said, NeedsSaid):
            self._rows["needs"].append((*who, said.connector, said.at, said.energy_wh, said.departs_at, said.most_w))
            return Booked(registration=registration, held=row["held"])
        elif isinstance(said, VariablesSaid):
            if said.variables:
                # Each once: of two of the same name in one message the later counts.
                told = {each.name: each for each in said.variables}.values()
                columns = (list(column) for column in zip(*told, strict=True))
                self._rows["variables"].append((*who, *columns, said.at))
        elif isinstance(said, CertificateAsked):
            self._rows["certificate_asked"].append((*who, said.request, said.at))
        else:
            return await self._session(tenant, said, registration)
        return Booked(registration=registration)

    def look(self, stations: Iterable[tuple[str, str]]) -> None:
        """Publish these too: rules changed that the stations themselves do not tell of."""
        self._touched.update(stations)

    async def publish(self) -> None:
        """Write what was collected, then the entities of what has changed, sorted, as the transaction's last act."""
        for kind in _KINDS:
            if rows := sorted(self._rows[kind], key=lambda row: row[:2]):
                await self._tx.executemany(_SQL[kind], rows)
        by_tenant: dict[str, list[EntityUpdate]] = {}
        stations, connectors = await self._read_stations(self._touched), await self._read_connectors()
        for (tenant, station), row in sorted(stations.items()):
            plugs = [_to_drivers(connector_of(each), row) for each in connectors[tenant, station]]
            shown = json.loads(row["shown"]) if row["shown"] else {}
            told = station_entity(plugs, connected=bool(row["connected"]), at=self._now)
            # A station that comes back as it was, or draws what it drew, is no news for those who follow entities.
            if news := {name: each for name, each in told.items() if shown.get(name) != each["value"]}:
                urn = row["entity_id"] or station_urn(station)
                by_tenant.setdefault(tenant, []).append(EntityUpdate(urn, ("EVChargingStation",), news))
        for (tenant, urn), session in sorted(self._sessions.items()):
            attributes = session_entity(session, self._persons.get((tenant, urn)))
            update = EntityUpdate(urn, ("EVChargingSession",), attributes)
            by_tenant.setdefault(tenant, []).append(update)
        changes = []
        for tenant, updates in sorted(by_tenant.items()):
            changes += (await self._entities.apply(self._tx, tenant, updates, at=self._now)).changes
        await self._entities.announce(self._tx, changes)

    async def _read_stations(self, stations: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        rows = await self._tx.fetch(_SQL["stations"], *_columns(stations))
        return {(row["tenant"], row["id"]): row for row in rows}

    async def _read_connectors(self) -> defaultdict[tuple[str, str], list[Any]]:
        found: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in await self._tx.fetch(_SQL["connectors"], *_columns(self._touched)):
            found[row["tenant"], row["station"]].append(row)
        return found

    async def _session(self, tenant: str, said: SessionSaid, registration: Registration) -> Booked:
        if said.connector is not None and (said.meter_wh is not None or said.power_w is not None):
            meter = None if said.meter_wh is None or said.meter_wh < 0 else said.meter_wh
            parameters = (said.connector, said.power_w, meter, self._not_ahead(said.at))
            self._rows["metered"].append((tenant, said.station, *parameters))
        transaction = said.transaction
        if transaction is None and said.phase == "updated":
            transaction = await self._tx.fetchval(_SQL["open_on_connector"], tenant, said.station, said.connector)
            if transaction is None:
                return Booked(registration=registration)
        found, key = await self._find(tenant, said, transaction)
        transaction = found.transaction if found else (transaction or await self._next())
        card = fingerprint(tenant, said.token) if said.token else None
        session = fold(found, said, transaction[:_MOST_TRANSACTION], card, self._now)
        verdict = Verdict()
        if said.token is not None:
            verdict = await self._judge(self._tx, tenant, said.token)
            if said.phase == "started" and verdict.status != "Accepted":
                session = _unauthorized(session)
        if found != session:
            await self._save(tenant, session, key)
            if said.phase != "updated" and session.card is not None:
                await self._name_person(tenant, session, session.card)
        if said.phase == "started" and session.open and session.connector is not None:
            await self._supersede(tenant, session)
        if not session.open and session.connector is not None:
            ended = (session.connector, 0.0, None, self._not_ahead(said.at))
            self._rows["metered"].append((tenant, said.station, *ended))
            self._rows["left"].append((tenant, said.station, session.connector, self._not_ahead(session.last_at)))
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

    async def _name_person(self, tenant: str, session: Session, card: str) -> None:
        """Whose the card is, where somebody has linked it to a person: the session is about them."""
        person = await person_of(self._tx, tenant, SERVICE, card)
        if person is not None:
            self._persons[tenant, session_urn(session)] = person

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


def _to_drivers(connector: Connector, station: Any) -> Connector:
    if station["public_cap_w"] is None or station["priority"] is None:
        return connector
    emergency = Emergency(station["public_cap_w"], station["emergency_floor_w"])
    return open_to_drivers(connector, station["priority"], emergency, flooded=station["flooded"])


def connector_of(row: Any) -> Connector:
    """A row of charging_connector."""
    return Connector(
        row["connector"], row["status"], row["error"], row["info"], row["power_w"], row["status_at"],
        row["most_w"], row["phases"], row["unit"],
    )  # fmt: skip


def _columns(stations: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    pairs = sorted(stations)
    return [tenant for tenant, _ in pairs], [station for _, station in pairs]


def _registration(row: Any) -> Registration:
    if row["refused"]:
        return "Rejected"
    return "Accepted" if row["device_status"] == "approved" else "Pending"


def _unauthorized(session: Session) -> Session:
    flags: frozenset[Flag] = session.flags | {"not-authorized"}
    return replace(session, authorized=False, flags=flags)


def _text(value: str) -> str:
    return value.replace("\x00", "")[:_MOST_TEXT]
