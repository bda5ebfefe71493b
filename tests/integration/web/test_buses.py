"""The buses' pages in a real browser against a whole running city: from the telephone to the driver and back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.city import WholeCity
from tests.integration.web.bus_city import BusCity, open_bus_city, today
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import DESK, PHONE, overflow, shoot, violations
from tests.requirements import need

pytestmark = pytest.mark.browser
PATIENT = 60_000


@pytest.fixture(scope="module")
def buses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusCity]:
    need((DIST / "bus-operator.html").is_file(), "the built pages (make web)")
    city = WholeCity(tmp_path_factory.mktemp("buses"), CITYOS_DISPATCH_ENABLED="true", CITYOS_DISPATCH_TELL_EVERY_S="1")
    city.start()
    town = open_bus_city(city)
    yield town
    town.operator.close()
    city.stop()


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What pages report; nothing, at the end."""
    found: list[str] = []
    yield found
    assert found == []


def watch(page: Page, errors: list[str]) -> Page:
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def fits_and_is_accessible(page: Page, name: str) -> None:
    """At the desk and at 360 px: nothing sticks out, axe finds no fault; a picture of each is kept."""
    for size, suffix in ((DESK, "desk"), (PHONE, "phone")):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert overflow(page) == 0, name
        assert violations(page) == []
        shoot(page, f"{name}-{suffix}")


def test_an_operator_books_by_keyboard_alone_within_a_minute(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    buses.rider("山田 ハナ", kana="ヤマダ ハナ", phone="0776-20-0001", home="eki", note="足が不自由")
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    expect(page.locator("#phone")).to_be_focused()
    begin = time.monotonic()
    keys = page.keyboard
    keys.type("077620")
    keys.press("Enter")
    expect(page.locator("[data-rider]").first).to_be_focused()
    keys.press("Enter")
    expect(page.locator("[name=to]")).to_be_focused()
    keys.type("病院")
    keys.press("Enter")
    expect(page.locator("#offers button").first).to_be_focused(timeout=PATIENT)
    fits_and_is_accessible(page, "bus-operator-offers")
    page.locator("#offers button").first.focus()
    keys.press("1")
    expect(page.locator("#booked")).to_contain_text("「駅前」でお待ちください", timeout=PATIENT)
    expect(page.locator("#booked")).to_contain_text("300円")
    assert time.monotonic() - begin < 60
    expect(page.locator("#next-call")).to_be_focused()
    fits_and_is_accessible(page, "bus-operator-booked")
    keys.press("Enter")
    expect(page.locator("#phone")).to_be_focused()
    keys.type("0776200001")
    keys.press("Enter")
    expect(page.locator("[data-rider]").first).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#bookings")).to_contain_text("駅前 → 市民病院")
    page.locator("#bookings").get_by_role("button", name="変更する").click()
    expect(page.locator("#call")).to_contain_text("変更する予約")
    expect(page.locator("[name=to]")).to_have_value("市民病院")
    page.locator("[name=to]").fill("温泉")
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click(timeout=PATIENT)
    expect(page.locator("#said")).to_have_text("変更しました", timeout=PATIENT)
    page.locator("#next-call").click()
    page.locator("#phone").fill("0776200001")
    page.locator("[data-rider]").first.click()
    expect(page.locator("#bookings")).to_contain_text("駅前 → 温泉")
    expect(page.locator("#bookings .tag", has_text="予約中")).to_have_count(1)
    page.locator("#bookings").get_by_role("button", name="取り消す").click()
    page.get_by_role("button", name="本当に取り消しますか").click()
    expect(page.locator("#bookings .tag", has_text="取消")).to_have_count(2, timeout=PATIENT)
    page.context.close()


def test_a_weekly_ride_is_booked_on_each_of_its_days(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    buses.rider("週野 五郎", phone="0776-20-0005", home="eki")
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    page.locator("#phone").fill("0776200005")
    page.locator("[data-rider]").first.click()
    page.locator("[name=to]").fill("病院")
    first = date.fromisoformat(today()) + timedelta(days=1)
    page.locator("[name=day]").fill(first.isoformat())
    page.locator("[name=time]").fill("10:00")
    page.get_by_text("毎週の予約").click()
    page.get_by_label("月火水木金土日"[first.weekday()], exact=True).check()
    page.get_by_role("button", name="空きを調べる").click()
    expect(page.locator("#said")).to_contain_text("終わりの日の両方が必要です")
    page.get_by_label("終わりの日").fill((first + timedelta(days=14)).isoformat())
    fits_and_is_accessible(page, "bus-operator-weekly")
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click(timeout=PATIENT)
    expect(page.locator("#booked .read")).to_have_count(3, timeout=PATIENT)
    page.context.close()


def test_a_new_caller_is_written_down_and_a_wrong_stop_is_named(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    page.locator("#phone").fill("０９０１２３４")
    page.locator("#add-rider").click()
    page.get_by_label("お名前").fill("新田 一郎")
    page.get_by_role("button", name="保存する").click()
    expect(page.get_by_role("heading", name=re.compile("新田 一郎（0901234）"))).to_be_visible()
    page.locator("[name=from]").fill("月面")
    page.locator("[name=to]").fill("温泉")
    page.get_by_role("button", name="空きを調べる").click()
    expect(page.locator("#said")).to_contain_text("「月面」という乗り場はありません")
    page.context.close()


def test_a_resident_books_in_few_steps_and_sees_when_the_bus_comes(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    page = watch(buses.resident(browser, "hanako@example.jp"), errors)
    page.get_by_label("電話番号").fill("090-1111-2222")
    page.get_by_label("いつもの乗り場").select_option("onsen")
    fits_and_is_accessible(page, "bus-rider-first")
    page.get_by_role("button", name="保存する").click()
    page.locator("#begin").click()
    page.get_by_role("button", name="温泉").click()
    page.get_by_role("button", name="町役場").click()
    fits_and_is_accessible(page, "bus-rider-when")
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="空きを調べる").click()
    expect(page.locator("#offers button").first).to_be_visible(timeout=PATIENT)
    fits_and_is_accessible(page, "bus-rider-offers")
    page.locator("#offers button").first.click()
    expect(page.get_by_role("heading", name="予約できました")).to_be_visible(timeout=PATIENT)
    page.get_by_role("button", name="戻る").click()
    expect(page.locator("#rides")).to_contain_text("温泉 → 町役場")
    fits_and_is_accessible(page, "bus-rider-home")
    page.locator("#rides").get_by_role("button", name="変更する").click()
    expect(page.locator("#steps")).to_contain_text("変更する予約")
    page.locator("[name=day]").select_option(index=1)
    page.locator("[name=time]").fill("13:00")
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click(timeout=PATIENT)
    expect(page.get_by_role("heading", name="変更しました")).to_be_visible(timeout=PATIENT)
    page.get_by_role("button", name="戻る").click()
    expect(page.locator("#rides li")).to_have_count(2)
    page.locator("#rides").get_by_role("button", name="取り消す").click()
    page.get_by_role("button", name="本当に取り消しますか").click()
    expect(page.locator("#rides .tag")).to_have_text(["取消", "取消"], timeout=PATIENT)
    page.context.close()


def test_the_drivers_tablet_goes_through_a_tunnel_and_loses_nothing(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    chair = buses.book(buses.rider("佐藤 次郎", note="玄関まで"), "eki", "byoin", wheelchairs=1, seats=0)
    plan = buses.ask("GET", f"/plan?day={today()}")["vehicles"]
    bus = next(name for name, tour in plan.items() if any(s["booking"] == chair["id"] for s in tour["stops"]))
    page = watch(buses.enter(browser, "bus-driver", "bus-driver.html"), errors)
    page.locator(f"[data-bus={bus}]").click()
    mine = page.locator(".passenger", has_text="佐藤 次郎")
    expect(mine).to_contain_text("車いす 1", timeout=PATIENT)
    fits_and_is_accessible(page, "bus-driver-next")
    # The worker has the page and all that it is made of.
    page.wait_for_function(
        "() => caches.open('bus-driver').then((c) => c.keys()).then((k) => k.length > 2)", timeout=PATIENT
    )
    page.context.set_offline(True)
    mine.locator("[data-what=arrived]").click()
    mine.locator("[data-what=boarded]").click()
    expect(page.locator("#link")).to_contain_text("未送信 2 件")
    page.reload()
    expect(page.locator("#link")).to_contain_text("未送信 2 件")
    expect(mine).to_contain_text("降りる")
    fits_and_is_accessible(page, "bus-driver-tunnel")
    mine.locator("[data-what=alighted]").click()
    expect(page.locator("#link")).to_contain_text("未送信 3 件")
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_text("通信中", timeout=PATIENT)
    expect(mine).to_have_count(0)
    trip = buses.ask("GET", f"/vehicles/{bus}/trip")["tasks"]
    assert all(task["done"] for task in trip if task["booking"] == chair["id"])
    page.context.close()


def test_a_dispatcher_sees_the_day_and_plans_it_anew(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    kept = buses.book(buses.rider("川上 三郎"), "eki", "onsen")
    lost = buses.book(buses.rider("岸 四郎", phone="0776209999"), "yakuba", "kawabe")
    page = watch(buses.enter(browser, "bus-operator", "bus-dispatch.html"), errors)
    expect(page.locator(f".gantt .ride[data-booking='{kept['id']}']")).to_have_count(1, timeout=PATIENT)
    expect(page.locator(".stop-mark").first).to_be_attached(timeout=PATIENT)
    buses.put_on_the_road("v1", 136.205, 35.952)
    expect(page.locator(".bus-mark")).to_have_text("1号車", timeout=PATIENT)
    expect(page.locator("#now tbody tr", has_text="1号車")).to_contain_text("35.9520, 136.2050")
    fits_and_is_accessible(page, "bus-dispatch")
    form = page.locator("#closure")
    form.get_by_label("停留所").select_option("kawabe")
    form.get_by_label("理由").fill("増水のため")
    page.reload()
    expect(form.get_by_label("理由")).to_have_value("増水のため", timeout=PATIENT)
    expect(form.get_by_label("停留所")).to_have_value("kawabe")
    form.get_by_role("button").click()
    # How many depends on the other tests' riders of the day: who must be told stands in the list.
    expect(page.locator("#said")).to_have_text(re.compile(r"運べない人が\d+人"), timeout=PATIENT)
    expect(form.get_by_label("理由")).to_have_value("")
    expect(page.locator("#broken")).to_contain_text("岸 四郎", timeout=PATIENT)
    assert buses.ask("GET", f"/riders/{lost['rider']}/bookings")["bookings"][0]["because"] == "増水のため"
    page.locator("#closed").get_by_role("button", name="再開する").click()
    expect(page.locator("#closed")).to_be_empty(timeout=PATIENT)
    page.get_by_text("新しい区間を描いて通行止めにする").click()
    page.locator("#map canvas").click(position={"x": 60, "y": 60})
    points = page.locator("#draw-road textarea")
    expect(points).to_have_value(re.compile(r"^\d+\.\d+, \d+\.\d+$"))
    points.fill("35.90, 136.205\n36.00, 136.205")
    drawing = page.locator("#draw-road")
    drawing.get_by_label("名前").fill("大橋")
    drawing.get_by_label("理由").fill("大橋が冠水したため")
    drawing.get_by_role("button").click()
    expect(page.locator("#said")).to_contain_text("計画を立て直しました", timeout=PATIENT)
    expect(page.locator("#closed-roads")).to_contain_text("大橋が冠水したため")
    fits_and_is_accessible(page, "bus-dispatch-roads")
    page.locator("#closed-roads").get_by_role("button", name="再開する").click()
    expect(page.locator("#closed-roads")).to_have_text("通行止めの道路はありません。", timeout=PATIENT)
    page.goto(f"{buses.city.url}/bus-operator.html")
    calls = page.locator("#calls")
    expect(calls).to_contain_text("岸 四郎", timeout=PATIENT)
    calls.locator("li", has_text="岸 四郎").get_by_role("button", name="連絡した").click()
    expect(calls).not_to_contain_text("岸 四郎", timeout=PATIENT)
    page.context.close()


def test_a_manager_sees_the_figures_and_takes_them_along(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    page = watch(buses.enter(browser, "bus-manager", "bus-report.html"), errors)
    expect(page.locator("#figures .tile").first).to_be_visible(timeout=PATIENT)
    expect(page.locator("#days tbody tr")).to_have_count(28)
    fits_and_is_accessible(page, "bus-report")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSVを保存する").click()
    text = download.value.path().read_text("utf-8-sig")
    assert text.startswith("日付,予約,乗車")
    assert len(text.splitlines()) == 29
    page.context.close()
