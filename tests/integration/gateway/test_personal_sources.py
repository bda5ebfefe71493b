"""No context source hears of a question before the gates have decided that it may be asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from tests.conftest import CityDatabase
from tests.integration.gateway.conftest import SETTINGS, City, open_city
from tests.integration.gateway.test_personal import PURPOSE, RIDE, Rides, open_rides

MINE, UNKNOWN = RIDE.format("h"), RIDE.format("elsewhere")
ROOT = "/ngsi-ld/v1"


class Source(Protocol):
    """What stands for another broker."""

    url: str

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""


class Neighbour:
    """A context source that keeps the lines of what it is asked, and knows one booking of its own."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        for line in head.split("\r\n"):
            if line.lower().startswith("content-length:"):
                head += (await reader.readexactly(int(line.split(":")[1]))).decode()
        target = head.split(" ", 2)[1]
        self.asked.append(head)
        one = {"id": MINE, "type": "RideBooking", "seats": {"type": "Property", "value": 9}}
        answer = json.dumps(one if "/entities/" in target else [one]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n")
        writer.write(f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def answering(source: Source) -> AsyncIterator[None]:
    """The source answers on a port of its own, which its `url` names."""
    server = await asyncio.start_server(source.serve, "127.0.0.1", 0)
    source.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield
    server.close()
    await server.wait_closed()


@pytest.fixture
async def neighbour() -> AsyncIterator[Neighbour]:
    made = Neighbour()
    async with answering(made):
        yield made


@pytest.fixture
async def city(database: CityDatabase) -> AsyncIterator[City]:
    async with open_city(database, SETTINGS.model_copy(update={"private_hosts": True})) as made:
        yield made


@pytest.fixture
async def rides(city: City) -> AsyncIterator[Rides]:
    async with open_rides(city) as made:
        yield made


async def register(city: City, neighbour: Source, *information: dict[str, Any], **more: Any) -> None:
    body = {"type": "ContextSourceRegistration", "endpoint": neighbour.url, "information": list(information), **more}
    headers = {"Authorization": f"Bearer {await city.token('entities:write', 'registrations:write')}"}
    async with city.client() as client:
        answer = await client.post(f"{ROOT}/csourceRegistrations", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_without_a_ground_no_source_is_asked(rides: Rides, city: City, neighbour: Neighbour) -> None:
    operations = ["federationOps", "retrieveTemporal"]
    await register(city, neighbour, {"entities": [{"type": "RideBooking"}, {"type": "*"}]}, operations=operations)
    answer = await rides.client.get(f"{ROOT}/entities/{MINE}", headers=PURPOSE)
    assert answer.status_code == 404
    assert (await rides.client.get(f"{ROOT}/entities", params={"type": "RideBooking"}, headers=PURPOSE)).json() == []
    assert (await rides.client.get(f"{ROOT}/temporal/entities/{MINE}", headers=PURPOSE)).status_code == 404
    assert neighbour.asked == []
    assert (MINE, False) in await rides.booked()


async def test_with_consent_the_source_is_asked_and_one_disclosure_booked(
    rides: Rides, city: City, neighbour: Neighbour
) -> None:
    await register(city, neighbour, {"entities": [{"type": "*"}]}, mode="auxiliary")
    consent = await rides.consent()
    answer = await rides.client.get(f"{ROOT}/entities/{MINE}", headers=PURPOSE)
    assert answer.json()["seats"]["value"] == 1
    assert len(neighbour.asked) == 1
    assert await rides.booked() == [(MINE, True)]
    await rides.withdraw(consent)
    assert (await rides.client.get(f"{ROOT}/entities/{MINE}", headers=PURPOSE)).status_code == 404
    assert len(neighbour.asked) == 1


async def test_of_persons_unknown_here_no_source_is_asked(rides: Rides, city: City, neighbour: Neighbour) -> None:
    await register(city, neighbour, {"entities": [{"type": "RideBooking"}]})
    await rides.consent()
    answer = await rides.client.get(f"{ROOT}/entities/{UNKNOWN}", headers=PURPOSE)
    assert answer.status_code == 404
    assert neighbour.asked == []


async def test_a_query_never_names_the_concealed(rides: Rides, city: City, neighbour: Neighbour) -> None:
    """Neither in the parameters nor in the body, nor by an id that the registration itself names."""
    await register(city, neighbour, {"entities": [{"type": "*"}]}, operations=["queryEntity", "queryBatch"])
    await register(city, neighbour, {"entities": [{"type": "*", "id": MINE}]}, operations=["queryEntity"])
    park = "urn:ngsi-ld:OffStreetParking:1"
    for ids in (MINE, f"{MINE},{park}"):
        answer = await rides.client.get(f"{ROOT}/entities", params={"id": ids, "q": "seats>0"})
        assert answer.json() == []
        entities = [{"type": "*", "id": one} for one in ids.split(",")]
        posted = await rides.client.post(
            f"{ROOT}/entityOperations/query", json={"type": "Query", "entities": entities, "q": "seats>0"}
        )
        assert (posted.status_code, posted.json()) == (200, [])
    assert len(neighbour.asked) == 2
    assert all(park in asked and MINE not in asked for asked in neighbour.asked)


async def test_a_source_of_types_that_may_not_be_read_is_left_alone(
    rides: Rides, city: City, neighbour: Neighbour
) -> None:
    await register(city, neighbour, {"entities": [{"type": "RideBooking"}, {"type": "PointAccount"}]})
    assert (await rides.client.get(f"{ROOT}/entities", params={"q": "seats>0"})).json() == []
    assert (await rides.client.get(f"{ROOT}/entities/{UNKNOWN}")).status_code == 404
    assert neighbour.asked == []
