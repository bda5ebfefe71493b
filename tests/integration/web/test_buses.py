"""The buses' pages in a real browser against a whole running city: from the telephone to the driver and back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from schemas.clock import JST
from tests.city import WholeCity
from tests.integration.web.bus_city import BusCity, open_bus_city, today
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import DESK, PHONE, overflow, shoot, violations
from tests.requirements import need

# The first of them waits for the planner to be compiled.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]


@pytest.fixture(scope="module")
def buses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusCity]:
    need((DIST / "bus-operator.html").is_file(), "the built pages (make web)")
    city = WholeCity(tmp_path_factory.mktemp("buses"), CITYOS_DISPATCH_ENABLED="true", CITYOS_DISPATCH_TELL_EVERY_S="1")
    city.command("buses", "compile", seconds=300)  # as `make up` does
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


class Keys:
    """A keyboard, and how often a key of it was pressed."""

    def __init__(self, page: Page) -> None:
        self._keyboard, self.pressed = page.keyboard, 0

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self._keyboard.type(text)

    def press(self, key: str) -> None:
        self.pressed += 1
        self._keyboard.press(key)


def test_an_operator_books_by_keyboard_alone_within_a_minute(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    buses.rider("山田 ハナ", kana="ヤマダ ハナ", phone="0776-20-0001", home="eki", note="足が不自由")
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    expect(page.locator("#phone")).to_be_focused()
    begin = time.monotonic()
    keys = Keys(page)
    keys.type("077620")
    keys.press("Enter")
    expect(page.locator("[data-rider]").first).to_be_focused()
    keys.press("Enter")
    expect(page.locator("[name=to]")).to_be_focused()
    keys.type("病院")
    keys.press("Enter")
    expect(page.locator("#offers button").first).to_be_focused()
    fits_and_is_accessible(page, "bus-operator-offers")
    page.locator("#offers button").first.focus()
    keys.press("1")
    expect(page.locator("#booked")).to_contain_text("「駅前」でお待ちください")
    expect(page.locator("#booked")).to_contain_text("300円")
    assert time.monotonic() - begin < 60
    # Seconds for who types: the number's beginning, the rider, where to, which offer.
    assert keys.pressed <= 15
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
    page.locator("#offers button").first.click()
    expect(page.locator("#said")).to_have_text("変更しました")
    page.locator("#next-call").click()
    page.locator("#phone").fill("0776200001")
    page.locator("[data-rider]").first.click()
    expect(page.locator("#bookings")).to_contain_text("駅前 → 温泉")
    expect(page.locator("#bookings .tag", has_text="予約中")).to_have_count(1)
    page.locator("#bookings").get_by_role("button", name="取り消す").click()
    page.get_by_role("button", name="本当に取り消しますか").click()
    expect(page.locator("#bookings .tag", has_text="取消")).to_have_count(2)
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
    page.locator("#offers button").first.click()
    expect(page.locator("#booked .read")).to_have_count(3)
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


def test_the_very_same_ride_again_is_named_and_an_operator_may_mean_it(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    rider = buses.rider("二見 六郎", phone="0776-20-0006", home="eki")
    day = (date.fromisoformat(today()) + timedelta(days=1)).isoformat()
    buses.book(rider, "eki", "byoin", earliest=f"{day}T11:00:00+09:00")
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    page.locator("#phone").fill("0776200006")
    page.locator("[data-rider]").first.click()
    page.locator("[name=to]").fill("病院")
    page.locator("[name=day]").fill(day)
    page.locator("[name=time]").fill("11:00")
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click()
    same = page.locator("#same-ride")
    expect(same).to_contain_text(re.compile("同じ予約がもうあります.*11:00〜11:15 駅前 → 市民病院"))
    expect(same).to_be_focused()
    fits_and_is_accessible(page, "bus-operator-same")
    page.get_by_role("button", name="それでも、もう1つ予約する").click()
    expect(page.locator("#booked .read")).to_have_count(1)
    page.context.close()


def take_the_first_offer(page: Page, time: str) -> None:
    """From the question when: tomorrow at `time`, as many as there are."""
    page.locator("[name=day]").select_option(index=1)
    page.locator("[name=time]").fill(time)
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click()


def test_a_resident_books_in_few_steps_and_sees_when_the_bus_comes(
    browser: Browser, buses: BusCity, errors: list[str]
) -> None:
    page = watch(buses.resident(browser), errors)
    page.get_by_label("電話番号").fill("090-1111-2222")
    page.get_by_label("いつもの乗り場").select_option("onsen")
    fits_and_is_accessible(page, "bus-rider-first")
    page.get_by_role("button", name="保存する").click()
    page.locator("#begin").click()
    page.get_by_role("button", name="温泉").click()
    page.get_by_role("button", name="町役場").click()
    page.locator("[name=day]").select_option(index=1)
    page.locator("[name=time]").fill("10:00")
    page.locator("[name=back]").fill("09:00")
    page.get_by_role("button", name="次へ").click()
    expect(page.locator("#said")).to_contain_text("帰りの時刻が、行きの時刻より前です")
    page.locator("[name=back]").fill("15:00")
    fits_and_is_accessible(page, "bus-rider-when")
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="空きを調べる").click()
    expect(page.locator("#offers button").first).to_be_visible()
    fits_and_is_accessible(page, "bus-rider-offers")
    page.locator("#offers button").first.click()
    expect(page.get_by_role("heading", name="帰りはどの時間にしますか")).to_be_visible()
    page.locator("#offers button", has_text="15:00〜15:15").click()
    expect(page.get_by_role("heading", name="予約できました")).to_be_visible()
    expect(page.locator("#steps .read")).to_have_text([re.compile("「温泉」で"), re.compile("15:15に「町役場」で")])
    fits_and_is_accessible(page, "bus-rider-return")
    page.get_by_role("button", name="戻る").click()
    expect(page.locator("#rides")).to_contain_text("温泉 → 町役場")
    expect(page.locator("#rides")).to_contain_text("町役場 → 温泉")
    fits_and_is_accessible(page, "bus-rider-home")
    page.locator("#begin").click()
    page.get_by_role("button", name="町役場").click()
    page.get_by_role("button", name="温泉").click()
    take_the_first_offer(page, "15:00")
    expect(page.locator("#said")).to_contain_text(re.compile("同じ予約がもうあります.*15:00〜15:15 町役場 → 温泉"))
    for heading in ("いつ乗りますか", "どこで降りますか", "どこから乗りますか", "わたしの予約"):
        page.get_by_role("button", name="戻る").click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.locator("#rides").get_by_role("button", name="変更する").first.click()
    expect(page.locator("#steps")).to_contain_text("変更する予約")
    take_the_first_offer(page, "13:00")
    expect(page.get_by_role("heading", name="変更しました")).to_be_visible()
    page.get_by_role("button", name="戻る").click()
    expect(page.locator("#rides li")).to_have_count(3)
    page.locator("#rides").get_by_role("button", name="取り消す").first.click()
    page.get_by_role("button", name="本当に取り消しますか").click()
    expect(page.locator("#rides .tag")).to_have_text(["取消", "取消"])
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
    expect(mine).to_contain_text("車いす 1")
    fits_and_is_accessible(page, "bus-driver-next")
    # The worker has the page and all that it is made of.
    page.wait_for_function("() => caches.open('bus-driver').then((c) => c.keys()).then((k) => k.length > 2)")
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
    expect(page.locator("#link")).to_have_text("通信中")
    expect(mine).to_have_count(0)
    trip = buses.ask("GET", f"/vehicles/{bus}/trip")["tasks"]
    assert all(task["done"] for task in trip if task["booking"] == chair["id"])
    page.context.close()


def test_a_dispatcher_sees_the_day_and_plans_it_anew(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    kept = buses.book(buses.rider("川上 三郎"), "eki", "onsen")
    lost = buses.book(buses.rider("岸 四郎", phone="0776209999"), "yakuba", "kawabe")
    page = watch(buses.enter(browser, "bus-operator", "bus-dispatch.html"), errors)
    expect(page.locator(f".gantt .ride[data-booking='{kept['id']}']")).to_have_count(1)
    expect(page.locator(".stop-mark").first).to_be_attached()
    buses.put_on_the_road("v1", 136.205, 35.952)
    expect(page.locator(".bus-mark")).to_have_text("1号車")
    expect(page.locator("#now tbody tr", has_text="1号車")).to_contain_text("35.9520, 136.2050")
    fits_and_is_accessible(page, "bus-dispatch")
    form = page.locator("#closure")
    form.get_by_label("停留所").select_option("kawabe")
    form.get_by_label("理由").fill("増水のため")
    page.reload()
    expect(form.get_by_label("理由")).to_have_value("増水のため")
    expect(form.get_by_label("停留所")).to_have_value("kawabe")
    form.get_by_role("button").click()
    # How many depends on the other tests' riders of the day: who must be told stands in the list.
    expect(page.locator("#said")).to_have_text(re.compile(r"運べない人が\d+人"))
    expect(form.get_by_label("理由")).to_have_value("")
    expect(page.locator("#broken")).to_contain_text("岸 四郎")
    assert buses.ask("GET", f"/riders/{lost['rider']}/bookings")["bookings"][0]["because"] == "増水のため"
    page.locator("#closed").get_by_role("button", name="再開する").click()
    expect(page.locator("#closed")).to_be_empty()
    page.get_by_text("新しい区間を描いて通行止めにする").click()
    page.locator("#map canvas").click(position={"x": 60, "y": 60})
    points = page.locator("#draw-road textarea")
    expect(points).to_have_value(re.compile(r"^\d+\.\d+, \d+\.\d+$"))
    points.fill("35.90, 136.205\n36.00, 136.205")
    drawing = page.locator("#draw-road")
    drawing.get_by_label("名前").fill("大橋")
    drawing.get_by_label("理由").fill("大橋が冠水したため")
    drawing.get_by_role("button").click()
    expect(page.locator("#said")).to_contain_text("計画を立て直しました")
    expect(page.locator("#closed-roads")).to_contain_text("大橋が冠水したため")
    fits_and_is_accessible(page, "bus-dispatch-roads")
    page.locator("#closed-roads").get_by_role("button", name="再開する").click()
    expect(page.locator("#closed-roads")).to_have_text("通行止めの道路はありません。")
    page.goto(f"{buses.city.url}/bus-operator.html")
    calls = page.locator("#calls")
    expect(calls).to_contain_text("岸 四郎")
    calls.locator("li", has_text="岸 四郎").get_by_role("button", name="連絡した").click()
    expect(calls).not_to_contain_text("岸 四郎")
    page.context.close()


def test_a_manager_sees_the_figures_and_takes_them_along(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    page = watch(buses.enter(browser, "bus-manager", "bus-report.html"), errors)
    expect(page.locator("#figures .tile").first).to_be_visible()
    expect(page.locator("#days tbody tr")).to_have_count(28)
    fits_and_is_accessible(page, "bus-report")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSVを保存する").click()
    text = download.value.path().read_text("utf-8-sig")
    assert text.startswith("日付,予約,乗車")
    assert len(text.splitlines()) == 29
    page.context.close()


def square(west: float, south: float, east: float, north: float) -> dict[str, object]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


TOWN = square(136.19, 35.94, 136.26, 35.97)


def test_zones_come_from_a_file_and_days_of_service_are_set(
    browser: Browser, buses: BusCity, errors: list[str], tmp_path: Path
) -> None:
    page = watch(buses.enter(browser, "bus-operator", "bus-area.html"), errors)
    expect(page.locator("#zones .stop-named").first).to_be_attached()
    shapes = {"北部": square(136.19, 35.97, 136.22, 35.99), "町なか": square(136.22, 35.97, 136.26, 35.99)}
    features = [
        {"type": "Feature", "id": f"z{number}", "properties": {"名称": name}, "geometry": geometry}
        for number, (name, geometry) in enumerate(shapes.items())
    ]
    file = tmp_path / "zones.geojson"
    file.write_text('{"type": "Point", "coordinates": [136, 36]}')
    page.get_by_text("GeoJSONファイルから加える").click()
    page.locator("[name=geojson]").set_input_files(file)
    expect(page.locator("#said")).to_have_text("このファイルには面（Polygon）がありません。")
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    page.locator("[name=geojson]").set_input_files(file)
    expect(page.locator("#shapes form")).to_have_count(2)
    town = page.locator("#shapes section", has=page.get_by_role("heading", name="町なか"))
    town.get_by_label("乗り降り").select_option("walk")
    town.get_by_label("歩いてもらう距離").fill("250")
    fits_and_is_accessible(page, "bus-area-file")
    for left in (1, 0):
        page.locator("#shapes form").last.get_by_role("button", name="区域を加える").click()
        expect(page.locator("#shapes form")).to_have_count(left)
    expect(page.locator("#zones tbody tr")).to_have_count(2)
    expect(page.locator("#zones tbody tr", has_text="町なか")).to_contain_text("250m 以内の乗り場まで歩く")
    page.get_by_role("button", name="北部 変更する").click()
    page.locator("#zone").get_by_label("区域の名前").fill("北の里")
    page.locator("#zone").get_by_role("button", name="保存する").click()
    expect(page.locator("#zones tbody tr", has_text="北の里")).to_contain_text("戸口まで")
    page.locator("#zones tbody tr", has_text="北の里").get_by_role("button", name="消す").click()
    page.get_by_role("button", name="本当に消しますか").click()
    expect(page.locator("#zones tbody tr")).to_have_count(1)
    assert [zone["id"] for zone in buses.ask("GET", "/zones")["zones"]] == ["z1"]
    buses.ask("DELETE", "/zones/z1")

    day = date.fromisoformat(today()) + timedelta(days=3)
    at = datetime(day.year, day.month, day.day, 10, tzinfo=JST)
    buses.book(buses.rider("曜子"), "eki", "byoin", earliest=at.isoformat())
    form = page.locator("#day")
    form.get_by_label("はじめの日").fill(day.isoformat())
    form.get_by_role("button", name="加える").click()
    expect(page.locator("#said")).to_contain_text("運休には理由が要ります")
    form.get_by_label("理由").fill("車両点検")
    form.get_by_role("button", name="加える").click()
    expect(page.locator("#said")).to_contain_text("乗車を約束した日は運休にできません")
    form.get_by_label("はじめの日").fill((day + timedelta(days=30)).isoformat())
    form.get_by_label("終わりの日").fill((day + timedelta(days=31)).isoformat())
    form.get_by_role("button", name="加える").click()
    expect(page.locator("#special li")).to_have_count(2)
    expect(page.locator("#closed-days li")).to_have_count(2)
    feast = day + timedelta(days=35)
    file.write_bytes(f"国民の祝日・休日月日,名称\r\n{feast:%Y/%m/%d},開町記念日\r\n".encode("cp932"))
    page.locator("[name=holidays]").set_input_files(file)
    expect(page.locator("#weekdays")).to_contain_text(f"祝日は{feast.year}-12-31まで分かっています")
    page.get_by_label("祝日も走る").uncheck()
    page.locator("#weekdays").get_by_role("button", name="保存する").click()
    expect(page.locator("#closed-days")).to_contain_text("開町記念日")
    page.evaluate("scrollTo(0, 0)")
    fits_and_is_accessible(page, "bus-area")
    page.context.close()
    buses.ask("PUT", "/calendar", {})


def choose_on_the_map(page: Page) -> None:
    """By keyboard alone: to the map, a step aside, to the button that takes the place."""
    keys = page.keyboard
    page.locator("#picker canvas").focus()
    keys.press("=")
    expect(page.locator("#place-told")).to_contain_text("バスは指定の場所まで来ます")
    middle = page.locator("#place-told").text_content() or ""
    keys.press("ArrowUp")
    # What is told of the place before stands there, with its button, until the map has come to rest.
    expect(page.locator("#place-told")).not_to_have_text(middle)
    expect(page.locator("#place-told")).to_contain_text("バスは指定の場所まで来ます")
    expect(page.locator("#take-place")).to_be_visible()
    for _ in range(5):
        keys.press("Tab")
        if page.locator("#take-place:focus").count():
            break
    expect(page.locator("#take-place")).to_be_focused()
    fits_and_is_accessible(page, "bus-picker")
    page.locator("#take-place").focus()
    keys.press("Enter")


def test_a_ride_begins_at_a_place_chosen_on_the_map(browser: Browser, buses: BusCity, errors: list[str]) -> None:
    buses.ask("PUT", "/zones/kita", {"name": "北部", "geometry": TOWN})
    page = watch(buses.resident(browser), errors)
    page.get_by_label("電話番号").fill("090-3333-4444")
    page.get_by_role("button", name="保存する").click()
    page.locator("#begin").click()
    page.locator("#on-map").click()
    choose_on_the_map(page)
    page.get_by_role("button", name="町役場").click()
    take_the_first_offer(page, "13:00")
    expect(page.locator("#steps")).to_contain_text(re.compile("「北部（.+から.+へ[0-9]+m）」でお待ちください"))
    page.get_by_role("button", name="戻る").click()
    expect(page.locator("#rides")).to_contain_text("北部（")
    page.locator("#rides").get_by_role("button", name="変更する").click()
    page.locator("[name=day]").select_option(index=2)
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="空きを調べる").click()
    page.locator("#offers button").first.click()
    expect(page.get_by_role("heading", name="変更しました")).to_be_visible()
    page.get_by_role("button", name="戻る").click()
    page.locator("#begin").click()
    expect(page.locator("#steps")).to_contain_text("前に使った所: 北部（")
    fits_and_is_accessible(page, "bus-rider-places")
    page.context.close()

    buses.rider("地図 六郎", phone="0776-20-0006")
    page = watch(buses.enter(browser, "bus-operator", "bus-operator.html"), errors)
    page.locator("#phone").fill("0776200006")
    page.locator("[data-rider]").first.click()
    page.locator("[data-map=from]").press("Enter")
    choose_on_the_map(page)
    expect(page.locator("[name=from]")).to_have_value(re.compile("^北部（"))
    expect(page.locator("[name=from]")).to_be_focused()
    page.locator("[name=to]").fill("温泉")
    page.locator("[name=to]").press("Enter")
    expect(page.locator("#offers button").first).to_be_focused()
    page.keyboard.press("1")
    expect(page.locator("#booked")).to_contain_text(re.compile("「北部（.+）」でお待ちください"))
    page.context.close()
    buses.ask("DELETE", "/zones/kita")
