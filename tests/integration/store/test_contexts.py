"""Contexts from elsewhere: fetched once, and never so many or so large that a process minds."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from broker.errors import Invalid
from broker.jsonld.library import ContextLibrary
from tests.conftest import CityDatabase

HERE = "http://127.0.0.1:8080"


async def test_a_context_that_many_ask_for_at_once_is_fetched_once(database: CityDatabase) -> None:
    asked: list[str] = []
    begun, told = asyncio.Event(), asyncio.Event()

    async def fetch(uri: str) -> bytes:
        asked.append(uri)
        begun.set()
        await told.wait()
        return orjson.dumps({"@context": {"level": "https://terms.example/level"}})

    library = ContextLibrary(database.system, fetch, HERE)
    waiting = [asyncio.create_task(library.resolve("fukui", ["https://terms.example/c"])) for _ in range(10)]
    await begun.wait()
    told.set()
    found = await asyncio.gather(*waiting)
    assert {context.expand("level") for context in found} == {"https://terms.example/level"}
    assert asked == ["https://terms.example/c"]


async def test_a_context_of_very_many_others_is_refused(database: CityDatabase) -> None:
    asked: list[str] = []

    async def fetch(uri: str) -> bytes:
        asked.append(uri)
        return orjson.dumps({"@context": {"level": uri}})

    library = ContextLibrary(database.system, fetch, HERE)
    with pytest.raises(Invalid, match="more than 64 others"):
        await library.resolve("fukui", [f"https://terms.example/{n}" for n in range(100)])
    assert len(asked) <= 64


async def test_large_contexts_push_older_ones_out(database: CityDatabase) -> None:
    async def fetch(uri: str) -> bytes:
        raise AssertionError(uri)

    library = ContextLibrary(database.system, fetch, HERE)
    small = await library.resolve("fukui", [{"level": "https://terms.example/level"}])
    assert await library.resolve("fukui", [{"level": "https://terms.example/level"}]) is small
    for chain in range(30):
        await library.resolve("fukui", [{f"t{n}": f"https://terms.example/{chain}/{n}" for n in range(19_000)}])
    assert await library.resolve("fukui", [{"level": "https://terms.example/level"}]) is not small
