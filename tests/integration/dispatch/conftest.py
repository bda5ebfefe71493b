"""The buses of a town on a real PostgreSQL, with a clock that a test sets."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from broker.log.postgres import PostgresOutlet
from broker.ports import CHANGES
from schemas.clock import JST
from services.dispatch import store
from services.dispatch.days import Days
from services.dispatch.service import BusService
from services.dispatch.settings import DispatchSettings
from services.dispatch.travel import StraightLine
from services.dispatch.values import Stop, Vehicle
from tests.conftest import CityDatabase

DAY = date(2026, 11, 24)
STOPS = [Stop(f"s{i}", f"停留所{i}", 136.20 + 0.01 * (i % 4), 35.95 + 0.01 * (i // 4)) for i in range(12)]
OUTLET = PostgresOutlet({CHANGES: 2})


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 7, 0, tzinfo=JST)

    def __call__(self) -> datetime:
        return self.at

    def set(self, minutes: float) -> None:
        """To so many minutes after midnight."""
        self.at = datetime(2026, 11, 24, tzinfo=JST) + timedelta(minutes=minutes)


async def town(database: CityDatabase, vehicles: int, *, seats: int = 4) -> None:
    """Twelve stops and some buses."""
    async with database.app.transaction("fukui") as tx:
        for stop in STOPS:
            await store.save_stop(tx, stop)
        for v in range(vehicles):
            await store.save_vehicle(tx, Vehicle(f"v{v}", f"{v}号車", seats, 1, "s0", 480.0, 1080.0))


def service(database: CityDatabase, now: Now) -> BusService:
    """The buses as the gateway has them."""
    return BusService(database.app, StraightLine(25.0, 1.3), DispatchSettings(), OUTLET, now)


def days(now: Now) -> Days:
    """The days as the role has them."""
    return Days(StraightLine(25.0, 1.3), DispatchSettings(), now)


@pytest.fixture
def now() -> Now:
    """Seven in the morning."""
    return Now()
