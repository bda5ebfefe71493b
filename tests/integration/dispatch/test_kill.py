"""The planner killed in the middle of its work: every promise made stands, and a plan keeps them all."""

from __future__ import annotations

import asyncio
import sys

import pytest

from services.dispatch import store
from services.dispatch.values import Tour
from tests.conftest import CityDatabase
from tests.integration.dispatch.conftest import DAY, Now, service, town

PATIENT = 120.0


def kept(tours: dict[str, Tour], booking: str, latest: float, arrive: float) -> bool:
    for tour in tours.values():
        at = {stop.boards: stop.at for stop in tour.stops if stop.booking == booking}
        if at:
            return at[True] <= latest and at[True] < at[False] <= arrive
    return False


@pytest.mark.parametrize("promises", [3, 8])
async def test_promises_survive_a_kill_and_are_planned(database: CityDatabase, promises: int) -> None:
    await town(database, 3)
    command = (sys.executable, "-m", "tests.integration.dispatch.worker", database.app_url)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    told = [(await asyncio.wait_for(process.stdout.readline(), PATIENT)).decode().strip() for _ in range(promises)]
    process.kill()
    told += (await asyncio.wait_for(process.stdout.read(), PATIENT)).decode().split()
    await process.wait()
    tours = await service(database, Now()).desk.plan("fukui", DAY)
    async with database.app.transaction("fukui") as tx:
        stored = {booking.id: booking for booking in await store.load_bookings(tx, DAY)}
    assert set(told) <= set(stored)
    # At most the one under way was durable and not told yet.
    assert len(stored) - len(told) <= 1
    for name, booking in stored.items():
        assert kept(tours, name, booking.promise.pickup_until + 1e-6, booking.promise.arrive_by + 1e-6)
