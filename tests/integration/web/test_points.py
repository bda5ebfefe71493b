"""The points' pages in a real browser against a whole running city: from the first rule to the statement."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from broker.entities.merge import EntityUpdate
from broker.log.postgres import PostgresOutlet
from broker.ports import CHANGES
from broker.store.entities import EntityWriter
from broker.store.postgres import open_database
from cityos.settings import LogSettings
from schemas.clock import JST, utc_now
from tests.city import WholeCity
from tests.integration.web.bus_city import BusCity
from tests.integration.web.camera import seeing
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import DESK, PHONE, overflow, shoot, violations
from tests.requirements import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusCity]:
    need((DIST / "points.html").is_file(), "the built pages (make web)")
    city = WholeCity(tmp_path_factory.mktemp("points"), CITYOS_POINTS_ENABLED="true", CITYOS_POINTS_FARE_SHOP="kissa")
    city.start()
    with httpx.Client(base_url=city.url) as nobody:
        yield BusCity(city, nobody)
    city.stop()


def fits_and_is_accessible(page: Page, name: str) -> None:
    """At the desk and at 360 px: nothing sticks out, axe finds no fault; a picture of each is kept."""
    for size, end in ((DESK, ""), (PHONE, "-phone")):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert overflow(page) == 0, name
        assert violations(page) == [], name
        shoot(page, name + end)


def day(offset: int) -> str:
    return (datetime.now(JST) + timedelta(days=offset)).date().isoformat()


def fill(form: object, **values: str) -> None:
    for name, value in values.items():
        field = form.locator(f"[name={name}]")  # type: ignore[attr-defined]
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def resident(town: BusCity, browser: Browser, login: str, where: str = "points.html") -> Page:
    """Somebody with a phone and a new account."""
    page = town.context(browser, PHONE).new_page()
    page.goto(f"{town.city.url}/{where}")
    form = page.locator("#signup")
    form.get_by_label("メールアドレス").fill(login)
    form.get_by_label("お名前").fill("住民 花子")
    form.get_by_label(re.compile("パスワード")).fill("water rises quickly")
    form.get_by_role("button").click()
    page.wait_for_url(f"{town.city.url}/{where}")
    return page


def ride_of_a_stranger(city: WholeCity) -> None:
    """A ride booked in points by somebody whose account nobody knows, as a crew's report writes it, heard of."""
    said = {"status": "completed", "fare": 300, "payment": "points"}
    attributes = {name: {"type": "Property", "value": value} for name, value in said.items()}
    update = EntityUpdate("urn:ngsi-ld:RideBooking:1", ("RideBooking",), attributes)

    async def write() -> None:
        database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=1)
        async with database.transaction("fukui") as tx:
            await EntityWriter(PostgresOutlet({CHANGES: LogSettings().partitions})).write(
                tx, "fukui", [update], at=utc_now()
            )
        async with asyncio.timeout(60):  # until the role `points` has heard of it
            heard = 0
            while not heard:
                async with database.transaction() as tx:
                    heard = await tx.fetchval("select count(*) from points_unpaid_fare")
                await asyncio.sleep(0.1)
        await database.close()

    # The browser's loop runs in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(asyncio.run, write()).result(60)


def test_a_town_from_the_first_rule_to_the_statement(town: BusCity, browser: Browser, tmp_path: Path) -> None:
    manager = town.enter(browser, "points-manager", "points-manager.html")
    found = manager.locator("#campaigns")
    expect(found).to_contain_text("規則はまだありません")
    rule = {"id": "kaimono", "title": "買い物ポイント", "type": "percent", "percent": "10"}
    fill(found.locator("#campaign"), **rule, start=day(-30), end=day(30), per_day="300")
    found.get_by_role("button", name="過去の買い物で試す").click()
    expect(found.locator("#tried")).to_contain_text("買い物ポイント")
    found.get_by_role("button", name="この規則を有効にする").click()
    expect(manager.locator("#said")).to_contain_text("第1版として有効")
    fill(found.locator("#campaign"), id="kunren", title="避難訓練", type="participation", event="避難訓練", points="50")
    fill(found.locator("#campaign"), start=day(-30), end=day(30))
    found.get_by_role("button", name="過去の買い物で試す").click()
    found.get_by_role("button", name="この規則を有効にする").click()
    expect(found).to_contain_text("規則 第2版")
    shops = manager.locator("#shops")
    shops.locator("#new-shop summary").click()
    fill(shops.locator("#new-shop form"), id="kissa", name="喫茶ひまわり", area="中央", category="飲食")
    shops.get_by_role("button", name="加盟店にする").click()
    expect(shops.locator("table")).to_contain_text("喫茶ひまわり")
    fits_and_is_accessible(manager, "points-manager")

    treasurer = town.enter(browser, "points-treasurer", "points-treasury.html")
    for campaign in ("kaimono", "kunren"):
        fill(treasurer.locator("#funds form").first, campaign=campaign, points="10000")
        treasurer.locator("#funds").get_by_role("button", name="予算を入れる").click()
        expect(treasurer.locator("#said")).to_contain_text("完了しました")
        treasurer.locator("#said").evaluate("line => line.textContent = ''")

    person = resident(town, browser, "hanako@example.jp")
    person.get_by_role("button", name="口座を開く").click()
    expect(person.locator("#balance .balance")).to_have_text("0ポイント")
    number = person.locator("#number").inner_text().split()[-1]
    sale = treasurer.locator("#funds form").last
    fill(sale, resident=number, programme="premium", points="1000", bonus="200", last=day(60))
    sale.get_by_role("button").click()
    expect(treasurer.locator("#said")).to_contain_text("完了しました")
    person.reload()
    expect(person.locator("#balance .balance")).to_have_text("1,200ポイント")
    expect(person.locator("#balance")).to_contain_text("買った分 1,000ポイント")

    # The shop's clerk gets an account by the city, and the manager lets them act for the shop.
    till = town.enter(browser, "points-till", "points-till.html", PHONE)
    expect(till.locator("#said")).to_contain_text("まだ登録されていません")
    shops.locator("#new-till summary").click()
    fill(shops.locator("#new-till form"), shop="kissa", login="points-till@city.example")
    shops.locator("#new-till").get_by_role("button", name="レジの人を登録する").click()
    expect(manager.locator("#said")).to_contain_text("完了しました")
    till.reload()
    expect(till.locator("#shop-name")).to_have_text("喫茶ひまわり のレジ")

    # The answer to the first try gets lost on the way: the till sends again, and nothing is taken twice.
    person.get_by_role("button", name="コードを見せて払う").click()
    expect(person.locator("svg.qr")).to_be_visible()
    fits_and_is_accessible(person, "points-code")
    code = person.locator("#code").text_content() or ""
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(str(route.fetch().status))
            route.abort()
        else:
            route.continue_()

    till.route("**/till/purchases", lose_the_answer)
    fill(till.locator("#sale form"), yen="2500", points="500", code=code)
    fits_and_is_accessible(till, "points-till")
    till.get_by_role("button", name="確認する").click()
    expect(till.locator("#sale")).to_contain_text("500ポイントで支払い、残り 2,000円 を現金などで受け取ります")
    till.get_by_role("button", name="会計する").click()
    receipt = till.locator("#receipt")
    expect(receipt).to_contain_text("お買い物 2,000円の10%で 200ポイント（買い物ポイント、規則 第2版）")
    expect(receipt).to_contain_text("お客様の残り 900ポイント")
    assert lost == ["200"]
    fits_and_is_accessible(till, "points-receipt")
    expect(person.locator("#said")).to_contain_text("支払いが終わりました")
    expect(person.locator("#balance .balance")).to_have_text("900ポイント")
    expect(person.locator("#history")).to_contain_text("お買い物 2,000円の10%で 200ポイント")
    fits_and_is_accessible(person, "points-wallet")

    # A used code is refused in words; a part of the sale is refunded; then it is cancelled whole.
    till.get_by_role("button", name="次のお客様").click()
    fill(till.locator("#sale form"), yen="100", points="100", code=code)
    till.get_by_role("button", name="確認する").click()
    till.get_by_role("button", name="会計する").click()
    expect(till.locator("#said")).to_contain_text("このコードは使用済みです")
    line = till.locator("#today [data-purchase]")
    line.get_by_role("button", name="一部を返す").click()
    line.get_by_label("返すポイント").fill("100")
    line.get_by_role("button", name="一部を返す").click()
    expect(line).to_contain_text("100ポイント 返金済み")
    line.get_by_role("button", name="取り消す").click()
    line.get_by_role("button", name="本当に取り消しますか").click()
    expect(till.locator("#said")).to_contain_text("400ポイント を返し、付与した 200ポイント を取り消しました")
    expect(line).to_contain_text("取り消し済み")

    # The resident scans the shop's code.
    till.locator("#shop-code summary").first.click()
    till.locator("#shop-code").get_by_label("金額").fill("300")
    till.get_by_role("button", name="コードを出す").click()
    expect(till.locator("#shop-qr svg.qr")).to_be_visible()
    shown = till.locator("#shop-qr pre").text_content() or ""
    with seeing(browser, shown, tmp_path) as eyes:
        phone = town.context(eyes, PHONE, person.context.storage_state()).new_page()
        phone.goto(f"{town.city.url}/points.html")
        phone.locator("#shop summary").click()
        phone.locator("#shop").get_by_role("button", name="カメラで読む").click()
        expect(phone.locator("#shop [name=points]")).to_have_value("300")
        assert phone.locator("#shop video").count() == 0, "the camera stays on"
        phone.locator("#shop").get_by_role("button", name="払う", exact=True).click()
        expect(phone.locator("#said")).to_contain_text("喫茶ひまわり に 300ポイント 払いました")

    # An event's code opens the page and is counted once.
    events = manager.locator("#checkins")
    events.locator("summary").click()
    now = datetime.now(JST)
    times = {name: (now + timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M") for name, h in (("from", -1), ("to", 1))}
    fill(events.locator("form"), id="drill-1", title="秋の訓練", event="避難訓練", **times)
    events.get_by_role("button", name="受付を作る").click()
    address = manager.locator("#checkin-code pre").text_content() or ""
    for _ in range(2):
        person.goto(address)
        expect(person.locator("#said")).to_contain_text("「秋の訓練」に参加しました。50ポイントもらいました")
    expect(person.locator("#balance .balance")).to_have_text("950ポイント")

    row = manager.locator("#campaigns tbody tr", has_text="買い物ポイント")
    row.get_by_role("button", name="動かしたお金").click()
    expect(manager.locator("#effect table")).to_contain_text("少人数")
    fits_and_is_accessible(manager, "points-effect")

    ride_of_a_stranger(town.city)
    fares = treasurer.locator("#fares")
    treasurer.reload()
    expect(fares).to_contain_text("300円（1件）")
    expect(fares).to_contain_text("乗った人のポイントの口座が分かりません")
    fits_and_is_accessible(treasurer, "points-fares")
    fares.get_by_role("button", name="現金で受け取った").click()
    expect(treasurer.locator("#said")).to_contain_text("完了しました")
    expect(fares).to_contain_text("0円（0件）")
    expect(treasurer.locator("#outstanding .balance")).to_have_text("950ポイント")
    treasurer.get_by_role("button", name="帳簿を検証する").click()
    expect(treasurer.locator("#reconcile .notice")).to_contain_text("帳簿は一致しています")
    treasurer.locator("#closings").get_by_label("日", exact=True).fill(day(-1))
    treasurer.get_by_role("button", name="締める・見る").click()
    expect(treasurer.locator("#closed")).to_contain_text(day(-1))
    treasurer.get_by_role("button", name="すべて精算する").click()
    with treasurer.expect_download() as download:
        treasurer.get_by_role("button", name="PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")

    # The shop leaves: no more payments, and its last settlement closes its account.
    row = shops.locator("tbody tr", has_text="喫茶ひまわり")
    row.get_by_role("button", name="取り扱いを終える").click()
    expect(row).to_contain_text("終了（返金のみ）")
    fits_and_is_accessible(manager, "points-leaving")
    treasurer.reload()
    treasurer.get_by_role("button", name="最後の精算をする").click()
    treasurer.get_by_role("button", name="もう一度押すと実行します").click()
    expect(treasurer.locator("#said")).to_contain_text("完了しました")
    manager.reload()
    expect(row).to_contain_text("退会済み")
    with treasurer.expect_download() as download:
        treasurer.get_by_role("button", name="CSV").click()
    assert "喫茶ひまわり" in download.value.path().read_text("utf-8-sig")
    fits_and_is_accessible(treasurer, "points-treasury")
    treasurer.get_by_role("button", name="English").click()
    expect(treasurer.locator("#title")).to_have_text("Local points: treasury")
    for page in (manager, treasurer, person, till):
        page.context.close()
