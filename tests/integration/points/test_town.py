"""Paying, earning, refunding and handing on, with everything that goes wrong at a till."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from broker.errors import Conflict, Forbidden, Invalid, NotFound
from services.points.credentials import PIN_TRIES, Presented, issue_card, unlock_card
from services.points.earning import Occasion
from services.points.refusals import Declined
from services.points.till import refund, take_back
from services.points.town import Checkout
from services.points.wallet import movements, wallet
from tests.integration.points.conftest import BUS, CAFE, Scene


async def give(scene: Scene, account: str = "resident/a", points: int = 1000, bonus: int = 0) -> None:
    await scene.town.sell("fukui", f"s-{account}", account, points, bonus, scene.now + timedelta(days=90), "premium")


async def test_a_purchase_paid_in_part_with_points_earns_on_the_rest_and_explains_itself(scene: Scene) -> None:
    await give(scene)
    asked = Checkout("r1", await scene.shown(), yen=2000, points=500)
    receipt = await scene.town.checkout("fukui", CAFE, asked)
    assert (receipt.points, receipt.balance) == (500, 1000 - 500 + 15 + 450)
    assert {e.campaign: e.points for e in receipt.earned} == {"kaimono": 15, "kanpai30": 450}
    async with scene.database.app.transaction("fukui") as tx:
        lines = await movements(tx, "resident/a", None, 10)
        mine = await wallet(tx, "resident/a", scene.now)
    assert [(line.points, line.why) for line in lines][:2] == [
        (450, "お買い物 1,500円の30%で 450ポイント（飲食店応援30%、規則 第1版）"),
        (15, "お買い物 1,500円、100円ごとに1ポイントで 15ポイント（買い物ポイント、規則 第1版）"),
    ]
    assert (mine.moneyBalance, mine.pointBalance) == (500, 465)
    assert str(mine.expirationDateOfPoint) == "2027-01-10"


async def test_a_retry_changes_nothing_and_another_purchase_under_its_id_is_refused(scene: Scene) -> None:
    await give(scene)
    asked = Checkout("r1", await scene.shown(), yen=2000, points=500)
    first = await scene.town.checkout("fukui", CAFE, asked)
    scene.now += timedelta(hours=1)
    await scene.town.put_rules("fukui", {"campaigns": []}, "staff")
    assert await scene.town.checkout("fukui", CAFE, asked) == first
    with pytest.raises(Conflict, match="another p"):
        await scene.town.checkout("fukui", CAFE, asked._replace(points=400))
    with pytest.raises(Conflict, match="another purchase"):
        await scene.town.checkout("fukui", CAFE, asked._replace(yen=3000))
    assert await scene.balance("resident/a") == first.balance


async def test_codes_expire_and_serve_one_payment(scene: Scene) -> None:
    await give(scene)
    shown = await scene.shown()
    await scene.town.checkout("fukui", CAFE, Checkout("r1", shown, 500, 500))
    for id, presented, why in (
        ("r2", shown, "code-used"),
        ("r3", Presented(code="0" * 32), "unknown-code"),
        ("r4", await scene.shown(), "code-expired"),
    ):
        if why == "code-expired":
            scene.now += timedelta(seconds=180)
        with pytest.raises(Declined) as declined:
            await scene.town.checkout("fukui", CAFE, Checkout(id, presented, 100, 100))
        assert declined.value.status == why
    assert await scene.balance("resident/a") == 500


async def test_wrong_pins_lock_the_card_until_staff_unlock_it(scene: Scene) -> None:
    await give(scene)
    card = await issue_card(scene.database.app, "fukui", "resident/a", "4711")

    async def pay(id: str, pin: str) -> str:
        try:
            await scene.town.checkout("fukui", CAFE, Checkout(id, Presented(card=card, pin=pin), 100, 100))
        except Declined as declined:
            return declined.status
        return "paid"

    wrong = [await pay(f"w{n}", "0000") for n in range(PIN_TRIES - 1)]
    assert wrong == ["wrong-pin"] * (PIN_TRIES - 1)
    assert await pay("ok", "4711") == "paid"
    wrong = [await pay(f"x{n}", "0000") for n in range(PIN_TRIES)]
    assert wrong[-1] == "card-locked"
    assert await pay("locked", "4711") == "card-locked"
    await unlock_card(scene.database.app, "fukui", card)
    assert await pay("again", "4711") == "paid"
    for pin in ("123", "12345678901", "abcd", "１２３４"):
        with pytest.raises(Invalid):
            await issue_card(scene.database.app, "fukui", "resident/a", pin)


async def test_32_tills_never_exceed_a_campaigns_budget_or_a_persons_cap(scene: Scene) -> None:
    accounts = [await scene.town.enrol("fukui", f"p{n}") for n in range(32)]

    async def buy(account: str, id: str) -> None:
        await scene.town.checkout("fukui", CAFE, Checkout(id, await scene.shown(account), yen=2000, points=0))

    await asyncio.gather(*(buy(account, f"{n}-{turn}") for n, account in enumerate(accounts) for turn in range(2)))
    assert await scene.balance("campaign/kanpai30") == 0
    assert await scene.balance("campaign/kaimono") == 10_000 - 64 * 20
    assert max([await scene.balance(account) for account in accounts]) <= 1000 + 40


async def test_the_last_point_is_spent_once(scene: Scene) -> None:
    await give(scene, points=100)
    tries = [Checkout(f"r{n}", await scene.shown(), 100, 100) for n in range(16)]
    done = await asyncio.gather(*(scene.town.checkout("fukui", BUS, asked) for asked in tries), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert all(isinstance(one, Declined) for one in done if isinstance(one, BaseException))


async def test_a_grant_for_transport_is_given_once_and_spent_on_transport_only(scene: Scene) -> None:
    person = await scene.town.person("fukui", "resident/a")
    for id in ("claim-1", "claim-2"):
        await scene.town.earn("fukui", Occasion(id=id, person=person, at=scene.now, campaign="idou75"))
    assert await scene.balance("resident/a") == 3000
    with pytest.raises(Declined) as declined:
        await scene.town.checkout("fukui", CAFE, Checkout("c", await scene.shown(), 500, 500))
    assert declined.value.status == "exceeds_points_allowed_for_purpose"
    await scene.town.checkout("fukui", BUS, Checkout("b", await scene.shown(), 210, 210))
    with pytest.raises(Declined):
        await scene.town.hand_on("fukui", "m", "resident/a", "resident/b", 100)


async def test_cancelling_a_purchase_restores_the_points_and_takes_back_what_it_earned(scene: Scene) -> None:
    await give(scene, points=700, bonus=300)
    receipt = await scene.town.checkout("fukui", CAFE, Checkout("r1", await scene.shown(), 2000, 900))
    assert receipt.payment is not None
    await refund(scene.town, "fukui", CAFE, "f1", receipt.payment, 400)
    await refund(scene.town, "fukui", CAFE, "f1", receipt.payment, 400)
    with pytest.raises(Declined):
        await refund(scene.town, "fukui", CAFE, "f2", receipt.payment, 501)
    await refund(scene.town, "fukui", CAFE, "f3", receipt.payment, 500)
    assert await take_back(scene.town, "fukui", CAFE, "r1") == 11 + 330
    assert await take_back(scene.town, "fukui", CAFE, "r1") == 341  # asked again, the same answer
    assert await scene.balance("resident/a") == 1000
    async with scene.database.app.transaction("fukui") as tx:
        mine = await wallet(tx, "resident/a", scene.now)
    assert (mine.moneyBalance, mine.pointBalance) == (700, 300)
    with pytest.raises(NotFound):
        await refund(scene.town, "fukui", BUS, "f4", receipt.payment, 1)


async def test_a_tills_clock_that_is_off_decides_nothing(scene: Scene) -> None:
    await give(scene)
    asked = Checkout("r1", await scene.shown(), 1000, 100, till_clock=scene.now - timedelta(hours=26))
    assert (await scene.town.checkout("fukui", CAFE, asked)).at == scene.now


async def test_handing_on_is_for_families_and_donating_for_all(scene: Scene) -> None:
    await give(scene)
    await scene.town.hand_on("fukui", "m1", "resident/a", "resident/b", 300)
    await scene.town.donate("fukui", "d1", "resident/b", 100)
    with pytest.raises(Forbidden):
        await scene.town.hand_on("fukui", "m2", "resident/a", "resident/stranger", 300)
    async with scene.database.app.transaction("fukui") as tx:
        theirs = await wallet(tx, "resident/b", scene.now)
    assert (theirs.moneyBalance, theirs.lots[0].expires_at) == (200, scene.now + timedelta(days=90))


@pytest.mark.parametrize(("yen", "points"), [(0, 0), (-100, 0), (100, -1), (100, 101), (10**12, 5)])
async def test_amounts_that_make_no_sense(scene: Scene, yen: int, points: int) -> None:
    with pytest.raises(Invalid, match="points are at most"):
        await scene.town.checkout("fukui", CAFE, Checkout("r1", await scene.shown(), yen, points))


async def test_unknown_shops_and_tills(scene: Scene) -> None:
    with pytest.raises(Forbidden, match="no till"):
        await scene.town.shop_of("fukui", "somebody")
    with pytest.raises(NotFound):
        await scene.town.add_till("fukui", "no-shop", "c", "レジ1")
    await scene.town.add_till("fukui", "kissa", "c", "レジ1")
    assert await scene.town.shop_of("fukui", "c") == CAFE
