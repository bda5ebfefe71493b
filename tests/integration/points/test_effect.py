"""What a campaign moved: the same span before, groups told apart only where nobody can be known."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from broker.errors import Invalid, NotFound
from services.points.effect import Effect, Group, effect
from services.points.rulebook import check_rules
from services.points.town import Checkout
from tests.integration.points.conftest import BUS, CAFE, RULES, Scene

AFTER = datetime(2026, 8, 5, tzinfo=UTC)


async def sell(scene: Scene, at: datetime, people: int, yen: int) -> None:
    scene.now = at
    for number in range(people):
        account = f"resident/p{number}"
        await scene.town.pay("fukui", CAFE, account, Checkout(f"{at:%m%d%H}-{number}", None, yen, 0))


@pytest.fixture
async def found(scene: Scene) -> Effect:
    for number in range(12):
        await scene.town.enrol("fukui", f"p{number}", {"born": date(1950 if number < 3 else 1990, 1, 1)})
    # One second on either side of midnight in Japan at the campaign's start, 1 July.
    await sell(scene, datetime(2026, 6, 30, 14, 59, 59, tzinfo=UTC), 12, 1000)
    await sell(scene, datetime(2026, 6, 30, 15, 0, 0, tzinfo=UTC), 12, 2500)
    await sell(scene, datetime(2026, 7, 31, 15, 0, 0, tzinfo=UTC), 12, 9999)  # it is over
    scene.now = datetime(2026, 7, 20, tzinfo=UTC)
    await scene.town.pay("fukui", BUS, "resident/p1", Checkout("bus", None, 300, 0))
    async with scene.database.app.transaction("fukui") as tx:
        return await effect(tx, check_rules(RULES), "kanpai30", AFTER)


async def test_spending_against_the_days_before(found: Effect) -> None:
    groups = {(group.kind, group.name): group for group in found.groups}
    assert groups["all", ""] == Group("all", "", 12, 12, 12 * 2500 + 300, 12_000)
    assert found.end - found.start == found.start - found.since
    assert {kind for kind, _ in groups} == {"all", "age", "area", "category", "shop"}


async def test_few_people_are_not_told_apart_nor_found_by_subtraction(found: Effect) -> None:
    groups = {(group.kind, group.name): group for group in found.groups}
    assert groups["shop", "bus"] == Group("shop", "bus", None, 0, None, 0)
    assert groups["shop", "kissa"] == Group("shop", "kissa", None, 12, None, 12_000)
    assert groups["age", "70-79"] == Group("age", "70-79", None, None, None, None)
    assert groups["age", "30-39"].yen is None  # nine of them
    assert [yen for _, yen in found.days] == [None, 30_000, None]
    assert [day for day, _ in found.days] == [date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 20)]


async def test_a_campaign_that_is_none_or_has_not_begun(scene: Scene) -> None:
    async with scene.database.app.transaction("fukui") as tx:
        with pytest.raises(NotFound, match="nothing-such"):
            await effect(tx, check_rules(RULES), "nothing-such", AFTER)
        with pytest.raises(Invalid, match="begins on 2026-07-01"):
            await effect(tx, check_rules(RULES), "kanpai30", datetime(2026, 6, 1, tzinfo=UTC))
