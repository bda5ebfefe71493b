"""A registered device's entity is there before its first reading."""

from __future__ import annotations

from datetime import UTC, datetime

from broker.ingest.describer import Describer
from broker.store.devices import Device, register
from broker.store.entities import EntityWriter
from tests.conftest import CityDatabase
from tests.integration.ingest.test_writer import ENTITY, Discard

GAUGE = Device("fukui", "gauge-1", "river_gauge", entity_id=ENTITY, entity_type="WaterObserved")


def named(name: str) -> dict[str, object]:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.06]}}
    return {"attributes": {"name": {"type": "Property", "value": name}, "location": place}}


async def test_registering_and_renaming_a_device_describes_its_entity(database: CityDatabase) -> None:
    describer = Describer(database.system, EntityWriter(Discard()), lambda: datetime.now(UTC))
    for name in ("江波", "江波（下流）"):
        async with database.system.transaction() as tx:
            await register(tx, "fukui", GAUGE, named(name))
        assert await describer.describe_changed() == 1
        async with database.system.transaction() as tx:
            row = await tx.fetchrow("select doc -> 'name' ->> 'value' as name, lon, lat from entity")
        assert tuple(row.values()) == (name, 136.2, 36.06)
    assert await describer.describe_changed() == 0


async def test_a_profile_that_is_nonsense_stops_nobody_else(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await register(tx, "fukui", GAUGE._replace(id="broken", entity_id="urn:ngsi-ld:x:1"), {"attributes": 7})
        await register(tx, "fukui", GAUGE, named("江波"))
    describer = Describer(database.system, EntityWriter(Discard()), lambda: datetime.now(UTC))
    await describer.describe_changed()
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from entity") == 1
