"""A gateway on a real PostgreSQL, with clients that hold tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.clients import register_client
from api_gateway.oauth.keys import open_keys
from api_gateway.serve import listen, serve
from api_gateway.settings import GatewaySettings
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES
from tests.conftest import CityDatabase
from tests.integration.gateway.receiving import Receiver

SETTINGS = GatewaySettings(
    port=0,
    public_url="http://127.0.0.1:8080",
    stream_poll_seconds=0.02,
    stream_buffer=8,
    heartbeat_seconds=0.3,
    max_points=50,
)
PRESENT = datetime(2024, 7, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class City:
    """The application under test and its parts."""

    app: FastAPI
    services: Gateway
    log: PostgresLog
    database: CityDatabase

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    async def token(self, *scopes: str, tenant: str = "fukui") -> str:
        """A token for a new client with these scopes, from the token endpoint."""
        async with self.database.system.transaction() as tx:
            client_id, secret = await register_client(tx, tenant, "test", scopes)
        async with self.client() as client:
            answer = await client.post(
                "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
            )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@pytest.fixture
async def city(database: CityDatabase) -> AsyncIterator[City]:
    async with open_city(database, SETTINGS) as made:
        yield made


@asynccontextmanager
async def open_city(database: CityDatabase, settings: GatewaySettings) -> AsyncIterator[City]:
    """A gateway over `database`."""
    partitions = {CHANGES: 2}
    log = PostgresLog(database.system, partitions=partitions)
    services = Gateway(
        database=database.app,
        log=log,
        outlet=PostgresOutlet(partitions),
        keys=await open_keys(database.app, "fukui"),
        settings=settings,
    )
    yield City(create_app(services), services, log, database)
    await log.close()


@pytest.fixture
async def api(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with city.client() as client:
        yield client


@pytest.fixture
async def writer(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client of fukui's with a token to write."""
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {await city.token('entities:write')}"
        yield client


@pytest.fixture
async def base_url(city: City) -> AsyncIterator[str]:
    """A real server on a free port."""
    sock = listen(city.services.settings)
    stop = asyncio.Event()
    running = asyncio.create_task(serve(city.app, city.services.settings, stop, sock))
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    stop.set()
    await asyncio.wait_for(running, 60)


@pytest.fixture
async def keeper(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do what an operator of parks may."""
    token = await city.token("entities:read", "entities:write", "subscriptions:write", "contexts:write")
    async with city.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield made
    server.close()
    await server.wait_closed()
