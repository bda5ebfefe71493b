"""The demo town: its books are whole, and a city that has shops is left alone."""

from __future__ import annotations

import pytest

from broker.errors import Invalid
from cityos.points_town import SHOPS, PointsTown
from schemas.clock import utc_now
from services.points.overview import funds, shops
from services.points.verify import seal, verify
from tests.conftest import CityDatabase


async def test_a_town_to_look_at(database: CityDatabase) -> None:
    said: list[str] = []
    town = PointsTown(database.system, "fukui", residents=12, sales_a_day=10)
    await town.play(said.append)
    assert town.sold > 400
    await seal(database.system, "fukui", utc_now())
    assert (await verify(database.system, "fukui")).faults == []
    async with database.app.transaction("fukui") as tx:
        assert len(await shops(tx)) == len(SHOPS)
        assert all(fund.given > 0 for fund in await funds(tx) if fund.id != "idou75")
    with pytest.raises(Invalid, match="has member shops already"):
        await PointsTown(database.system, "fukui", residents=12, sales_a_day=10).play(said.append)
