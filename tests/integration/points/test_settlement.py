"""A shop's month: settled once, with fees, late refunds and statements that a person can read."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broker.errors import Conflict, Forbidden, Invalid, NotFound
from services.points.leaving import leave, settle_last, stay
from services.points.refusals import Declined
from services.points.settlement import lines, settle
from services.points.statement import as_csv, as_pdf
from services.points.till import refund
from services.points.town import Checkout
from tests.integration.points.conftest import BUS, CAFE, Scene

JULY = date(2026, 7, 15)
AUGUST = datetime(2026, 8, 1, 1, tzinfo=UTC)


async def trade(scene: Scene, points: int, id: str = "r1", yen: int = 10_000) -> str:
    receipt = await scene.town.checkout("fukui", CAFE, Checkout(id, await scene.shown(), yen, points))
    assert receipt.payment is not None
    return receipt.payment


async def test_a_month_is_settled_once(scene: Scene) -> None:
    await scene.town.sell("fukui", "s", "resident/a", 8000, 2000, scene.now + timedelta(days=300), "premium")
    payment = await trade(scene, 9000)
    await refund(scene.town, "fukui", CAFE, "f", payment, 500)
    with pytest.raises(Invalid, match="2026-07 can be settled from 2026-08-01 00:01"):
        await settle(scene.database.app, scene.ledger, "fukui", CAFE, JULY, scene.now)
    scene.now = AUGUST
    await trade(scene, 700, "august")
    made = await asyncio.gather(
        *(settle(scene.database.app, scene.ledger, "fukui", CAFE, JULY, scene.now) for _ in range(4))
    )
    assert made[1:] == made[:-1]
    july = made[0]
    assert (july.received, july.refunded, july.payments, july.issued) == (9000, 500, 1, 10 + 300)
    assert july.given + july.bought == 8500
    assert (july.monthly_fee, july.issuing_fee, july.deducted, july.invoiced) == (3000, 310, 3310, 0)
    assert july.payout == 8500 - 3310
    assert await scene.balance("shop/kissa") == 700
    assert await scene.balance("fees") == 3310


async def test_refunds_after_a_settlement_are_carried_over_and_fees_invoiced(scene: Scene) -> None:
    await scene.town.sell("fukui", "s", "resident/a", 9000, 0, scene.now + timedelta(days=300), "premium")
    payment = await trade(scene, 9000)
    scene.now = AUGUST
    await settle(scene.database.app, scene.ledger, "fukui", CAFE, JULY, scene.now)
    await refund(scene.town, "fukui", CAFE, "late", payment, 9000)
    scene.now = datetime(2026, 9, 1, 1, tzinfo=UTC)
    august = await settle(scene.database.app, scene.ledger, "fukui", CAFE, date(2026, 8, 1), scene.now)
    assert (august.refunded, august.carried, august.payout, august.deducted, august.invoiced) == (9000, 0, 0, 0, 3000)
    scene.now = datetime(2026, 10, 1, 1, tzinfo=UTC)
    september = await settle(scene.database.app, scene.ledger, "fukui", CAFE, date(2026, 9, 1), scene.now)
    assert (september.carried, september.payout) == (-9000, 0)
    with pytest.raises(Invalid, match="earlier month"):
        await settle(scene.database.app, scene.ledger, "fukui", CAFE, date(2026, 6, 1), scene.now)


async def test_a_shop_without_trade_or_fees_moves_nothing(scene: Scene) -> None:
    scene.now = AUGUST
    made = await settle(scene.database.app, scene.ledger, "fukui", BUS, JULY, scene.now)
    assert (made.payout, made.deducted, made.invoiced) == (0, 0, 0)


async def test_the_statement_reads_as_csv_and_pdf(scene: Scene) -> None:
    await scene.town.sell("fukui", "s", "resident/a", 9000, 0, scene.now + timedelta(days=300), "premium")
    await trade(scene, 9000)
    scene.now = AUGUST
    made = await settle(scene.database.app, scene.ledger, "fukui", CAFE, JULY, scene.now)
    async with scene.database.app.transaction("fukui") as tx:
        table = list(csv.reader(io.StringIO(as_csv(made, await lines(tx, CAFE, JULY)).decode("utf-8-sig"))))
    assert table[0] == ["加盟店", "喫茶ひまわり", "kissa"]
    assert ["お支払い額", str(made.payout), "円"] in table
    assert table[-1] == ["2026-07-10 12:00:00", "pay:kissa:r1", "お支払い", "9000", "10000"]
    pdf = as_pdf(made, "福井県")
    assert pdf.startswith(b"%PDF-")
    assert b"/Count 1 " in pdf
    assert b"/HeiseiKakuGo-W5" in pdf
    (Path("test-output") / "points-statement.pdf").write_bytes(pdf)


async def test_a_shop_that_leaves_takes_nothing_new_and_is_settled_for_the_last_time(
    scene: Scene,
) -> None:
    await scene.town.sell("fukui", "s", "resident/a", 9000, 0, scene.now + timedelta(days=300), "premium")
    payment = await trade(scene, 9000)
    with pytest.raises(Conflict, match="close it to payments first"):
        await settle_last(scene.town, "fukui", CAFE.id)
    since = await leave(scene.town, "fukui", CAFE.id)
    assert await leave(scene.town, "fukui", CAFE.id) == since
    await stay(scene.town, "fukui", CAFE.id)
    await scene.town.add_till("fukui", CAFE.id, "till-7", "レジ")
    await leave(scene.town, "fukui", CAFE.id)
    left = await scene.town.shop_of("fukui", "till-7")
    with pytest.raises(Declined, match="取り扱いを終了"):
        await scene.town.checkout("fukui", left, Checkout("new", await scene.shown(), 500, 100))
    again = await scene.town.pay("fukui", left, "resident/a", Checkout("r1", None, 10_000, 9000))
    assert again.payment == payment
    await refund(scene.town, "fukui", left, "f", payment, 500)
    made = await asyncio.gather(*(settle_last(scene.town, "fukui", CAFE.id) for _ in range(3)))
    assert made[1:] == made[:-1]
    last = made[0]
    assert (last.last, last.received, last.refunded, last.payout) == (True, 9000, 500, 8500 - 3310)
    assert await scene.balance("shop/kissa") == 0
    with pytest.raises(Declined, match="閉じられ"):
        await refund(scene.town, "fukui", CAFE, "too-late", payment, 500)
    with pytest.raises(Forbidden):
        await scene.town.shop_of("fukui", "till-7")
    with pytest.raises(NotFound):
        await stay(scene.town, "fukui", CAFE.id)
    assert as_csv(last, []).decode("utf-8-sig").splitlines()[1] == "対象月,2026-07,最終精算"
    scene.now = datetime(2026, 9, 1, 1, tzinfo=UTC)
    assert await settle_last(scene.town, "fukui", CAFE.id) == last
    with pytest.raises(Invalid, match="for the last time on 2026-07-10"):
        await settle(scene.database.app, scene.ledger, "fukui", CAFE, date(2026, 8, 1), scene.now)


async def test_what_a_leaving_shop_lacks_after_late_refunds_is_invoiced(scene: Scene) -> None:
    await scene.town.sell("fukui", "s", "resident/a", 9000, 0, scene.now + timedelta(days=300), "premium")
    payment = await trade(scene, 9000)
    scene.now = AUGUST
    await leave(scene.town, "fukui", CAFE.id)
    with pytest.raises(Conflict, match="2026-07 is not settled"):
        await settle_last(scene.town, "fukui", CAFE.id)
    await settle(scene.database.app, scene.ledger, "fukui", CAFE, JULY, scene.now)
    await refund(scene.town, "fukui", CAFE, "late", payment, 9000)
    last = await settle_last(scene.town, "fukui", CAFE.id)
    assert (last.owed, last.invoiced, last.payout) == (9000, 9000 + 3000, 0)
    assert await scene.balance("shop/kissa") == 0
