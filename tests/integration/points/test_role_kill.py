"""`kill -9` of the role `points` while it hears of rides: each earns once, and each fare is taken once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from broker.consent.register import add_person, link
from broker.entities.merge import EntityUpdate
from broker.log.postgres import PostgresOutlet
from broker.ports import CHANGES, Database
from broker.store.entities import EntityWriter
from schemas.clock import utc_now
from services.points.hearing import GROUP, RIDE
from services.points.ledger import Ledger
from services.points.model import day_of
from services.points.personal import SERVICE
from services.points.settings import PointsSettings
from services.points.town import Shop, Town
from services.points.verify import seal, verify
from tests.conftest import CityDatabase

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PARTITIONS = {CHANGES: 2}
RIDERS, RIDES, FARE, REWARD, BOUGHT = 10, 140, 100, 30, 800
KILLS = int(os.environ.get("CITYOS_TEST_KILLS", "2"))


@contextmanager
def role(database: CityDatabase, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The role in a process of its own, killed at the end if it lives."""
    settings = {
        "CITYOS_CITY_FOLDER": str(folder),
        "CITYOS_DATABASE_URL": database.app_url,
        "CITYOS_DATABASE_SYSTEM_URL": database.system_url,
        "CITYOS_LOG_PARTITIONS": str(PARTITIONS[CHANGES]),
        "CITYOS_POINTS_ENABLED": "true",
        "CITYOS_POINTS_FARE_SHOP": "bus",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CITYOS_")}
    with (folder / "role.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cityos.run", "points"], env={**inherited, **settings}, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


async def open_town(database: CityDatabase) -> None:
    """Riders with bought points, the buses' shop, and a reward for each ride."""
    today, now = day_of(utc_now()), utc_now()
    rule = {
        "id": "noru",
        "title": "バスでポイント",
        "rule": {"type": "participation", "event": RIDE, "points": REWARD},
        "start": str(today - timedelta(days=2)),
        "end": str(today + timedelta(days=2)),
    }
    async with Ledger(database.app, PointsSettings()).running() as ledger:
        town = Town(database.app, ledger)
        await town.open_books("fukui")
        await town.open_shop("fukui", Shop(id="bus", name="市営バス", purpose="transport"))
        await town.put_rules("fukui", {"campaigns": [rule]}, "staff")
        await town.fund("fukui", "noru", "campaign/noru", REWARD * RIDES)
        for number in range(RIDERS):
            account = await town.enrol("fukui", str(number))
            await town.sell("fukui", f"s{number}", account, BOUGHT, 0, now + timedelta(days=90), "premium")
            async with database.app.transaction("fukui") as tx:
                await add_person(tx, "fukui", f"fukui.p{number}", now)
                await link(tx, "fukui", f"fukui.p{number}", SERVICE, account, "staff", now)


async def ride(database: Database, numbers: range) -> None:
    """As many rides, one after the other, as crews report them."""
    writer = EntityWriter(PostgresOutlet(PARTITIONS))
    for number in numbers:
        attributes = {
            "status": {"type": "Property", "value": "completed"},
            "fare": {"type": "Property", "value": FARE},
            "payment": {"type": "Property", "value": "points"},
            "person": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:fukui.p{number % RIDERS}"},
        }
        update = EntityUpdate(f"urn:ngsi-ld:RideBooking:{number}", ("RideBooking",), attributes)
        async with database.transaction("fukui") as tx:
            await writer.write(tx, "fukui", [update], at=utc_now())


async def codes(database: CityDatabase) -> Counter[str]:
    async with database.system.transaction() as tx:
        rows = await tx.fetch("select code, count(*) as count from points_transfer group by code")
        unpaid = await tx.fetchval("select count(*) from points_unpaid_fare")
    return Counter({row["code"]: row["count"] for row in rows}) + Counter(unpaid=unpaid)


async def until_earned(database: CityDatabase, count: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    async with asyncio.timeout(90):
        while (await codes(database))["grant"] < count:
            assert process.poll() is None, (folder / "role.log").read_text()[-3000:]
            await asyncio.sleep(0.02)


async def test_each_ride_is_paid_and_earns_once_whatever_is_killed(database: CityDatabase, tmp_path: Path) -> None:
    await open_town(database)
    riding = asyncio.create_task(ride(database.app, range(RIDES)))
    for number in range(KILLS):
        with role(database, tmp_path) as process:
            await until_earned(database, (number + 1) * RIDES // (KILLS + 2), process, tmp_path)
    assert (await codes(database))["grant"] < RIDES, "nothing was left to do after the kills"
    with role(database, tmp_path) as process:
        await riding
        async with asyncio.timeout(90):
            while await heard(database) < RIDES:
                assert process.poll() is None, (tmp_path / "role.log").read_text()[-3000:]
                await asyncio.sleep(0.05)
    found = await codes(database)
    # 800 bought and what thirteen rides earn do not pay for fourteen: each rider owes for one at least.
    assert found["grant"] == RIDES
    assert found["spend"] + found["unpaid"] == RIDES
    assert found["unpaid"] >= RIDERS
    async with database.system.transaction() as tx:
        twice = await tx.fetch(
            "select ride from points_unpaid_fare u join points_transfer t on t.id like 'pay:bus:ride.%'"
            " and t.id = 'pay:bus:ride.' || left(encode(sha256(convert_to(u.ride, 'UTF8')), 'hex'), 40)"
        )
        taken = await tx.fetchval("select credits_posted - debits_posted from points_account where id = 'shop/bus'")
        left = await tx.fetchval(
            "select sum(credits_posted - debits_posted)::bigint from points_account where kind = 'resident'"
        )
    assert twice == []
    assert taken == FARE * found["spend"]
    assert left == RIDERS * BOUGHT + REWARD * RIDES - taken
    await seal(database.system, "fukui", utc_now())
    assert (await verify(database.system, "fukui")).faults == []


async def heard(database: CityDatabase) -> int:
    """How many records of the log the role is done with."""
    async with database.system.transaction() as tx:
        return int(await tx.fetchval("select coalesce(sum(next), 0) from position where consumer = $1", GROUP))
