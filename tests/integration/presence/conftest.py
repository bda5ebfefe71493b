"""A city with watch tags: a family, a child with a tag, and detectors along the way to school."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from access.evidence import sign_statement
from access.keys import KeyRing, new_key
from adapters.watch_tag.routes import ROUTES
from broker.consent.care import Care
from broker.consent.gate import Gate
from broker.consent.register import add_person
from broker.ingest.intake import record_of
from broker.ingest.judge import Judge
from broker.ingest.personal import Curtain
from broker.ingest.ports import Inbound
from broker.ingest.writer import ObservationWriter
from broker.log.postgres import PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS, Record
from broker.store.devices import Device, DeviceRegistry, register
from broker.store.entities import EntityWriter
from broker.veil import Veil
from services.presence.desk import Asker, FamilyDesk
from services.presence.places import circle
from services.presence.settings import TagsSettings
from services.presence.telling import Teller
from services.presence.watching import Presence
from tests.conftest import CityDatabase

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
UUID = "fda50693a4e24fb1afcfc6eb07647825"
CODE = f"ibeacon:{UUID}:10:7"
NAME = "加古川花子"
POLES = {
    "home-1": (134.8400, 34.7600),
    "park-1": (134.8425, 34.7600),
    "gate-1": (134.8450, 34.7600),
    "far-1": (134.895, 34.76),
}
FAMILY = Asker("fukui", "fukui.mother")
SETTINGS = TagsSettings(enabled=True)


def frame(minor: int = 7) -> str:
    return "0201061aff4c000215" + UUID + "000a" + f"{minor:04x}" + "c5"


@dataclass
class Town:
    """The parts that a test drives, at a time that it sets."""

    database: CityDatabase
    veil: Veil
    judge: Judge
    desk: FamilyDesk
    gate: Gate
    tag: str = ""
    now: datetime = NOW
    offset: int = 0

    def clock(self) -> datetime:
        return self.now

    def heard(self, pole: str, at: datetime, *, minor: int = 7, rssi: int = -70, **more: Any) -> Record:
        """A detector's message as its record on the log."""
        row = {"t": at.isoformat(), "adv": frame(minor), "rssi": rssi, **more}
        return self.sent(pole, {"sightings": [row]})

    def sent(self, pole: str, message: Mapping[str, Any] | bytes, topic: str = "", sender: str = "") -> Record:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        topic = topic or f"city/tag/{pole}/up"
        inbound = Inbound("fukui", sender or pole, topic, payload, self.now, "endpoint")
        made = record_of(self.judge.judge(inbound))
        self.offset += 1
        return Record(OBSERVATIONS, 0, self.offset, made.key, made.value, self.now)

    async def tell(self, records: Sequence[Record]) -> None:
        """One batch, as the role handles it."""
        teller = Teller(Gate(self.database.system), self.clock)
        presence = Presence(self.veil, SETTINGS, teller, self.clock)
        async with self.database.system.transaction() as tx:
            await presence.handle(tx, records)

    def broken(self) -> list[Record]:
        """Messages with a tag's own id that are rejected, each for another reason."""
        return [
            self.sent("gate-1", f'{{"broken": "{UUID}"'.encode()),
            self.sent("gate-1", {"sightings": [{"adv": frame(), "rssi": UUID}]}),
            self.sent("x", {"id": UUID, "rssi": -60}, f"espresense/devices/iBeacon:{UUID}-10-7/gate-1", "gateways"),
            self.sent(
                "x", {"uuid": UUID, "major": 10, "minor": 7, "rssi": -6}, f"home/gate-1/BTtoMQTT/{UUID}", "gateways"
            ),
        ]

    async def keep(self, records: Sequence[Record]) -> None:
        """One batch, as the roles presence and writer handle it."""
        await self.tell(records)
        registry = DeviceRegistry(self.database.system)
        await registry.refresh()
        writer = ObservationWriter(EntityWriter(PostgresOutlet({OBSERVATIONS: 1, CHANGES: 1})), registry, self.clock)
        async with self.database.system.transaction() as tx:
            await writer.handle(tx, records)

    async def presence(self) -> dict[str, Any]:
        async with self.database.app.transaction("fukui") as tx:
            return await self.desk.presence(tx, self.gate, FAMILY, self.tag)

    async def history(self) -> dict[str, Any]:
        async with self.database.app.transaction("fukui") as tx:
            return await self.desk.history(tx, self.gate, FAMILY, self.tag, date(2026, 11, 24))


@pytest.fixture
async def town(database: CityDatabase) -> Town:
    veil = Veil(bytes(range(32)), 30)
    async with database.system.transaction() as tx:
        for pole, place in POLES.items():
            profile = {"location": {"type": "Point", "coordinates": list(place)}}
            await register(tx, "fukui", Device("fukui", pole, "watch_tag"), profile)
        await register(tx, "fukui", Device("fukui", "gateways", "watch_tag", kind="network"), {})
    registry = DeviceRegistry(database.system, frozenset({"watch_tag"}))
    await registry.refresh()
    made = Town(
        database,
        veil,
        Judge(ROUTES, registry, Curtain(veil)),
        FamilyDesk(veil, SETTINGS, lambda: made.now),
        Gate(database.app),
    )
    async with database.app.transaction("fukui") as tx:
        await add_person(tx, "fukui", "fukui.mother", NOW, name="母")
        await add_person(tx, "fukui", "fukui.child", NOW, name="")
        care = Care(partial(sign_statement, KeyRing([new_key()])))
        until = NOW + timedelta(days=365)
        await care.confirm(tx, "fukui", "fukui.mother", "fukui.child", "母", "clerk", NOW - timedelta(days=3), until)
        made.tag = await made.desk.register(tx, FAMILY, "fukui.child", CODE, NAME)
        for name, pole in (("自宅", "home-1"), ("第一小学校", "gate-1")):
            await made.desk.add_place(tx, FAMILY, made.tag, name, circle(POLES[pole], 80))
    return made
