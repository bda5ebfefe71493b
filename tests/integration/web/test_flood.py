"""The resident's page through a flood: real gauges, live changes, broken lines, drills and replays."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.city import wait_until
from tests.integration.web.flood_city import FloodCity, gauge_id, jst
from tests.integration.web.flood_server import TILE_COLOUR, FloodServer
from tests.integration.web.test_orders import notice
from tests.integration.web.visitor import PHONE, Visitor, colours, overflow, shoot, violations

pytestmark = pytest.mark.browser

HARAME, EBA = "9", "124"
TEN_MINUTES = timedelta(minutes=10)


def row(page: Page, station: str) -> str:
    """A selector for the gauge's row."""
    return f'#list a.row[data-gauge="{gauge_id(station)}"]'


def names(page: Page) -> list[str]:
    """The gauges in the list, from the top."""
    return page.locator("#list .row__name").all_inner_texts()


def test_the_gauge_above_danger_is_first(visitor: Visitor, server: FloodServer) -> None:
    page = visitor.open(server.url)
    assert names(page)[0] == "江波"
    first = page.locator("#list a.row").first
    expect(first).to_contain_text("2.46 m")
    expect(first).to_contain_text("氾濫危険水位を 0.46 m こえています")
    expect(first).to_contain_text("5 分前")
    expect(page.locator("#age")).to_have_text("データは 5 分前（最新の観測 07:40）")


def test_no_stages_and_silence_are_never_calm(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.now = jst("2023-07-13T11:05")
    page = visitor.open(server.url)
    none = page.locator(".group[data-stage=none]")
    expect(none.locator("h3")).to_contain_text("基準なし")
    expect(none).to_contain_text("安全という意味ではありません")
    silent = page.locator(".group[data-stage=unknown]")
    expect(silent.locator("h3")).to_contain_text("不明")
    expect(silent.locator("a.row").first).to_contain_text("水位は不明")
    assert " m" not in silent.locator(".row__metres").first.inner_text()


def test_the_hydrograph_shows_stages_marks_and_a_table(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.now = jst("2023-07-13T13:25")
    city.marks = {
        (HARAME, jst("2023-07-13T07:30")): {"quality": "suspect"},
        (HARAME, jst("2023-07-13T08:10")): {"quality": "bad"},
        (HARAME, jst("2023-07-13T11:00")): {"level": None, "quality": "missing"},
        (HARAME, jst("2023-07-13T12:00")): {"status": "confirmed", "version": 1},
    }
    page = visitor.open(server.url, PHONE)
    page.locator(row(page, HARAME)).click()
    chart = page.locator(".chart__picture")
    for label in ("水防団待機水位 1.20", "氾濫注意水位 1.50", "避難判断水位 1.80", "氾濫危険水位 2.00"):
        expect(chart).to_contain_text(label)
    shapes = {
        kind: chart.locator(f".chart__point--{kind}").first.evaluate(
            "one => one.tagName + (one.getAttribute('d') ?? '')"
        )
        for kind in ("good", "suspect", "bad", "missing")
    }
    without_places = {re.sub(r"[\d.]+ [\d.]+", "", shape) for shape in shapes.values()}
    assert len(without_places) == 4, shapes
    expect(chart.locator(".chart__point--confirmed")).to_have_count(1)
    expect(chart).to_have_attribute("aria-label", re.compile(r"最高 2\.02 m（7月13日 07:20）"))
    page.locator("#detail details:has(table) summary").click()
    table = page.locator("#detail table")
    for text in ("要確認", "異常", "欠測", "確定", "訂正あり"):
        expect(table).to_contain_text(text)
    assert violations(page) == []
    page.locator(".chart__head").evaluate("one => one.scrollIntoView()")
    shoot(page, "hydrograph-marks")


def test_levels_ahead_are_drawn_and_said(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.now = jst("2023-07-13T07:25")
    city.forecast = [
        (jst("2023-07-13T07:00"), 9.0, 9.0, 9.0),
        (jst("2023-07-13T08:20"), 2.1, 1.95, 2.3),
        (jst("2023-07-13T13:20"), 1.7, 1.2, 2.6),
    ]
    page = visitor.open(server.url, PHONE)
    page.locator(row(page, HARAME)).click()
    expect(page.locator(".chart__band")).to_have_count(1)
    expect(page.locator(".chart__ahead")).to_have_count(1)
    expect(page.locator("#detail")).to_contain_text("7月13日 08:20に 2.10 m（1.95〜2.30 m）")
    expect(page.locator("#detail")).not_to_contain_text("9.00 m")
    assert violations(page) == []
    page.locator(".chart__head").evaluate("one => one.scrollIntoView()")
    shoot(page, "hydrograph-ahead")
    city.forecast = []


def test_pictures_of_the_river_are_fetched_when_asked_for(
    visitor: Visitor, server: FloodServer, city: FloodCity
) -> None:
    city.cameras = {"eba-bridge": (EBA, city.now - timedelta(minutes=12))}
    page = visitor.open(server.url, PHONE)
    page.click(row(page, EBA))
    opener = page.locator("#stills > summary")
    expect(opener).to_have_text("川のカメラ画像を見る")
    assert not any(asked.endswith("/still") for asked in visitor.requests)
    opener.click()
    picture = page.get_by_role("img", name="江波地区の川")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    expect(page.locator("#stills figcaption")).to_contain_text("12 分前")
    assert violations(page) == []
    assert overflow(page) == 0
    shoot(page, "stills-phone")
    page.go_back()
    page.click(row(page, HARAME))
    expect(page.locator("#detail-heading")).to_contain_text("原目")
    expect(page.locator("#stills")).to_be_hidden()


def test_three_days_are_shown_on_request(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.now = jst("2023-07-15T12:00")
    page = visitor.open(server.url)
    page.locator(row(page, EBA)).click()
    expect(page.locator(".chart__picture")).not_to_contain_text("7/13")
    page.get_by_role("button", name="72時間").click()
    expect(page.locator(".chart__picture")).to_contain_text("7/13")
    expect(page.locator(".chart__picture")).to_have_attribute("aria-label", re.compile(r"最高 2\.57 m"))
    shoot(page, "hydrograph-72h")


def test_a_level_arrives_without_reload(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    page.evaluate("window.sameVisit = true")
    expect(page.locator(row(page, HARAME))).to_contain_text("1.99 m")
    asked = visitor.requests.count("/api/v1/flood/gauges")
    server.send(city.read(HARAME, jst("2023-07-13T07:50"), 2.03))
    expect(page.locator(row(page, HARAME))).to_contain_text("2.03 m")
    assert visitor.requests.count("/api/v1/flood/gauges") == asked, "a level alone needs no question"
    server.send(city.judged(HARAME))
    danger = page.locator(".group[data-stage=danger]")
    expect(danger.locator(".row__name")).to_have_text(["原目", "江波"])
    expect(page.locator(f'.marker[data-gauge="{gauge_id(HARAME)}"]')).to_have_attribute("data-stage", "danger")
    assert page.evaluate("window.sameVisit") is True


def test_an_open_hydrograph_grows(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    page.locator(row(page, EBA)).click()
    expect(page.locator(".chart__readout")).to_contain_text("07:40")
    server.wait_for_stream()
    server.send(city.read(EBA, jst("2023-07-13T07:50"), 2.6))
    expect(page.locator(".now__metres")).to_have_text("2.60 m")
    expect(page.locator(".chart__readout")).to_contain_text("07:50  2.60 m")


def test_focus_stays_on_a_gauge_that_changes_its_place(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    page.locator(row(page, HARAME)).focus()
    city.read(HARAME, jst("2023-07-13T07:50"), 3.0)
    server.send(city.judged(HARAME))
    expect(page.locator("#list .row__name").first).to_have_text("原目")
    expect(page.locator(":focus")).to_have_attribute("data-gauge", gauge_id(HARAME))


def test_a_late_reading_changes_nothing_now(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    server.send(city.read(HARAME, jst("2023-07-13T07:00"), 0.5))
    server.send(city.read(EBA, jst("2023-07-13T07:50"), 2.5))
    expect(page.locator(row(page, EBA))).to_contain_text("2.50 m")
    expect(page.locator(row(page, HARAME))).to_contain_text("1.99 m")


def test_what_cannot_be_understood_breaks_nothing(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    server.send({"entity": 7})
    server.send({"reason": "too slow"}, event="gap")
    city.read(HARAME, jst("2023-07-13T07:50"), 2.04)
    expect(page.locator(row(page, HARAME))).to_contain_text("2.04 m")


def test_alerts_are_told_apart_and_spoken(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.alert(EBA, "danger", "test")
    city.alert(EBA, "danger", "exercise")
    page = visitor.open(server.url, PHONE)
    server.wait_for_stream()
    server.send(city.alert(EBA, "danger", "actual"))
    expect(page.get_by_role("alert")).to_have_text("新しい警報（本番）：天王川（江波）が氾濫危険水位に達しました")
    alerts = page.locator(".alert")
    expect(alerts.locator(".alert__status")).to_have_text(["本番", "訓練", "テスト"])
    expect(alerts.nth(1)).to_contain_text("これは訓練です")
    expect(alerts.nth(2)).to_contain_text("これはテスト配信です")
    borders = alerts.evaluate_all("all => all.map((one) => getComputedStyle(one).borderTopStyle)")
    assert borders == ["solid", "double", "dashed"]
    assert violations(page) == []
    shoot(page, "alerts")
    page.get_by_role("link", name="天王川（江波）が氾濫危険水位に達しました").first.click()
    expect(page.locator("#detail-heading")).to_have_text("江波の水位")
    city.alerts.pop()
    server.send(city.judged(EBA))
    expect(page.get_by_role("alert")).to_contain_text("警報がなくなりました")


def test_many_alerts_leave_room_for_the_map(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    for _ in range(12):
        city.alert(EBA, "danger", "actual")
    page = visitor.open(server.url, PHONE)
    expect(page.locator(".alert:visible")).to_have_count(3)
    page.get_by_text("ほか 9 件の警報").click()
    expect(page.locator(".alert:visible")).to_have_count(12)


def test_a_broken_stream_resumes_where_it_broke(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    server.send(city.read(HARAME, jst("2023-07-13T07:50"), 2.0))
    expect(page.locator(row(page, HARAME))).to_contain_text("2.00 m")
    page.evaluate(
        """() => { window.seen = []; const stream = document.querySelector("#stream");
          new MutationObserver(() => window.seen.push(stream.textContent)).observe(stream, { childList: true }); }"""
    )
    server.drop_streams()
    server.wait_for_stream(2)
    assert server.connections == [None, "0:1"]
    expect(page.locator("#stream")).to_have_text("自動で更新中")
    assert page.evaluate("window.seen") == ["接続が切れました。つなぎ直しています", "自動で更新中"]
    server.send(city.read(HARAME, jst("2023-07-13T08:00"), 2.01))
    expect(page.locator(row(page, HARAME))).to_contain_text("2.01 m")


def test_a_city_that_is_away_is_said_so_and_found_again(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url)
    server.wait_for_stream()
    server.away = True
    server.drop_streams()
    expect(page.locator("#stream")).to_contain_text("接続が切れました")
    assert violations(page) == []
    shoot(page, "connection-lost")
    city.read(HARAME, jst("2023-07-13T07:50"), 2.05)
    server.away = False
    expect(page.locator("#stream")).to_have_text("自動で更新中")
    expect(page.locator(row(page, HARAME))).to_contain_text("2.05 m")
    visitor.expect_failed_requests()


def test_what_was_kept_is_shown_with_its_time_while_the_city_is_away(
    visitor: Visitor, server: FloodServer, city: FloodCity
) -> None:
    city.read(HARAME, jst("2023-07-13T07:50"), 2.05)
    server.kept = {**city.gauges(), "alerts": [], "orders": [notice(1, 4, "避難指示", "Evacuation order")]}
    server.away = True
    page = visitor.open(server.url, PHONE, wait_for_map=False)
    expect(page.locator(row(page, HARAME))).to_contain_text("2.05 m")
    expect(page.locator("#failed")).to_contain_text("時点のものを表示しています")
    expect(page.locator(".order")).to_contain_text("避難指示")
    assert violations(page) == []
    shoot(page, "city-away")
    visitor.expect_failed_requests()


def test_without_a_stream_the_page_asks_every_minute(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    server.refuses_streams = True
    page = visitor.open(server.url, fake_clock=True)
    expect(page.locator("#stream")).to_contain_text("接続が切れました")
    city.read(HARAME, jst("2023-07-13T07:50"), 2.06)
    page.clock.run_for(61_000)
    expect(page.locator(row(page, HARAME))).to_contain_text("2.06 m")
    visitor.expect_failed_requests()


def test_a_stream_that_is_dead_without_saying_so_is_replaced(
    visitor: Visitor, server: FloodServer, city: FloodCity
) -> None:
    page = visitor.open(server.url, fake_clock=True)
    server.wait_for_stream()
    city.read(HARAME, jst("2023-07-13T07:50"), 2.07)
    page.clock.run_for(121_000)
    expect(page.locator(row(page, HARAME))).to_contain_text("2.07 m")
    server.wait_for_stream(2)


def test_old_data_grows_older_and_says_since_when(visitor: Visitor, server: FloodServer) -> None:
    page = visitor.open(server.url, fake_clock=True)
    expect(page.locator("#age")).to_contain_text("データは 5 分前")
    server.away = True
    server.drop_streams()
    page.clock.run_for(26 * 60_000)
    expect(page.locator("#failed")).to_contain_text("新しいデータを取得できません。7月13日 07:45 の時点")
    expect(page.locator("#age")).to_contain_text(re.compile(r"データは 3[01] 分前"))
    expect(page.locator(row(page, EBA))).to_contain_text(re.compile(r"3[01] 分前"))
    visitor.expect_failed_requests()


def test_without_a_network_the_page_keeps_what_it_has_and_comes_back_by_itself(
    visitor: Visitor, server: FloodServer, city: FloodCity
) -> None:
    page = visitor.open(server.url, PHONE, fake_clock=True)
    server.wait_for_stream()
    page.context.set_offline(True)
    expect(page.locator("#stream")).to_contain_text("接続が切れました")
    page.clock.run_for(21 * 60_000)
    expect(page.locator("#failed")).to_contain_text("新しいデータを取得できません。7月13日 07:45 の時点")
    expect(page.locator("#age")).to_contain_text(re.compile(r"データは 2[67] 分前"))
    expect(page.locator(row(page, EBA))).to_contain_text(re.compile(r"2[67] 分前"))
    expect(page.locator("#alerts-body")).to_contain_text("いまは分かりません")
    assert overflow(page) == 0
    shoot(page, "network-lost-phone")
    city.now = jst("2023-07-13T08:07")
    city.read(HARAME, jst("2023-07-13T08:05"), 2.05)
    page.context.set_offline(False)
    expect(page.locator("#stream")).to_have_text("自動で更新中")
    expect(page.locator(row(page, HARAME))).to_contain_text("2.05 m")
    expect(page.locator("#failed")).to_be_empty()
    expect(page.locator("#alerts-body")).to_contain_text("いま出ている水位の警報はありません")
    expect(page.locator("#age")).to_contain_text("データは 2 分前")
    visitor.expect_failed_requests()


def test_a_replay_says_so_and_keeps_its_own_time(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.mode = "replay"
    page = visitor.open(server.url, PHONE)
    banner = page.locator("#replay")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text("訓練・再生")
    expect(banner).to_contain_text("再生中の時刻：2023年7月13日 07:45")
    expect(page.locator("#age")).to_contain_text("データは 5 分前")
    server.wait_for_stream()
    server.send(city.read(HARAME, jst("2023-07-13T08:30"), 1.8))
    expect(banner).to_contain_text("2023年7月13日 08:30")
    assert violations(page) == []
    shoot(page, "replay-phone")


def test_a_live_city_has_no_replay_banner(visitor: Visitor, server: FloodServer) -> None:
    expect(visitor.open(server.url).locator("#replay")).to_be_hidden()


def test_a_gauges_name_is_never_code(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    evil = '<img src=x onerror="window.hacked = true">'
    city.alert(EBA, "danger", "actual")
    city.alerts[0]["headline"] = evil
    page = visitor.open(server.url)
    expect(page.locator(".alert")).to_contain_text(evil)
    assert page.evaluate("window.hacked") is None


def test_a_citys_own_tiles_are_the_only_other_host(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    host = FloodServer(city)
    host.start()
    try:
        city.tile_url = host.url + "/tiles/{z}/{x}/{y}.png"
        city.tile_attribution = "地理院タイル"
        visitor.may_ask(host.url)
        page = visitor.open(server.url)
        tile = "#" + "".join(f"{part:02x}" for part in TILE_COLOUR)
        wait_until(lambda: colours(page, "#map").get(tile, 0) > 0.5, 60, "the map does not show the tiles")
        expect(page.locator("#sources")).to_have_text("地理院タイル")
    finally:
        host.stop()
