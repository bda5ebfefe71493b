"""A day's closing and the unused balance at a time, across midnight of Japan and a leap day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from broker.errors import Invalid
from services.points.closing import close, outstanding
from services.points.keeping import Keeper
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Transfer, midnight_after
from services.points.settings import PointsSettings
from tests.conftest import CityDatabase

LEAP_DAY = date(2024, 2, 29)
MIDNIGHT = midnight_after(LEAP_DAY)


class Town:
    """A ledger whose clock the test turns."""

    def __init__(self, database: CityDatabase) -> None:
        self.now = MIDNIGHT - timedelta(hours=2)
        self.ledger = Ledger(database.app, PointsSettings(), lambda: self.now)
        self.database = database

    async def open(self) -> None:
        for id, kind in (("issuer", "issuer"), ("breakage", "breakage"), ("a", "resident"), ("shop", "shop")):
            await self.ledger.open_account("fukui", id, kind, overdraft=None if kind == "issuer" else 0)

    async def move(self, id: str, debit: str, credit: str, amount: int, lot: LotTerms | None = None) -> None:
        wish = Transfer(id=id, code=Code.SPEND, debit=debit, credit=credit, amount=amount, lot=lot)
        [result] = await self.ledger.submit("fukui", [wish])
        assert result.status.fine, result

    async def unused(self, at: datetime) -> dict[tuple[str, str], int]:
        async with self.database.app.transaction("fukui") as tx:
            return {(row.kind, row.programme): row.points for row in await outstanding(tx, at)}


async def test_a_closing_says_what_the_books_said_at_midnight(database: CityDatabase) -> None:
    town = Town(database)
    given = LotTerms(kind=Kind.GIVEN, programme="健康", expires_at=MIDNIGHT)
    bought = LotTerms(kind=Kind.BOUGHT, programme="プレミアム", expires_at=MIDNIGHT + timedelta(days=180))
    async with town.ledger.running():
        await town.open()
        await town.move("g", "issuer", "a", 100, given)
        await town.move("b", "issuer", "a", 500, bought)
        await town.move("s", "a", "shop", 30)
        before = town.now
        town.now = MIDNIGHT + timedelta(seconds=30)
        await town.move("late", "a", "shop", 50)
        with pytest.raises(Invalid, match="2024-02-29 can be closed from 2024-03-01 00:01:00"):
            await close(database.system, "fukui", LEAP_DAY, town.now)
        town.now = MIDNIGHT + timedelta(minutes=10)
        await Keeper(database.system, town.ledger, PointsSettings(), lambda: town.now).sweep("fukui")
        made = await close(database.system, "fukui", LEAP_DAY, town.now)
        await town.move("later", "a", "shop", 70)
        assert await close(database.system, "fukui", LEAP_DAY, town.now) == made
    assert [(row.kind, row.programme, row.points) for row in made.outstanding] == [("bought", "プレミアム", 500)]
    assert made.balances == {"issuer": -600, "breakage": 0, "resident": 570, "shop": 30}
    assert made.flows == {"spend": (3, 630)}
    assert made.unused == 500
    assert await town.unused(before + timedelta(seconds=1)) == {("bought", "プレミアム"): 500, ("given", "健康"): 70}
    assert await town.unused(before - timedelta(days=1)) == {}
    assert await town.unused(town.now + timedelta(seconds=1)) == {("bought", "プレミアム"): 380}
    assert await town.unused(datetime(2024, 12, 31, tzinfo=UTC)) == {}
