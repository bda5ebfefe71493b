"""A database of every released schema becomes one of today's, with all that was in it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from broker.errors import Invalid
from broker.ports import Database
from broker.store.books import audit
from broker.store.maintenance import Keeper
from broker.store.migrate import ROLES, make_roles, migrate
from broker.store.partitions import existing_months
from broker.store.postgres import open_database
from broker.store.settings import KeeperSettings
from cityos.dump import count_rows, environment_of
from cityos.embedded import EmbeddedPostgres, binary
from cityos.schema import MIGRATED_PACKAGES
from tests.upgrade_fixture import FOLDER

RELEASES = sorted(path for path in FOLDER.glob("*.sql") if path.name != "sample.sql")
TIMES = 144 + 1
VALUES = 144 + 24 + 1
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
async def old(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Database, str]]:
    """A database as that release left it, as its owner, and its name."""
    path: Path = request.param
    name = f"upgrade_{path.stem}"
    url = postgres.url(database=name)
    postgres.run_sql("postgres", f'create database "{name}"')
    owner = await open_database(url, system=True, size=4)
    async with owner.transaction() as tx:
        await make_roles(tx, {})
    await asyncio.to_thread(run_script, url, path)
    yield owner, name
    await owner.close()
    postgres.run_sql("postgres", f'drop database "{name}" with (force)')


def run_script(url: str, script: Path) -> None:
    subprocess.run(
        [binary("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(script)],
        env={**os.environ, **environment_of(url)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def test_there_is_a_release_to_upgrade_from() -> None:
    assert "0001" in [path.stem for path in RELEASES]


async def test_a_release_is_upgraded_with_its_data(old: tuple[Database, str], postgres: EmbeddedPostgres) -> None:
    owner, name = old
    async with owner.transaction() as tx:
        before = await count_rows(tx)
    assert before["history_rest"] == 2 * VALUES, "the release's dump holds data"
    applied = await migrate(owner, MIGRATED_PACKAGES, {role: postgres.password(role) for role in ROLES})
    assert await migrate(owner, MIGRATED_PACKAGES, {}) == []
    async with owner.transaction() as tx:
        after = await count_rows(tx)
        assert after.pop("schema_migration") == before.pop("schema_migration") + len(applied)
        assert {table: after[table] for table in before} == before
        assert await audit(tx, date(2026, 1, 1)) == []
    await look_after(postgres.url("cityos_system", name))
    await see_as_tenant(postgres.url("cityos_app", name))


async def look_after(url: str) -> None:
    """What an old city held is looked after like everything new: months, roll-ups, accounts."""
    system = await open_database(url, system=True)
    keeper = Keeper(system, KeeperSettings(month_rows=100), lambda: NOW)
    await keeper.round()
    await keeper.sweep()
    async with system.transaction() as tx:
        assert date(2021, 8, 1) in await existing_months(tx)
        assert await tx.fetchval("select count(*) from history") == 2 * VALUES
        rolled = await tx.fetchrow("select sum(total) as total, sum(count) as count from history_hour")
        assert (rolled["total"], rolled["count"]) == (2 * TIMES, 2 * 144)
        assert await tx.fetchval("select next from position where consumer = 'writer'") == 171
    await system.close()


async def see_as_tenant(url: str) -> None:
    app = await open_database(url)
    async with app.transaction("fukui") as tx:
        assert await tx.fetchval("select doc -> 'waterLevel' ->> 'value' from entity") == "1.5"
        assert await tx.fetchval("select count(*) from history") == VALUES
        assert await tx.fetchval("select sum(total) from history_day") == TIMES
    await app.close()


async def test_a_released_migration_that_was_altered_is_refused(old: tuple[Database, str]) -> None:
    owner, _ = old
    async with owner.transaction() as tx:
        await tx.execute("update schema_migration set digest = 'of another text' where name = '0001_core.sql'")
    with pytest.raises(Invalid, match="0001_core"):
        await migrate(owner, MIGRATED_PACKAGES, {})
