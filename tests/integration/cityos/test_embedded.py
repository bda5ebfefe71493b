"""The PostgreSQL of one machine starts again after whatever death."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import pytest

from broker.errors import Unavailable
from cityos.embedded import EmbeddedPostgres
from tests.conftest import TEST_BINARIES

pytestmark = pytest.mark.faults


async def test_it_starts_again_beside_a_busy_child_of_the_one_that_was_killed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", options={"fsync": "off"}, binaries=TEST_BINARIES)
    await asyncio.to_thread(server.start)
    try:
        connection = await asyncpg.connect(server.url(database="postgres"))
        busy = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 20000000)"))
        await asyncio.sleep(0.3)  # the child computes, and looks for its parent only when it is done
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
