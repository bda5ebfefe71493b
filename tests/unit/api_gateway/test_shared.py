"""Answers asked for together are made once; a failure is not kept; nobody gets one older than agreed."""

from __future__ import annotations

import asyncio

import pytest

from api_gateway.shared import Answer, SharedAnswers, tag_of
from broker.errors import Unavailable


class Kitchen:
    def __init__(self) -> None:
        self.made = 0
        self.now = 0.0
        self.broken = False
        self.shared = SharedAnswers(1.0, monotonic=lambda: self.now)

    async def make(self) -> Answer:
        self.made += 1
        await asyncio.sleep(0)
        if self.broken:
            raise Unavailable("away")
        return Answer(str(self.made).encode(), tag_of(b"x"))

    async def get(self, key: str = "a") -> bytes:
        return (await self.shared.get(key, self.make)).body


async def test_asked_together_it_is_made_once_for_each_key() -> None:
    kitchen = Kitchen()
    assert await asyncio.gather(*(kitchen.get() for _ in range(100))) == [b"1"] * 100
    assert await kitchen.get("b") == b"2"


async def test_after_its_time_it_is_made_anew() -> None:
    kitchen = Kitchen()
    await kitchen.get()
    kitchen.now = 0.9
    assert await kitchen.get() == b"1"
    kitchen.now = 1.0
    assert await kitchen.get() == b"2"


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    kitchen = Kitchen()
    kitchen.broken = True
    found = await asyncio.gather(*(kitchen.get() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    kitchen.broken = False
    assert await kitchen.get() == b"2"


async def test_who_goes_away_takes_it_from_nobody() -> None:
    kitchen = Kitchen()
    first = asyncio.create_task(kitchen.get())
    second = asyncio.create_task(kitchen.get())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == b"1"
