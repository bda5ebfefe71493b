"""Rounds at every notice: none is lost, none waits for ever."""

from __future__ import annotations

import asyncio
import logging

import pytest

from broker.errors import Unavailable
from broker.waiting import Parts, again, lasting, rounds


async def test_what_is_told_during_a_round_begins_the_next() -> None:
    news, stop, seen = asyncio.Event(), asyncio.Event(), 0
    async with asyncio.timeout(10):
        async for _ in rounds(news, stop=stop, every=3600):
            seen += 1
            news.set()
            if seen == 3:
                stop.set()
    assert seen == 3


async def test_a_round_comes_without_news_too() -> None:
    stop, seen = asyncio.Event(), 0
    async with asyncio.timeout(10):
        async for _ in rounds(asyncio.Event(), stop=stop, every=0.01):
            seen += 1
            if seen == 2:
                stop.set()
    assert seen == 2


async def test_a_round_that_fails_is_told_and_made_up_for(caplog: pytest.LogCaptureFixture) -> None:
    stop, done = asyncio.Event(), []

    async def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise Unavailable("the database is away")
        stop.set()

    async with asyncio.timeout(10):
        await again(work, stop=stop, every=0.01, log=logging.getLogger("rounds"), otherwise="the books wait")
    assert done == [0, 1]
    assert [record.message for record in caplog.records] == ["the books wait: the database is away"]


async def test_what_lasts_begins_again_after_any_error(caplog: pytest.LogCaptureFixture) -> None:
    tries = []

    async def follow() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise RuntimeError("nobody expected this")

    async with asyncio.timeout(10):
        await lasting(follow, log=logging.getLogger("lasting"), name="following", pause=0.01)
    assert tries == [0, 1, 2]
    assert [record.message for record in caplog.records] == ["following failed and begins again"] * 2


async def test_a_part_that_a_library_cancels_ends_the_process() -> None:
    async def cancelled_within() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ExceptionGroup) as failed:
        async with asyncio.timeout(10), Parts() as parts:
            parts.add(asyncio.Event().wait())
            parts.add(cancelled_within())
    assert failed.group_contains(RuntimeError, match="was cancelled by nobody here")


async def test_a_part_may_be_cancelled_by_its_owner() -> None:
    async with asyncio.timeout(10), Parts() as parts:
        waiting = parts.add(asyncio.Event().wait())
        done = parts.add(asyncio.sleep(0, "done"))
        await done
        waiting.cancel()
    assert (waiting.cancelled(), done.result()) == (True, "done")
