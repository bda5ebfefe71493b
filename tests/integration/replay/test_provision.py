"""The demonstration's tenant, gauges and network, in a real database."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cityos.provision import load_devices, provision_demo
from schemas.device import parse_profile
from tests.conftest import CityDatabase


async def rows_of(database: CityDatabase) -> list[Any]:
    async with database.app.transaction("fukui") as tx:
        return await tx.fetch("select * from device order by id")


async def test_every_station_becomes_a_device(database: CityDatabase, tmp_path: Path) -> None:
    credentials = await provision_demo(database.system, secret_file=tmp_path / "secret")
    devices = {row["id"]: row for row in await rows_of(database)}
    assert len(devices) == 104
    gauge = devices["fukui-river-1"]
    assert (gauge["family"], gauge["status"], gauge["entity_type"]) == ("river_gauge", "approved", "WaterObserved")
    assert gauge["entity_id"] == "urn:ngsi-ld:WaterObserved:180009:1"
    profile = parse_profile(json.loads(gauge["profile"]))
    assert (profile.name, profile.river) == ("九十九橋", "足羽川")
    assert profile.stages == {"standby": 3.5, "caution": 4.8, "evacuation": 5.6, "danger": 6.1}
    assert profile.attributes["location"]["value"] == {"type": "Point", "coordinates": [136.21139, 36.06306]}
    network = devices[credentials.device]
    assert network["kind"] == "network"
    assert network["secret_hash"] == hashlib.sha256(credentials.secret.encode()).digest()
    assert parse_profile(json.loads(network["profile"])).publish == ("city/river/+/up",)


async def test_again_changes_nothing_and_keeps_what_people_changed(database: CityDatabase, tmp_path: Path) -> None:
    first = await provision_demo(database.system, secret_file=tmp_path / "secret")
    async with database.app.transaction("fukui") as tx:
        await tx.execute("update device set status = 'suspended' where id = 'fukui-river-2'")
    before = await rows_of(database)
    assert await provision_demo(database.system, secret_file=tmp_path / "secret") == first
    assert await rows_of(database) == before
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


async def test_a_lost_secret_is_replaced(database: CityDatabase, tmp_path: Path) -> None:
    first = await provision_demo(database.system, secret_file=tmp_path / "secret")
    second = await provision_demo(database.system, secret_file=tmp_path / "other")
    assert second.secret != first.secret
    (network,) = [row for row in await rows_of(database) if row["kind"] == "network"]
    assert network["secret_hash"] == hashlib.sha256(second.secret.encode()).digest()


async def test_the_neighbour_sees_none_of_it(database: CityDatabase, tmp_path: Path) -> None:
    await provision_demo(database.system, secret_file=tmp_path / "secret")
    async with database.app.transaction("neighbour") as tx:
        assert await tx.fetchval("select count(*) from device") == 0


def test_no_reading_of_the_record_is_outside_its_gauges_range() -> None:
    for device in load_devices():
        low, high = device.profile.valid_range["waterLevel"]
        stages = [level for level in device.profile.stages.values() if level is not None]
        assert low <= min(stages, default=low) <= max(stages, default=high) <= high, device.id
