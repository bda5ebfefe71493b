"""The charging stations' pages in a real browser against a whole running city with stations that are real clients."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus

from cityos.simulated_station import SimulatedStation
from tests.city import WholeCity, free_port
from tests.integration.web.bus_city import BusCity
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import DESK, PHONE, overflow, shoot, violations
from tests.requirements import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
GAUGE = "urn:ngsi-ld:WaterObserved:nakatsuno"
ALERT = {
    "id": "urn:ngsi-ld:Alert:1",
    "type": "Alert",
    "category": {"type": "Property", "value": "naturalDisaster"},
    "subCategory": {"type": "Property", "value": "flood"},
    "stage": {"type": "Property", "value": "danger"},
    "status": {"type": "Property", "value": "actual"},
    "headline": {"type": "Property", "value": "日野川 中角 氾濫危険水位"},
    "headlineEn": {"type": "Property", "value": "Hino River at Nakatsuno: danger"},
    "refWaterObserved": {"type": "Relationship", "object": GAUGE},
}


class Yard:
    """Stations that live in a thread of their own: the browser's loop runs in the test's."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.stations: dict[str, SimulatedStation] = {}

    def do(self, work: Any) -> Any:
        """What the coroutine returns."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(60)

    def put(self, name: str, version: Any, password: str) -> None:
        """A station that has connected and booted. Raises `InvalidStatus` where the door refuses it."""
        station = SimulatedStation(self._url, name, version, password=password)
        self.do(station.connect())
        self.stations[name] = station
        assert self.do(station.boot()) == "Accepted"
        self.do(station.status("Available"))

    def stop(self) -> None:
        for station in self.stations.values():
            self.do(station.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Town:
    """The running city, its program with all rights on chargers, its yard."""

    def __init__(self, city: WholeCity, yard: Yard) -> None:
        self.people = BusCity(city, httpx.Client())
        self.yard = yard
        scopes = ("chargers:read", "chargers:write", "devices:write", "entities:write", "alerts:write")
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = city.command("client", "add", "yard", *words).stdout
        client, secret = (line.split()[1] for line in made.splitlines()[:2])
        answer = httpx.post(f"{city.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client, secret))
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        self.program = httpx.Client(base_url=city.url, headers=headers, timeout=60)

    def ask(self, method: str, path: str, body: Any) -> Any:
        answer = self.program.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    need((DIST / "chargers.html").is_file(), "the built pages (make web)")
    port = free_port()
    folder = tmp_path_factory.mktemp("chargers")
    city = WholeCity(folder, CITYOS_CHARGERS_ENABLED="true", CITYOS_CHARGERS_PORT=str(port))
    city.start()
    town = Town(city, Yard(f"ws://127.0.0.1:{port}"))
    for number, (name, version) in enumerate((("HALL-1", "1.6"), ("HALL-2", "2.0.1"), ("PARK-1", "1.6"))):
        place = {"type": "Point", "coordinates": [136.22 + 0.02 * number, 36.06 + 0.01 * (number % 2)]}
        described = {
            "name": {"type": "Property", "value": f"{'公民館' if name[0] == 'H' else '河川公園'} {name[-1]}号"},
            "location": {"type": "GeoProperty", "value": place},
        }
        device = {"id": name, "family": "ev_charger", "profile": {"attributes": described}}
        password = town.ask("POST", "/api/v1/devices", device)["password"]
        _until_let_in(town, name, version, password)
    card = "CARD-" + secrets.token_hex(4)
    town.ask("PUT", f"/api/v1/chargers/cards/{card}", {})
    site = {"name": "中央公民館", "limitW": 9000, "shelter": True, "loadW": 3000}
    town.ask("PUT", "/api/v1/chargers/sites/hall", site)
    for name in ("HALL-1", "HALL-2"):
        rule = {"site": "hall", "v2hW": 6000, "connectors": [{"connector": 1, "mostW": 6000}]}
        town.ask("PUT", f"/api/v1/chargers/stations/{name}", rule)
    hall, park = town.yard.stations["HALL-2"], town.yard.stations["PARK-1"]
    town.yard.do(hall.start(card))
    town.yard.do(hall.status("Charging"))
    town.yard.do(hall.meter(power_w=2900, soc=70))
    town.yard.do(park.status("Faulted", "GroundFailure"))
    yield town
    town.yard.stop()
    town.program.close()
    city.stop()


def _until_let_in(town: Town, name: str, version: str, password: str) -> None:
    """The central system learns of a new device a moment after the gateway: until then there is none of this name."""
    for _ in range(60):
        try:
            return town.yard.put(name, version, password)
        except InvalidStatus as refused:
            if refused.response.status_code != 404:
                raise
        threading.Event().wait(0.5)
    pytest.fail(f"{name} was never let in")


def fits_and_is_accessible(page: Page, name: str) -> None:
    """At the desk and at 360 px: nothing sticks out, axe finds no fault; a picture of each is kept."""
    for size, end in ((DESK, ""), (PHONE, "-phone")):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert overflow(page) == 0, name
        assert violations(page) == [], name
        shoot(page, name + end)


def test_anybody_sees_what_is_free_without_an_account(town: Town, browser: Browser) -> None:
    errors: list[str] = []
    page = town.people.context(browser, PHONE).new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{town.people.city.url}/chargers.html")
    expect(page.locator("[data-station=HALL-1]")).to_contain_text("公民館 1号")
    expect(page.locator("[data-station=HALL-1]")).to_contain_text("空き 1口")
    expect(page.locator("[data-station=HALL-2]")).to_contain_text("使用中 1口")
    expect(page.locator("[data-station=PARK-1]")).to_contain_text("故障・停止 1口")
    expect(page.locator(".charger-mark .use--out-of-order")).to_have_count(1)
    fits_and_is_accessible(page, "chargers")
    page.locator("#free-only").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-station]")).to_have_count(1)
    page.get_by_role("button", name="English").click()
    expect(page.locator("[data-station=HALL-1]")).to_contain_text("Free 1")
    town.yard.do(town.yard.stations["HALL-1"].status("Preparing"))
    expect(page.locator("[data-station=HALL-1]")).to_contain_text("In use 1")
    town.yard.do(town.yard.stations["HALL-1"].status("Available"))
    assert errors == []
    page.context.close()


def test_staff_see_faults_in_words_and_steer_a_station_by_keyboard(town: Town, browser: Browser) -> None:
    page = town.people.enter(browser, "charging-officer", "chargers-console.html")
    first = page.locator("#stations tbody tr").first
    expect(first).to_contain_text("河川公園 1号")
    expect(first).to_contain_text("漏電を検知しました")
    expect(page.locator("tr[data-station=HALL-2]")).to_contain_text("2.9 kW")
    expect(page.locator("#sites")).to_contain_text("中央公民館")
    expect(page.locator("#sites svg[role=img]")).to_have_attribute("aria-label", re.compile("今 2.9 kW"))
    expect(page.locator("#sessions")).to_contain_text("充電中")
    fits_and_is_accessible(page, "chargers-console")
    page.locator("tr[data-station=HALL-1] button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#one h3").first).to_be_focused()
    unlock = page.locator("#commands [data-connector='1']").get_by_role("button", name="コネクタを外せるようにする")
    unlock.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("本当に"))).to_be_focused()
    fits_and_is_accessible(page, "chargers-console-command")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("充電器が応じました（外せます）")
    page.locator("#variables summary").click()
    page.get_by_role("button", name="設定値を読み出す").click()
    expect(page.locator("#variables dt").filter(has_text="HeartbeatInterval")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("設定値は1件です")
    fits_and_is_accessible(page, "chargers-console-variables")
    page.locator("#upkeep summary").click()
    page.locator("#upkeep [name=url]").last.fill("ftp://files.example.jp/logs")
    page.get_by_role("button", name="動作の記録を送らせる").click()
    expect(page.locator("#said")).to_contain_text("「動作の記録を送らせる」: 充電器が応じました")
    assert "UnlockConnector" in [action for action, _ in town.yard.stations["HALL-1"].asked]
    page.locator("#settings summary").click()
    page.locator("#settings [name=priority]").select_option("shelter")
    page.locator("#settings").get_by_role("button", name="保存する").click()
    expect(page.locator("tr[data-station=HALL-1]")).to_contain_text("避難所")
    page.context.close()


def test_staff_set_a_site_and_its_cards(town: Town, browser: Browser) -> None:
    page = town.people.enter(browser, "charging-officer", "chargers-console.html")
    page.locator("[data-form=new] summary").click()
    form = page.locator("[data-form=new] form")
    form.locator("[name=id]").fill("feeder-1")
    form.locator("[name=name]").fill("配電線1号")
    form.locator("[name=limit]").fill("20")
    form.get_by_role("button", name="この場所を加える").click()
    expect(page.locator("[data-site=feeder-1]")).to_contain_text("上限 20.0 kW")

    page.locator("[data-form=hall] summary").click()
    form = page.locator("[data-form=hall] form")
    expect(form.locator("[name=shelter]")).to_be_checked()
    form.locator("[name=limit]").fill("8.5")
    form.locator("[name=partOf]").select_option("feeder-1")
    form.locator("[name=load]").fill("3")
    form.get_by_role("button", name="時間帯を加える").click()
    form.locator("[name=from]").fill("13:00")
    form.locator("[name=until]").fill("13:00")
    form.locator("[name=cut]").fill("6")
    form.get_by_role("button", name="保存する").click()
    expect(page.locator("#said")).to_contain_text("違う時刻")
    form.locator("[name=until]").fill("16:00")
    fits_and_is_accessible(page, "chargers-console-site")
    form.get_by_role("button", name="保存する").click()
    expect(page.locator("#said")).to_contain_text("保存しました")
    kept = {site["id"]: site for site in town.ask("GET", "/api/v1/chargers/sites", None)["sites"]}["hall"]
    assert kept["windows"] == [{"from": 780, "until": 960, "limitW": 6000}]
    assert (kept["limitW"], kept["partOf"], kept["loadW"], kept["shelter"]) == (8500, "feeder-1", 3000, True)

    page.locator("#cards-add summary").click()
    form = page.locator("#cards-add form")
    form.locator("[name=card]").fill("FLEET-07")
    form.locator("[name=label]").fill("公用車7号")
    form.locator("[name=until]").fill("2030-03-31")
    form.get_by_role("button", name="登録する").click()
    expect(page.locator("#said")).to_contain_text("保存しました")
    page.locator("#cards-search [name=text]").fill("公用車")
    page.get_by_role("button", name="一覧を見る").click()
    row = page.locator("#cards-found tbody tr")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="使えなくする").click()
    row.get_by_role("button", name="本当に「使えなくする」を行いますか").click()
    expect(row).to_contain_text("停止中")
    expect(row).to_contain_text("2030年3月31日")
    fits_and_is_accessible(page, "chargers-console-cards")
    row.get_by_role("button", name="一覧から消す").click()
    row.get_by_role("button", name="本当に「一覧から消す」を行いますか").click()
    expect(page.locator("#cards-found")).to_contain_text("当てはまるカードがありません")
    page.context.close()


def test_on_a_phone_the_load_is_seen_at_its_newest_end_and_stays_where_it_is_moved(
    town: Town, browser: Browser
) -> None:
    page = town.people.enter(browser, "charging-officer", "chargers-console.html")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.reload()
    frame = page.locator("[data-site=hall] .scroll")
    hidden = "(f) => f.scrollWidth - f.clientWidth - f.scrollLeft"
    expect(frame.locator("path.limit")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('[data-site=hall] .scroll').scrollLeft > 0")
    assert frame.evaluate(hidden) <= 1
    first = frame.element_handle()
    frame.evaluate("(f) => { f.scrollLeft = 10; }")
    moved = frame.evaluate(hidden)
    page.wait_for_function("(f) => !f.isConnected", arg=first)
    assert frame.evaluate(hidden) == pytest.approx(moved, abs=1), "drawn anew, and where it was"
    page.context.close()


def test_an_alert_proposes_and_an_officer_opens_and_closes_the_disaster_mode(town: Town, browser: Browser) -> None:
    town.ask("PUT", "/api/v1/chargers/stations/PARK-1", {"site": "hall", "floodsWith": [GAUGE]})
    town.ask("POST", "/ngsi-ld/v1/entities", ALERT)
    page = town.people.enter(browser, "charging-officer", "chargers-console.html")
    expect(page.locator("#proposals")).to_contain_text("日野川 中角 氾濫危険水位")
    page.get_by_role("button", name="この警報で開く準備をする").click()
    form = page.locator("#opening")
    expect(form.locator("[name=because]")).to_have_value("日野川 中角 氾濫危険水位")
    expect(form.locator("input[value=PARK-1]")).to_be_checked()
    expect(form.locator("input[value=HALL-1]")).not_to_be_checked()
    form.locator("[name=cap]").fill("1.5")
    expect(form.locator(".effects")).to_contain_text("1口 1.5 kW まで")
    fits_and_is_accessible(page, "chargers-console-opening")
    form.get_by_role("button", name="災害モードを開く").click()
    expect(page.locator("#open")).to_contain_text("災害モードです")
    expect(page.locator("tr[data-station=PARK-1]")).to_contain_text("浸水のため停止")
    expect(page.locator("#supply")).to_contain_text("約6.7時間")
    fits_and_is_accessible(page, "chargers-console-disaster")
    page.get_by_role("button", name="平常に戻す", exact=True).click()
    page.get_by_role("button", name="本当に「平常に戻す」を行いますか").click()
    expect(page.locator("#disaster")).to_contain_text("平常運転です。")
    expect(page.locator("tr[data-station=PARK-1]")).not_to_contain_text("浸水のため停止")
    page.context.close()
