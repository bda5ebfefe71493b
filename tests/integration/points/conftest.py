"""A town whose clock the test turns: two residents of a family, two shops, campaigns with funds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from services.points.credentials import Presented, issue_code
from services.points.ledger import Ledger
from services.points.settings import PointsSettings
from services.points.town import Shop, Town
from services.points.verify import verify
from tests.conftest import CityDatabase

CAFE = Shop(id="kissa", name="喫茶ひまわり", area="中央", category="飲食")
BUS = Shop(id="bus", name="市営バス", category="交通", purpose="transport", monthly_fee=0, fee_per_point=0)
RULES = {
    "campaigns": [
        {
            "id": "kaimono",
            "title": "買い物ポイント",
            "rule": {"type": "per_yen", "yen": 100, "points": 1},
            "start": "2026-04-01",
            "end": "2027-03-31",
        },
        {
            "id": "kanpai30",
            "title": "飲食店応援30%",
            "rule": {"type": "percent", "percent": 30},
            "start": "2026-07-01",
            "end": "2026-07-31",
            "where": {"categories": ["飲食"]},
            "caps": {"per_day": 1000},
        },
        {
            "id": "idou75",
            "title": "移動支援",
            "rule": {"type": "fixed", "points": 3000},
            "start": "2026-04-01",
            "end": "2027-03-31",
            "who": {"min_age": 75},
            "grant": {"spend_on": ["transport"]},
        },
    ]
}


class Scene:
    """The town, with what most tests do."""

    def __init__(self, database: CityDatabase) -> None:
        self.database = database
        self.now = datetime(2026, 7, 10, 3, tzinfo=UTC)
        self.ledger = Ledger(database.app, PointsSettings(), lambda: self.now)
        self.town = Town(database.app, self.ledger, lambda: self.now)

    async def shown(self, account: str = "resident/a") -> Presented:
        code, _ = await issue_code(self.database.app, "fukui", account, self.now)
        return Presented(code=code)

    async def balance(self, account: str) -> int:
        async with self.database.app.transaction("fukui") as tx:
            return int(
                await tx.fetchval("select credits_posted - debits_posted from points_account where id = $1", account)
            )


@pytest.fixture
async def scene(database: CityDatabase) -> AsyncIterator[Scene]:
    scene = Scene(database)
    async with scene.ledger.running():
        await scene.town.open_books("fukui")
        await scene.town.enrol("fukui", "a", {"family": "f1", "born": date(1948, 1, 1)})
        await scene.town.enrol("fukui", "b", {"family": "f1"})
        await scene.town.enrol("fukui", "stranger")
        for shop in (CAFE, BUS):
            await scene.town.open_shop("fukui", shop)
        await scene.town.put_rules("fukui", RULES, "staff")
        for campaign, points in (("kaimono", 10_000), ("kanpai30", 5_000), ("idou75", 30_000)):
            await scene.town.fund("fukui", campaign, f"campaign/{campaign}", points)
        yield scene
        assert (await verify(database.system, "fukui")).faults == []
