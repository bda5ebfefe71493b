"""Fixtures shared by all: a real PostgreSQL, started once, and in it a migrated database for each test that asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_rerunfailures  # type: ignore[import-untyped]
from hypothesis import HealthCheck, settings

from broker.store.migrate import ROLES, migrate
from broker.store.postgres import PostgresDatabase, open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from tests.requirements import in_ci

TEST_BINARIES = Path(os.environ["CITYOS_TEST_POSTGRES_BIN"]) if "CITYOS_TEST_POSTGRES_BIN" in os.environ else None
"""The folder of the PostgreSQL programs to test against; None: those of the wheel."""

_PATTERN = "pattern"
"""A migrated database that nobody uses. A test's own is a copy of it, which takes a tenth of the migrations' time."""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server of this test run's own: the wheel's, or that of `CITYOS_TEST_POSTGRES_BIN`."""
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("postgres"),
        options={"fsync": "off", "max_connections": "200"},
        binaries=TEST_BINARIES,
    )
    server.start()
    asyncio.run(_make_pattern(server))
    yield server
    server.stop()


@dataclass(frozen=True)
class CityDatabase:
    """One migrated database: `system` sees all tenants, `app` only the one set for its transaction."""

    system: PostgresDatabase
    app: PostgresDatabase
    system_url: str
    app_url: str


async def _make_pattern(postgres: EmbeddedPostgres) -> None:
    postgres.run_sql("postgres", f"create database {_PATTERN}")
    owner = await open_database(postgres.url(database=_PATTERN), system=True, size=2)
    passwords = {role: postgres.password(role) for role in ROLES}
    await migrate(owner, MIGRATED_PACKAGES, passwords)
    async with owner.transaction() as tx:
        await tx.execute("insert into tenant (name, title) values ('fukui', '福井県'), ('neighbour', '隣の市')")
    await owner.close()


@pytest.fixture
async def database(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> AsyncIterator[CityDatabase]:
    """A fresh database with the tenants `fukui` and `neighbour`, dropped afterwards."""
    async with city_database(postgres, f"test_{abs(hash(request.node.nodeid)):x}") as made:
        yield made


@asynccontextmanager
async def city_database(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[CityDatabase]:
    """One of that name: for a test with two platforms."""
    postgres.run_sql("postgres", f'create database "{name}" template {_PATTERN}')
    system_url, app_url = (postgres.url(role, name) for role in ("cityos_system", "cityos_app"))
    city = CityDatabase(await open_database(system_url, system=True), await open_database(app_url), system_url, app_url)
    yield city
    await city.system.close()
    await city.app.close()
    postgres.run_sql("postgres", f'drop database "{name}" with (force)')


def pytest_configure(config: pytest.Config) -> None:
    Path("test-output").mkdir(exist_ok=True)
    # How long an example takes says something about the machine, not about what is tested.
    settings.register_profile("city", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("city")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI a test that waits for real processes gets a second try, which the summary lists: a bug to mend.

    A fault test gets none: a record lost once in a hundred runs is lost.
    """
    if not in_ci():
        return
    for item in items:
        if "integration" in item.path.parts and item.get_closest_marker("faults") is None:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A second try gets a city of its own, too: in the module's the first has left its people, bookings and zones.

    The plugin for second tries keeps a module's fixtures over them; here they are ended first, but the session's.
    """
    if getattr(item, "execution_count", 1) > 1 and item.get_closest_marker("in_order") is None:
        pytest_rerunfailures._restore_suspended_finalizers(item)
        down_to_the_session: Any = item.session
        item.session._setupstate.teardown_exact(down_to_the_session)
