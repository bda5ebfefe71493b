"""Roles that mostly wait share a process on one machine."""

from __future__ import annotations

import asyncio

import pytest

from broker.errors import Invalid
from cityos.city import processes_of
from cityos.run import run_together
from cityos.settings import Settings, load_settings


def test_those_that_mostly_wait_share_a_process_and_no_other_does() -> None:
    plain = ("endpoint", "writer", "alerting", "notifier", "gateway")
    assert processes_of(load_settings({})) == (*plain, "evacuation")
    assert processes_of(load_settings({"CITYOS_POINTS_ENABLED": "true"})) == (*plain, "evacuation+points")


async def test_one_that_fails_ends_the_others_with_its_own_error() -> None:
    ended: list[str] = []

    async def waits(_: Settings, stop: asyncio.Event) -> None:
        try:
            await stop.wait()
        finally:
            ended.append("waits")

    async def fails(_: Settings, __: asyncio.Event) -> None:
        raise Invalid("the port is taken", field="port")

    with pytest.raises(Invalid, match="the port is taken"):
        await run_together([waits, fails], load_settings({}), asyncio.Event())
    assert ended == ["waits"]


async def test_all_end_when_told() -> None:
    async def waits(_: Settings, stop: asyncio.Event) -> None:
        await stop.wait()

    stop = asyncio.Event()
    running = asyncio.create_task(run_together([waits, waits], load_settings({}), stop))
    await asyncio.sleep(0)
    assert not running.done()
    stop.set()
    await running
