"""The book of charging when many write at once: what is contended is tried in smaller parts, nothing is left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from broker.errors import Conflict, NotFound
from broker.log.postgres import PostgresOutlet
from broker.ports import Transaction
from broker.store.devices import Device, register
from broker.store.entities import EntityWriter
from broker.store.postgres import PostgresDatabase
from schemas.charging import FAMILY, Booted, ConnectionSaid, StatusSaid, Variable, VariablesSaid
from schemas.clock import utc_now
from services.charging.book import ChargingBook
from services.charging.settings import ChargingSettings
from tests.conftest import CityDatabase
from tests.integration.charging.conftest import PARTITIONS, PATIENCE


class Contended(PostgresDatabase):
    """A database whose first transactions meet others that write the same."""

    def __init__(self, database: PostgresDatabase, conflicts: int) -> None:
        self._real = database
        self.conflicts = conflicts

    @asynccontextmanager
    async def transaction(self, tenant: str | None = None) -> AsyncIterator[Transaction]:
        async with self._real.transaction(tenant) as tx:
            yield tx
            if self.conflicts > 0:
                self.conflicts -= 1
                raise Conflict("somebody else made the same at the same time")


async def _stations(database: CityDatabase, count: int) -> list[str]:
    names = [f"EV-{number:03}" for number in range(count)]
    async with database.system.transaction() as tx:
        for name in names:
            await register(tx, "fukui", Device("fukui", name, FAMILY), {}, None)
    return names


async def test_what_is_contended_is_booked_in_the_end(database: CityDatabase) -> None:
    names, now = await _stations(database, 40), utc_now()
    contended = Contended(database.system, conflicts=17)
    async with ChargingBook(contended, EntityWriter(PostgresOutlet(PARTITIONS)), ChargingSettings()).running() as book:
        said = [Booted(station=name, protocol="1.6", at=now) for name in names]
        booked = await asyncio.wait_for(asyncio.gather(*(book.book("fukui", each) for each in said)), PATIENCE)
    assert {each.registration for each in booked} == {"Accepted"}
    assert contended.conflicts == 0
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from charging_station") == 40
        assert await tx.fetchval("select count(*) from entity where first_type = 'EVChargingStation'") == 40


async def test_one_that_is_at_fault_fails_alone(database: CityDatabase) -> None:
    names, now = await _stations(database, 9), utc_now()
    names.insert(4, "NOBODY")
    async with ChargingBook(
        database.system, EntityWriter(PostgresOutlet(PARTITIONS)), ChargingSettings()
    ).running() as book:
        asked = [book.book("fukui", ConnectionSaid(station=name, connected=True, at=now)) for name in names]
        done = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE)
        assert [type(each) is NotFound for each in done] == [name == "NOBODY" for name in names]
        with pytest.raises(NotFound):
            await book.book("fukui", StatusSaid(station="NOBODY", connector=1, status="Available", at=now))
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from charging_station where connected") == 9


async def test_a_station_of_very_many_variables_has_those_that_are_known_renewed(database: CityDatabase) -> None:
    [name], now = await _stations(database, 1), utc_now()
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into charging_variable (tenant_id, station, name, value, writable, at)"
            " select t.id, $1, 'V' || n, 'old', true, $2 from tenant t, generate_series(1, 5000) n"
            " where t.name = 'fukui'",
            name,
            now,
        )
    said = VariablesSaid(station=name, at=now, variables=(Variable("V7", "new", True), Variable("W", "more", True)))
    async with ChargingBook(
        database.system, EntityWriter(PostgresOutlet(PARTITIONS)), ChargingSettings()
    ).running() as book:
        await asyncio.wait_for(book.book("fukui", said), PATIENCE)
    async with database.system.transaction() as tx:
        changed = await tx.fetch("select name, value from charging_variable where value <> 'old'")
    assert [tuple(row.values()) for row in changed] == [("V7", "new")], "renewed, and no more than there is room for"
