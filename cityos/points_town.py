"""A small town's eight weeks of points, played through the real ledger, so that somebody can look at the pages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from broker.errors import Conflict, Invalid
from broker.ports import Database
from schemas.clock import utc_now
from services.points.earning import Occasion
from services.points.ledger import Ledger
from services.points.model import day_of, midnight_after
from services.points.overview import shops
from services.points.settings import PointsSettings
from services.points.town import Checkout, Shop, Town

WEEKS = 8
SHOPS = (
    Shop(id="demo-kissa", name="喫茶ひまわり", area="中央", category="飲食"),
    Shop(id="demo-soba", name="そば処 九頭竜", area="中央", category="飲食"),
    Shop(id="demo-shokudo", name="港の食堂", area="三国", category="飲食"),
    Shop(id="demo-yaoya", name="八百屋まるや", area="中央", category="食料品"),
    Shop(id="demo-super", name="スーパー日野", area="南", category="食料品"),
    Shop(id="demo-hon", name="足羽書店", area="中央", category="物販"),
    Shop(id="demo-yakkyoku", name="みどり薬局", area="南", category="物販"),
    Shop(
        id="demo-bus", name="市営バス", category="交通", purpose="transport", monthly_fee=0, fee_per_point=0
    ),
)  # fmt: skip
_HOURS = 10
_SPENDERS = 0.35


class PointsTown:
    """Plays the weeks before now once. `database` is the system's."""

    def __init__(self, database: Database, tenant: str, *, residents: int, sales_a_day: int) -> None:
        self._now = utc_now()
        self._end = self._now
        self._chance = random.Random(7)
        self._ledger = Ledger(database, PointsSettings(), lambda: self._now)
        self._town = Town(database, self._ledger, lambda: self._now)
        self._tenant, self._residents, self._sales = tenant, residents, sales_a_day
        self.declined = 0
        self.sold = 0

    async def play(self, show: Callable[[str], None]) -> None:
        """From the first day to today. Raises `Invalid` where the city has shops already: its books are not a stage."""
        async with self._town.database.transaction(self._tenant) as tx:
            if await shops(tx):
                raise Invalid("this city has member shops already; play the demo in a city of its own", field="tenant")
        first = self._end - timedelta(weeks=WEEKS)
        async with self._ledger.running():
            self._now = first
            await self._furnish()
            show(f"加盟店 {len(SHOPS)}、住民 {self._residents} 人、事業 3")
            for number in range(WEEKS * 7):
                await self._day(first + timedelta(days=number))
            self._now = self._end
        show(f"会計 {self.sold} 件、残高不足などで断った {self.declined} 件")

    async def _furnish(self) -> None:
        town, tenant = self._town, self._tenant
        await town.open_books(tenant)
        for shop in SHOPS:
            await town.open_shop(tenant, shop)
        await town.put_rules(tenant, {"campaigns": self._campaigns()}, "cityos points demo")
        for campaign, points in (("kaimono", 200_000), ("ouen30", 150_000), ("idou75", 300_000)):
            await town.fund(tenant, f"demo-{campaign}", f"campaign/{campaign}", points)
        for number in range(self._residents):
            await self._resident(number)

    def _campaigns(self) -> list[dict[str, Any]]:
        first, today = day_of(self._end - timedelta(weeks=WEEKS)), day_of(self._end)
        whole = {"start": first.isoformat(), "end": (today + timedelta(days=180)).isoformat()}
        weeks = {"start": (today - timedelta(weeks=3)).isoformat(), "end": today.isoformat()}
        return [
            {"id": "kaimono", "title": "買い物ポイント", "rule": {"type": "per_yen", "yen": 100, "points": 1}, **whole},
            {
                "id": "ouen30",
                "title": "飲食店応援30%",
                "rule": {"type": "percent", "percent": 30},
                "where": {"categories": ["飲食"]},
                "caps": {"per_day": 1000},
                **weeks,
            },
            {
                "id": "idou75",
                "title": "移動支援",
                "rule": {"type": "fixed", "points": 3000},
                "who": {"min_age": 75},
                "grant": {"spend_on": ["transport"], "valid_months": 12},
                **whole,
            },
        ]

    async def _resident(self, number: int) -> None:
        town, tenant = self._town, self._tenant
        born = day_of(self._now - timedelta(days=365 * self._chance.randint(18, 90)))
        known = {
            "born": born,
            "household": f"demo-{number // 2}",
            "residence": self._chance.choice(["中央", "南", "三国"]),
        }
        account = await town.enrol(tenant, f"demo-{number}", known)
        if number % 3 == 0:
            until = midnight_after(day_of(self._now + timedelta(days=150)))
            await town.sell(tenant, f"demo-{number}", account, 5000, 1000, until, "premium")
        claim = Occasion(
            id=f"claim/demo-{number}", person=await town.person(tenant, account), at=self._now, campaign="idou75"
        )
        await town.earn(tenant, claim)

    async def _day(self, morning: datetime) -> None:
        """A day's sales, hour by hour. In a campaign's weeks more people eat out."""
        busy = self._end - morning < timedelta(weeks=3)
        for hour in range(_HOURS):
            self._now = morning + timedelta(hours=hour)
            if self._now >= self._end:
                return
            count = max(1, self._sales // _HOURS)
            await asyncio.gather(*(self._sale(f"{morning:%m%d}-{hour}-{n}", busy) for n in range(count)))

    async def _sale(self, id: str, busy: bool) -> None:
        weights = [3 if busy and shop.category == "飲食" else 1 for shop in SHOPS]
        [shop] = self._chance.choices(SHOPS, weights)
        fare = shop.purpose == "transport"
        yen = 300 if fare else self._chance.randrange(300, 6000, 10)
        points = yen if fare else (min(yen, 500) if self._chance.random() < _SPENDERS else 0)
        account = f"resident/demo-{self._chance.randrange(self._residents)}"
        try:
            await self._town.pay(self._tenant, shop, account, Checkout(f"demo-{id}", None, yen, points, self._now))
            self.sold += 1
        except Conflict:
            self.declined += 1
