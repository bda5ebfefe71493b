"""The PostgreSQL of one machine starts again after whatever death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from adapters.mqtt.patience import until
from broker.errors import Unavailable
from cityos.city import keep_alive
from cityos.embedded import EmbeddedPostgres
from tests.conftest import TEST_BINARIES

pytestmark = pytest.mark.faults

AT_WORK = (
    "select 1 / count(*) from pg_stat_activity where state = 'active' and query like '%generate_series(%'"
    " and pid <> pg_backend_pid()"
)
"""Fails while nobody counts."""


async def test_it_starts_again_beside_a_busy_child_of_the_one_that_was_killed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"}, binaries=TEST_BINARIES)
    await asyncio.to_thread(server.start)
    try:
        connection = await asyncpg.connect(server.url(database="postgres"))
        busy = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 20000000)"))
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(server.run_sql, "postgres", AT_WORK, check=False):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        # The child computes, and looks for its parent only when it is done.
        server.kill()
        await asyncio.to_thread(server.start)
        assert "pre-existing shared memory block" in (tmp_path / "pg" / "server.log").read_text()
        assert server.run_sql("postgres", "select 1")
        with contextlib.suppress(asyncpg.PostgresError, OSError, asyncpg.InterfaceError):
            await busy
        connection.terminate()
    finally:
        await asyncio.to_thread(server.stop)


async def test_what_hinders_it_is_told_in_the_server_s_own_words(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", options={"shared_buffers": "a lot"}, binaries=TEST_BINARIES)
    with pytest.raises(Unavailable, match='invalid value for parameter "shared_buffers"'):
        await asyncio.to_thread(server.start)


async def test_it_is_started_again_though_its_number_cannot_be_written_down(tmp_path: Path) -> None:
    """As on a disk that is full: what dies of it must come back by itself when there is room."""
    server, noted = (
        EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"}, binaries=TEST_BINARIES),
        tmp_path / "pid",
    )
    await asyncio.to_thread(server.start)
    noted.mkdir()  # no file can be put there
    keeping = asyncio.create_task(keep_alive(server, noted))
    try:
        for _ in range(2):
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                while not await asyncio.to_thread(server.run_sql, "postgres", "select 1", check=False):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        noted.rmdir()
        assert await until(lambda: noted.is_file() and noted.read_text() == str(server.pid), within=30)
    finally:
        keeping.cancel()
        await asyncio.to_thread(server.stop)


async def test_one_that_dies_at_once_again_leaves_the_last_number_standing(tmp_path: Path) -> None:
    """Whoever reads the file finds a number, also while the children of the one that was killed let none start."""

    class DiesYoung(EmbeddedPostgres):
        tries = 0

        def revive(self) -> bool:
            self.tries += 1
            return True

        @property
        def pid(self) -> int | None:
            return 4711 if self.tries == 1 else None

    server, noted = DiesYoung(tmp_path / "pg"), tmp_path / "pid"
    keeping = asyncio.create_task(keep_alive(server, noted))
    try:
        assert await until(lambda: server.tries >= 3, within=30)
        assert noted.read_text() == "4711"
    finally:
        keeping.cancel()
