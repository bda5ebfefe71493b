"""Two cities on one machine: real servers on free ports over one real database, each with a tenant of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.keys import open_keys
from api_gateway.serve import listen, serve
from api_gateway.settings import GatewaySettings
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES
from tests.conftest import CityDatabase

ROOT = "/ngsi-ld/v1"


@dataclass
class Town:
    """A city's gateway, reached over the network."""

    url: str
    tenant: str
    client: httpx.AsyncClient
    stop: asyncio.Event
    running: asyncio.Task[Any]

    async def die(self) -> None:
        """Close the doors: whoever asks is refused the connection."""
        self.stop.set()
        await asyncio.wait_for(self.running, 60)

    async def register(self, endpoint: str, information: list[dict[str, Any]], **more: Any) -> str:
        """Register a context source here. Returns the registration's id."""
        body = {"type": "ContextSourceRegistration", "endpoint": endpoint, "information": information, **more}
        answer = await self.client.post(f"{ROOT}/csourceRegistrations", json=body)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"].rpartition("/")[2]

    async def create(self, entity: dict[str, Any], *, local: bool = False) -> httpx.Response:
        """Create an entity."""
        return await self.client.post(f"{ROOT}/entities", json=entity, params={"local": "true"} if local else {})

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """Read."""
        return await self.client.get(f"{ROOT}/{path}", params=params)


@asynccontextmanager
async def town(database: CityDatabase, tenant: str, **settings: Any) -> AsyncIterator[Town]:
    """A gateway whose default tenant is `tenant`, without tokens, that may ask other addresses of this machine."""
    partitions = {CHANGES: 2}
    log = PostgresLog(database.system, partitions=partitions)
    given = {"port": 0, "auth": "off", "private_hosts": True, "source_seconds": 3.0, "source_rest_seconds": 0.0}
    chosen = GatewaySettings(**{**given, "default_tenant": tenant, **settings})
    services = Gateway(
        database=database.app,
        log=log,
        outlet=PostgresOutlet(partitions),
        keys=await open_keys(database.app, tenant),
        settings=chosen,
    )
    sock = listen(chosen)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    stop = asyncio.Event()
    running = asyncio.create_task(serve(create_app(services), chosen, stop, sock))
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield Town(url, tenant, client, stop, running)
    stop.set()
    await asyncio.wait_for(running, 60)
    await log.close()


@pytest.fixture
async def fukui(database: CityDatabase) -> AsyncIterator[Town]:
    async with town(database, "fukui") as it:
        yield it


@pytest.fixture
async def sabae(database: CityDatabase) -> AsyncIterator[Town]:
    """The neighbour."""
    async with town(database, "neighbour") as it:
        yield it
