"""The role `chargers` as a container runs it: with the city's settings and the secrets of its own alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial

from cityos.roles import chargers
from cityos.settings import load_settings
from tests.conftest import CityDatabase
from tests.integration.charging.conftest import until


async def test_a_city_with_watch_tags_gives_the_chargers_no_key_of_theirs(database: CityDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "CITYOS_DATABASE_SYSTEM_URL": database.system_url,
        "CITYOS_TAGS_ENABLED": "true",
        "CITYOS_CHARGERS_ENABLED": "true",
        "CITYOS_CHARGERS_PORT": str(port),
    }
    stop = asyncio.Event()
    running = asyncio.create_task(chargers.run(load_settings(environment), stop))
    try:
        assert await until(partial(_listens, port), lambda listens: listens or running.done())
    finally:
        stop.set()
        await running


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
