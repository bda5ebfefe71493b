"""The officer's night in a real browser, on a whole city that plays the recorded flood of July 2023 as an exercise."""

from __future__ import annotations

import asyncio
import csv
import gzip
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from broker.store.postgres import open_database
from cityos.provision import provision_demo
from tests.city import WholeCity, wait_until
from tests.integration.web.flood_city import DEMO
from tests.integration.web.flood_server import DIST
from tests.integration.web.test_portal import fits_and_is_accessible, sign_up
from tests.integration.web.visitor import DESK, PATIENT, PHONE, shoot
from tests.requirements import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

UNTIL = "2023-07-13T08:00"
SETTINGS = {
    "CITYOS_GATEWAY_MODE": "replay",
    "CITYOS_ALERTING_CLOCK": "data",
    "CITYOS_ALERTING_MODE": "exercise",
}


@pytest.fixture(scope="module")
def whole_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    """Fukui on the morning of 13 July 2023, as an exercise, with the sample districts."""
    need((DIST / "officer.html").is_file(), "the built pages (make web)")
    folder = tmp_path_factory.mktemp("officer")
    city = WholeCity(folder / "city", **SETTINGS)
    city.start()
    # In a thread: Playwright's synchronous interface may hold this one's event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, provision(city)).result(60)
    city.command("replay", str(morning(folder / "morning.csv")), "--speed", "max")
    yield city
    city.stop()


async def provision(city: WholeCity) -> None:
    database = await open_database(city.running()["CITYOS_DATABASE_SYSTEM_URL"], system=True, size=1)
    await provision_demo(database, secret_file=city.folder / "demo.secret")
    await database.close()


def morning(path: Path) -> Path:
    """The flood's readings until 江波 and 原目 had risen."""
    with gzip.open(DEMO / "readings-2023-07.csv.gz", "rt", encoding="utf-8") as rows, path.open("w") as out:
        reader = csv.DictReader(rows)
        writer = csv.DictWriter(out, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in reader if row["observed_at_jst"] <= UNTIL)
    return path


class Desk:
    """An officer with a browser at the desk."""

    def __init__(self, browser: Browser, city: WholeCity, name: str, size: tuple[int, int]) -> None:
        # Of its own at each try: a second one finds the first's users.
        self.city, self.login = city, f"{name}-{secrets.token_hex(3)}@city.example"
        made = city.command("user", "add", self.login, "--role", "evacuation-officer")
        self.password = re.findall(r"password: (\S+)", made.stdout)[0]
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="ja-JP")
        self.context.set_default_timeout(PATIENT)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.totp = ""

    def enter(self) -> Page:
        """Log in for the first time, with an authenticator, and wait for the proposals."""
        self.page.goto(f"{self.city.url}/officer.html")
        self._fill("")
        self.page.get_by_role("button", name="始める").click()
        self.totp = self.page.locator("#totp-key").inner_text()
        self.page.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(self.totp).now())
        self.page.get_by_role("button", name="確かめる").click()
        expect(self.page).to_have_url(f"{self.city.url}/officer.html")
        expect(self.card("sample-124")).to_contain_text("警戒レベル")
        return self.page

    def _fill(self, code: str) -> None:
        form = self.page.locator("#login")
        form.get_by_label("メールアドレス").fill(self.login)
        form.get_by_label("パスワード").fill(self.password)
        if code:
            form.get_by_label(re.compile("6桁")).fill(code)
        form.get_by_role("button").click()

    def again(self) -> None:
        """Log in once more, with the next code: none is good twice."""
        soon = pyotp.TOTP(self.totp)
        used = soon.now()
        wait_until(lambda: soon.now() != used, 45, "the authenticator shows no new code")
        self._fill(soon.now())

    def card(self, district: str) -> Locator:
        return self.page.locator(f"[data-district={district}]")

    def leave(self) -> None:
        self.context.close()
        assert self.errors == []


def tab_to(page: Page, target: Locator) -> None:
    """Reach `target` with the Tab key alone."""
    for _ in range(300):
        # Looked up anew each time: what is news redraws the lists.
        if target.evaluate("element => document.activeElement === element"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


def decide(page: Page, reason: str, verb: str) -> None:
    """Give the reason, look at the preview, and decide, with keys alone."""
    tab_to(page, page.get_by_label("理由（記録に残ります）"))
    page.keyboard.type(reason)
    tab_to(page, page.get_by_role("button", name="内容と届く相手を確かめる"))
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    tab_to(page, page.get_by_role("button", name=f"{verb}する", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text(f"{verb}しました")
    expect(page.locator("#record")).to_contain_text(reason)


def public(city: WholeCity) -> list[object]:
    orders: list[object] = city.get("/api/v1/evacuation/public")["orders"]
    return orders


def test_by_keyboard_at_the_desk(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "keyboard", DESK)
    page = desk.enter()
    expect(page.locator(".drill")).to_contain_text("訓練中")
    expect(desk.card("sample-124")).to_contain_text("氾濫")
    expect(page.locator(".area-map .area-label")).to_have_count(7)
    expect(page.locator(".area-map")).to_contain_text("提案 レベル4 避難指示")
    fits_and_is_accessible(page)
    shoot(page, "officer-desk")
    tab_to(page, desk.card("sample-124").get_by_role("checkbox"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("理由（記録に残ります）"))
    page.keyboard.type("氾濫危険水位に達したため")
    tab_to(page, page.get_by_role("button", name="内容と届く相手を確かめる"))
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    expect(page.locator(".preview")).to_contain_text("【訓練】警戒レベル4 避難指示（発令） 江波")
    expect(page.locator(".preview")).to_contain_text("住民には届きません")
    fits_and_is_accessible(page)
    shoot(page, "officer-preview")
    tab_to(page, page.get_by_role("button", name="発令する", exact=True))
    page.keyboard.press("Enter")
    expect(desk.card("sample-124")).to_contain_text("発令中: 警戒レベル4 避難指示")
    expect(page.locator("#said")).to_contain_text("発令しました")
    expect(page.locator("#record")).to_contain_text("氾濫危険水位に達したため")
    expect(page.locator(".area-label--force")).to_contain_text("警戒レベル4 避難指示")
    page.locator(".area-map").scroll_into_view_if_needed()
    shoot(page, "officer-map")
    tab_to(page, page.locator("[data-order]").first.get_by_role("button", name="訂正"))
    page.keyboard.press("Enter")
    decide(page, "地区の名の書き誤り", "訂正")
    tab_to(page, desk.card("sample-124").get_by_role("checkbox"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("radio", name="発令", exact=True))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="解除")).to_be_checked()
    decide(page, "水位が下がったため", "解除")
    expect(desk.card("sample-124")).to_contain_text("発令していません")
    assert public(whole_city) == []
    desk.leave()


def test_issue_correct_and_lift_on_a_phone(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "phone", PHONE)
    page = desk.enter()
    fits_and_is_accessible(page)
    shoot(page, "officer-phone")
    desk.card("sample-9").get_by_role("checkbox").check()
    page.get_by_label(re.compile("^5 ")).check()
    page.get_by_label("理由（記録に残ります）").fill("越水を確認したため")
    page.get_by_role("button", name="内容と届く相手を確かめる").click()
    fits_and_is_accessible(page)
    page.get_by_role("button", name="発令する", exact=True).click()
    expect(desk.card("sample-9")).to_contain_text("緊急安全確保")
    issued = page.locator("[data-order]").first
    issued.get_by_role("button", name="訂正").click()
    page.get_by_label("理由（記録に残ります）").fill("避難所の追加")
    page.get_by_label(re.compile("本文に加える文")).fill("原目公民館も開けました。")
    page.get_by_role("button", name="内容と届く相手を確かめる").click()
    expect(page.locator(".preview")).to_contain_text("原目公民館も開けました。")
    page.get_by_role("button", name="訂正する", exact=True).click()
    expect(page.locator("#said")).to_contain_text("訂正しました")
    desk.card("sample-9").get_by_role("checkbox").check()
    page.get_by_role("radio", name="解除").check()
    page.get_by_label("理由（記録に残ります）").fill("水位が下がったため")
    page.get_by_role("button", name="内容と届く相手を確かめる").click()
    page.get_by_role("button", name="解除する", exact=True).click()
    expect(desk.card("sample-9")).to_contain_text("発令していません")
    page.get_by_label("引継ぎを書く").fill("原目は解除済み。江波を見てください。")
    page.get_by_role("button", name="記録に加える").click()
    expect(page.locator("#record")).to_contain_text("江波を見てください")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSVで保存").click()
    assert "解除" in Path(download.value.path()).read_text("utf-8-sig")
    fits_and_is_accessible(page)
    page.get_by_role("button", name="English").click()
    expect(desk.card("sample-9")).to_contain_text("Nothing is in force")
    desk.leave()


def test_a_draft_survives_the_session(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "late", DESK)
    page = desk.enter()
    desk.card("sample-13").get_by_role("checkbox").check()
    page.get_by_label("理由（記録に残ります）").fill("夜中に書きかけた理由")
    desk.context.clear_cookies()
    page.reload()
    expect(page).to_have_url(re.compile("login.html"))
    desk.again()
    expect(page.get_by_label("理由（記録に残ります）")).to_have_value("夜中に書きかけた理由")
    expect(desk.card("sample-13").get_by_role("checkbox")).to_be_checked()
    desk.leave()


def test_a_session_that_ends_in_the_middle_of_issuing_keeps_the_draft(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "midway", DESK)
    page = desk.enter()
    desk.card("sample-13").get_by_role("checkbox").check()
    page.get_by_label("理由（記録に残ります）").fill("発令の途中で切れたログイン")
    # Nothing is proposed there, so no level is chosen for the officer.
    page.get_by_role("button", name="内容と届く相手を確かめる").click()
    expect(page.locator("#preview-title")).to_have_count(0)
    page.get_by_label(re.compile("^4 ")).check()
    page.get_by_role("button", name="内容と届く相手を確かめる").click()
    expect(page.locator("#preview-title")).to_be_focused()
    desk.context.clear_cookies()
    page.route("**/api/v1/evacuation/orders", lambda route: route.fulfill(status=401, json={"title": "expired"}))
    page.get_by_role("button", name="発令する", exact=True).click()
    expect(page.locator("#said")).to_contain_text("ログインの期限が切れました。書きかけは残っています")
    page.unroute("**/api/v1/evacuation/orders")
    page.get_by_role("link", name="ログインし直す").click()
    desk.again()
    expect(page.get_by_label("理由（記録に残ります）")).to_have_value("発令の途中で切れたログイン")
    expect(desk.card("sample-13")).to_contain_text("発令していません")
    desk.leave()


def test_the_night_is_reviewed_and_rules_are_tried(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "review", PHONE)
    page = desk.enter()
    page.get_by_role("link", name="この夜を振り返る").click()
    table = page.get_by_role("group", name="地区と警戒レベルごとの結果")
    expect(table).to_contain_text("江波（見本の地区）")
    expect(table).to_contain_text("見逃し（発令なし）")
    gauges = page.get_by_role("group", name="水位計ごとの結果")
    expect(gauges.get_by_role("row").filter(has_text="江波").first).to_contain_text("7/13 07:30")
    expect(gauges).to_contain_text("見逃し（発令なし）")  # what others of these tests have issued is no miss
    expect(page.locator(".area-map .area-label")).to_have_count(7)
    slider = page.get_by_label("時刻")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator(".area-map")).to_contain_text("提案 レベル4 避難指示")
    page.get_by_role("button", name="再生").click()
    expect(page.get_by_role("button", name="止める")).to_be_visible()
    page.get_by_role("button", name="止める").click()
    rules = page.get_by_label("試すルール（JSON）")
    rules.fill("{")
    page.get_by_role("button", name="今のルールと比べる").click()
    expect(page.locator("#said")).to_contain_text("JSON として読めません")
    rules.fill('{"raise": {"consecutive": 4, "patience_min": 600, "fast_rise_m_per_10min": 9}}')
    page.get_by_role("button", name="今のルールと比べる").click()
    expect(page.locator("#compared")).to_contain_text("件の水位で比べました")
    expect(page.get_by_role("group", name="警報のルールを試す")).to_contain_text("試すルール")
    expect(page.get_by_role("group", name="結果が変わる水位計と段階")).to_contain_text("今のルール")
    fits_and_is_accessible(page)
    shoot(page, "review-phone")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSVで保存").click()
    assert "見逃し" in Path(download.value.path()).read_text("utf-8-sig")
    with page.expect_download() as download:
        page.get_by_role("button", name="水位計ごとの表を保存（CSV）").click()
    assert download.value.suggested_filename == "review-gauges.csv"
    desk.leave()


SHELTERS = """id,name,nameEn,latitude,longitude,capacity,accessible,pets,power
gym,江波小学校体育館,Eba School,35.905,136.15,120,有,有,無
hall,原目公民館,Harame Hall,35.95,136.2,40,無,無,有
"""


def test_shelters_are_loaded_opened_and_counted(browser: Browser, whole_city: WholeCity) -> None:
    desk = Desk(browser, whole_city, "shelters", PHONE)
    page = desk.enter()
    page.get_by_text("避難所を読み込む").click()
    form = page.locator("details[open]")
    bad = {"name": "s.csv", "mimeType": "text/csv", "buffer": SHELTERS.replace("35.905", "north").encode()}
    form.get_by_label(re.compile("避難所のファイル")).set_input_files([bad])
    form.get_by_role("button", name="確かめる").click()
    expect(page.locator("#said")).to_contain_text("latitude is 'north'")
    good = {"name": "s.csv", "mimeType": "text/csv", "buffer": SHELTERS.encode()}
    form.get_by_label(re.compile("避難所のファイル")).set_input_files([good])
    form.get_by_role("button", name="確かめる").click()
    expect(form).to_contain_text("2件を読めました")
    fits_and_is_accessible(page)
    form.get_by_role("button", name="この内容に置き換える").click()
    expect(form).to_contain_text("2件を読み込みました")
    page.get_by_role("link", name="避難所の開設と人数の画面").click()
    gym = page.locator("[data-shelter=gym]")
    expect(gym).to_contain_text("閉鎖")
    gym.get_by_label("開設の状態").select_option("open")
    gym.get_by_label(re.compile("今いる人数")).fill("35")
    gym.get_by_label(re.compile("お知らせ")).fill("裏口からお入りください")
    gym.get_by_role("button").click()
    expect(gym.get_by_role("heading")).to_have_text("江波小学校体育館: 開設")
    expect(gym).to_contain_text("35人／定員120人、段差なし・車いす可、ペット可、電源なし")
    expect(page.locator(".drill")).to_contain_text("訓練中")
    fits_and_is_accessible(page)
    shoot(page, "shelter-desk")
    open_now = {one["id"]: one["state"] for one in whole_city.get("/api/v1/evacuation/shelters")["shelters"]}
    assert open_now == {"gym": "closed", "hall": "closed"}, "an exercise opens nothing"
    desk.leave()


def test_a_resident_says_that_they_are_safe(browser: Browser, whole_city: WholeCity) -> None:
    page = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]}, locale="ja-JP")
    page.set_default_timeout(PATIENT)
    sign_up(page, whole_city, "hanako@example.jp")
    page.goto(f"{whole_city.url}/safety.html")
    expect(page.locator(".urgent")).to_contain_text("119番")
    page.get_by_label("無事です").check()
    page.get_by_label(re.compile("ひとこと")).fill("母と一緒です")
    page.get_by_label(re.compile("職員にも")).check()
    fits_and_is_accessible(page)
    page.get_by_role("button", name="知らせる", exact=True).click()
    expect(page.locator("#own")).to_contain_text("無事です、母と一緒です")
    expect(page.locator("#main")).to_contain_text("市の災害担当の職員も読めます")
    fits_and_is_accessible(page)
    shoot(page, "safety-phone")
    page.get_by_role("button", name="知らせを取り消す").click()
    expect(page.locator("#main")).to_contain_text("まだ何も知らせていません")
    page.context.close()


def test_a_stranger_sees_no_desk(browser: Browser, whole_city: WholeCity) -> None:
    assert httpx.get(f"{whole_city.url}/api/v1/evacuation/desk").status_code == 401
    districts = whole_city.get("/api/v1/evacuation/districts")["features"]
    assert len(districts) == 7
    assert "needHelp" not in str(districts)
