"""PostgreSQL stands still without closing a connection: who reads is told so soon, and what only takes long goes on."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from api_gateway.app import create_app
from broker.errors import Unavailable
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from tests.conftest import TEST_BINARIES, CityDatabase
from tests.integration.gateway.conftest import SETTINGS, City
from tests.integration.gateway.test_entities import ENTITIES, GAUGE, UPSERT, gauge
from tests.standstill import standing_still

pytestmark = pytest.mark.faults

SOON = 10.0
PUBLIC = "/api/v1/public/snapshot"
READS = [
    f"{ENTITIES}/{GAUGE}",
    f"{ENTITIES}?type=WaterObserved",
    f"/ngsi-ld/v1/temporal/entities/{GAUGE}",
    "/v2/entities",
    "/api/v1/accounting",
]


@asynccontextmanager
async def impatient(city: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway as the role makes it, with a token that reads and writes."""
    database = await open_database(city.database.app_url, silent_seconds=SETTINGS.database_seconds)
    services = dataclasses.replace(city.services, database=database, metrics=type(city.services.metrics)())
    headers = {"Authorization": f"Bearer {await city.token('entities:write', 'entities:read', 'accounting:read')}"}
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers) as client:
        yield client
    await database.close()


async def test_who_asks_is_told_within_ten_seconds(city: City, postgres: EmbeddedPostgres) -> None:
    async with impatient(city) as client:
        assert (await client.post(UPSERT, json=[gauge()])).status_code == 201
        asked = [PUBLIC, *READS]
        assert {path: (await client.get(path)).status_code for path in asked} == dict.fromkeys(asked, 200)
        assert postgres.pid is not None
        with standing_still(postgres.pid):
            began = time.monotonic()
            # Far more than the pool has connections: some wait for a statement, the others for a connection.
            answers = await asyncio.gather(
                *(client.get(path) for path in READS * 5), client.post(UPSERT, json=[gauge(level=9.99)])
            )
            assert time.monotonic() - began < SOON
            assert (await client.get(PUBLIC)).status_code == 200, "the public's picture needs no database"
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert answers[0].headers["content-type"] == "application/problem+json"
        assert answers[0].json()["type"] == "urn:city-os:problem:unavailable"
        assert "ask again" in answers[0].json()["detail"]
        assert (await client.get(READS[0])).json()["waterLevel"]["value"] == gauge()["waterLevel"]["value"]


async def test_health_says_so_at_once(city: City, postgres: EmbeddedPostgres) -> None:
    async with impatient(city) as client:
        assert (await client.get("/health/ready")).status_code == 200
        assert postgres.pid is not None
        with standing_still(postgres.pid):
            began = time.monotonic()
            assert (await client.get("/health/ready")).status_code == 503
            assert time.monotonic() - began < 3, "whoever asks for our health waits no longer"


async def test_what_takes_long_goes_on_while_the_server_answers(database: CityDatabase) -> None:
    patient = await open_database(database.app_url, silent_seconds=0.5)
    async with patient.transaction("fukui") as tx:
        assert await tx.fetchval("select 'done' from pg_sleep(4)") == "done"
    await patient.close()


async def test_a_server_without_room_for_another_answers_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("narrow"), options={"max_connections": "5"}, binaries=TEST_BINARIES
    )
    await asyncio.to_thread(server.start)
    try:
        server.run_sql("postgres", "create role guest login password 'guest'")
        url = server.url(database="postgres").replace(f"cityos:{server.password('cityos')}", "guest:guest")
        crowded = await open_database(url, system=True, size=2, silent_seconds=0.5)
        async with crowded.transaction() as first, crowded.transaction() as second:
            assert await asyncio.gather(*(tx.fetchval("select 1 from pg_sleep(3)") for tx in (first, second))) == [1, 1]
        await crowded.close()
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_server_that_is_gone_is_said_to_be(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("mortal"), binaries=TEST_BINARIES)
    await asyncio.to_thread(server.start)
    gone = await open_database(server.url(), system=True, silent_seconds=0.5)
    with pytest.raises(Unavailable):
        async with gone.transaction() as tx:
            await asyncio.to_thread(server.kill)
            await tx.fetchval("select 1 from pg_sleep(5)")
    await gone.close()
