"""Who may read what lies in one part of the city sees what neighbours know of that part, and nothing of the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import CityDatabase
from tests.integration.door.test_areas import HERE, NAMES, QUERY, THERE, Divided, divided, placed
from tests.integration.gateway.conftest import SETTINGS, City, open_city
from tests.integration.gateway.test_entities import ENTITIES
from tests.integration.gateway.test_personal_sources import answering, register

__all__ = ["divided"]

INSIDE, OUTSIDE, NOWHERE = (f"urn:ngsi-ld:WaterObserved:fukui-{number}" for number in (11, 12, 13))


class Neighbour:
    """A context source with a gauge in the north, one elsewhere and one of which it says no place; it keeps what it is
    asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""
        known = [placed(11, HERE), placed(12, THERE), placed(13, HERE)]
        known[2].pop("location")
        for gauge in known[:2]:
            gauge["location"] = {"type": "GeoProperty", "value": gauge["location"]}
        self.known: dict[str, dict[str, Any]] = {gauge["id"]: gauge for gauge in known}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)[1]
        self.asked.append(target)
        one = target.partition("?")[0].rpartition("/")[2]
        found = self.known.get(one) if one.startswith("urn:") else list(self.known.values())
        answer = json.dumps(found if found is not None else {"title": "unknown"}).encode()
        head = f"HTTP/1.1 {404 if found is None else 200} X\r\nConnection: close\r\nNGSILD-Results-Count: 3\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def city(database: CityDatabase) -> AsyncIterator[City]:
    async with open_city(database, SETTINGS.model_copy(update={"private_hosts": True})) as made:
        yield made


@pytest.fixture
async def neighbour(divided: Divided) -> AsyncIterator[Neighbour]:
    made = Neighbour()
    async with answering(made):
        await register(divided.city, made, {"entities": [{"type": "WaterObserved"}]})
        yield made


async def test_what_sources_know_of_the_area_is_found_and_nothing_else(divided: Divided, neighbour: Neighbour) -> None:
    assert await divided.sees() == [NAMES[1], INSIDE]
    counted = await divided.stranger.get(f"{QUERY}&count=true&limit=1&offset=1&attrs=waterLevel")
    assert counted.headers["ngsild-results-count"] == "2", "what may not be seen is not counted either"
    assert [entity["id"] for entity in counted.json()] == [INSIDE]
    assert "location" not in counted.json()[0]
    assert "location" in neighbour.asked[-1], "what comes is judged by its place"
    split = await divided.stranger.get(f"{QUERY}&splitEntities=true&q=waterLevel&attrs=waterLevel&count=true")
    assert [entity["id"] for entity in split.json()] == [NAMES[1], INSIDE], (
        "what is put together is judged by its place"
    )
    assert split.headers["ngsild-results-count"] == "2"
    assert "q=" not in neighbour.asked[-1]
    assert len((await divided.chief.get(QUERY)).json()) == 6, "staff see all"
    neighbour.known[NAMES[2]] = neighbour.known[INSIDE] | {"id": NAMES[2]}
    assert await divided.sees() == [NAMES[1], INSIDE], "who says otherwise of what is known here is not heard"


async def test_one_that_a_source_knows_is_shown_where_it_lies_in_the_area(
    divided: Divided, neighbour: Neighbour
) -> None:
    for name, status in ((INSIDE, 200), (OUTSIDE, 401), (NOWHERE, 401), (f"{INSIDE}9", 404)):
        for more in ("", "?attrs=waterLevel"):
            answer = await divided.stranger.get(f"{ENTITIES}/{name}{more}")
            assert answer.status_code == status, (name, more, answer.text)
    neighbour.asked.clear()
    assert (await divided.stranger.get(f"{ENTITIES}/{NAMES[2]}")).status_code == 401
    assert neighbour.asked == [], "of what is known here and lies elsewhere no source is asked"
    neighbour.known[NAMES[1]] = placed(1, THERE) | {
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": THERE},
                     "observedAt": "2026-01-01T00:00:00Z"}
    }  # fmt: skip
    moved = await divided.stranger.get(f"{ENTITIES}/{NAMES[1]}")
    assert moved.status_code == 401, "it is judged where all together say that it lies"
    assert NAMES[1] not in await divided.sees()
