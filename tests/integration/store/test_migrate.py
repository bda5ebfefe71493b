"""The schema is made once, and the application's role sees only its own tenant."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from broker.errors import Forbidden, NotFound
from cityos.embedded import binary
from tests.conftest import TEST_BINARIES, CityDatabase


async def test_the_application_sees_only_its_tenant(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into device (tenant_id, id, family) select id, 'gauge-' || name, 'river_gauge' from tenant"
        )
    async with database.app.transaction("fukui") as tx:
        assert [row["id"] for row in await tx.fetch("select id from device")] == ["gauge-fukui"]


async def test_the_application_cannot_write_for_another_tenant(database: CityDatabase) -> None:
    with pytest.raises(Forbidden):
        async with database.app.transaction("fukui") as tx:
            await tx.execute(
                "insert into device (tenant_id, id, family)"
                " select id, 'x', 'river_gauge' from tenant where name = 'neighbour'"
            )


async def test_the_application_cannot_be_the_system(database: CityDatabase) -> None:
    with pytest.raises(Forbidden):
        async with database.app.transaction():
            pass


async def test_an_unknown_tenant_is_named(database: CityDatabase) -> None:
    with pytest.raises(NotFound, match="atlantis"):
        async with database.app.transaction("atlantis"):
            pass


async def test_the_server_is_the_one_that_was_asked_for(database: CityDatabase) -> None:
    program = [binary("postgres", TEST_BINARIES), "--version"]
    said = (await asyncio.to_thread(subprocess.run, program, capture_output=True, text=True)).stdout
    async with database.system.transaction() as tx:
        version = await tx.fetchval("select current_setting('server_version')")
    assert f"(PostgreSQL) {version.split()[0]}" in said
    assert int(version.split(".")[0]) >= 15
