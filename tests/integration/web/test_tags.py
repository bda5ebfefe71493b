"""A family's page and the search officers' page for watch tags, on a whole city that played the demonstration."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings
from cityos.tag_day import FAMILY_LOGIN, OFFICER_LOGIN, payload_of
from cityos.tag_walks import Heard, Message, Walks
from schemas.clock import JST, utc_now
from tests.city import WholeCity, wait_until
from tests.integration.notify.test_web_push import Phone
from tests.integration.web.flood_server import DIST
from tests.integration.web.test_portal import fits_and_is_accessible, sign_up
from tests.integration.web.visitor import DESK, PATIENT, PHONE, shoot
from tests.requirements import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TAGS, DETECTORS = 6, 17
GRANDFATHER = "見本 祖父"
_SUBSCRIBED = """(given) => {
  // No push service is in reach of a test: this is what the browser would have been given by one.
  let own = null;
  const unsubscribe = async () => ((own = null), true);
  const made = () => ({ endpoint: given.endpoint, toJSON: () => given, unsubscribe });
  PushManager.prototype.subscribe = async function (options) {
    if (options.applicationServerKey.length !== 65) throw new Error("no key");
    return (own = made());
  };
  PushManager.prototype.getSubscription = async () => own;
}"""


class TagCity:
    """The city, who may log in, and a detector that speaks when a test wants."""

    def __init__(self, folder: Path) -> None:
        self.city = WholeCity(
            folder,
            CITYOS_TAGS_ENABLED="true",
            CITYOS_GATEWAY_PRIVATE_HOSTS="true",
            CITYOS_NOTIFY_ALLOW_PRIVATE_TARGETS="true",
        )
        self.walks = Walks(TAGS, DETECTORS)
        self.passwords: dict[str, str] = {}
        self.said = ""
        self._secret = ""

    def start(self) -> None:
        self.city.start()
        sizes = ("--tags", str(TAGS), "--detectors", str(DETECTORS))
        self.said = self.city.command("tags", "demo", *sizes, "--seconds", "3").stdout
        self.passwords = dict(re.findall(r"(\S+@city\.example)\s+(\S+)", self.said))
        profile = self.city.folder / "pole.json"
        home = self.walks.homes[self.walks.elder]
        profile.write_text(json.dumps({"location": {"type": "Point", "coordinates": home}}))
        made = self.city.command("device", "add", "pole", "--family", "watch_tag", "--profile", str(profile))
        self._secret = re.findall(r"password:\s+(\S+)", made.stdout)[0]

    def hear_the_elder_at_home(self) -> None:
        """One detection, now."""
        with ThreadPoolExecutor(1) as other:  # Playwright holds this thread's event loop.
            other.submit(asyncio.run, self._publish()).result(30)

    async def _publish(self) -> None:
        now = utc_now()
        message = Message(0, "pole", (Heard(0, "pole", self.walks.elder, -50),))
        settings = PublisherSettings(port=self.city.mqtt_port, username="fukui/pole", password=SecretStr(self._secret))
        async with Publisher(settings) as publisher:
            payload = payload_of(message, now - timedelta(seconds=60), now)
            await (await publisher.publish("city/tag/pole/up", payload))

    def enter(self, context: BrowserContext, login: str, page_name: str) -> Page:
        page = context.new_page()
        page.goto(f"{self.city.url}/{page_name}")
        form = page.locator("#login")
        form.get_by_label("メールアドレス").fill(login)
        form.get_by_label("パスワード").fill(self.passwords[login])
        form.get_by_role("button").click()
        return page


class PushService:
    """Takes pushes as a browser vendor's service does, and keeps them."""

    def __init__(self) -> None:
        service = self
        self.got: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.got.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(201)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on the screen."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/push/1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TagCity]:
    need((DIST / "tags.html").is_file(), "the built pages (make web)")
    made = TagCity(tmp_path_factory.mktemp("tags"))
    made.start()
    yield made
    made.city.stop()


@pytest.fixture
def service() -> Iterator[PushService]:
    made = PushService()
    yield made
    made.stop()


@pytest.fixture
def errors() -> Iterator[list[str]]:
    found: list[str] = []
    yield found
    assert found == []


def context_of(browser: Browser, errors: list[str], size: tuple[int, int], **options: Any) -> BrowserContext:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="ja-JP", **options)
    context.set_default_timeout(PATIENT)
    context.on("page", lambda page: page.on("pageerror", lambda error: errors.append(str(error))))
    return context


def choose(page: Page, name: str) -> None:
    """One of the family's tags, when the page shows it."""
    page.get_by_role("button", name=name).click()
    expect(page.locator("#now-title")).to_contain_text(name)


def test_the_demonstration_is_told(town: TagCity) -> None:
    assert f"{GRANDFATHER}: 駅 で見つかりました" in town.said


def test_a_family_sees_where_the_wearer_is_and_is_told_on_the_phone(
    browser: Browser, town: TagCity, service: PushService, errors: list[str]
) -> None:
    phone = Phone()
    context = context_of(browser, errors, PHONE)
    context.grant_permissions(["notifications"], origin=town.city.url)
    given = json.dumps({"endpoint": service.url, "keys": phone.keys})
    context.add_init_script(f"({_SUBSCRIBED})({given})")
    page = town.enter(context, FAMILY_LOGIN, "tags.html")
    choose(page, GRANDFATHER)
    held: list[Route] = []
    page.route("**/account/personal", lambda route: held.append(route))
    page.reload()
    expect(page.locator("main")).to_have_text("読み込んでいます…")
    wait_until_held(page, held)
    held[0].continue_()
    page.unroute("**/account/personal")
    choose(page, GRANDFATHER)
    expect(page.locator(".loading")).to_have_count(0)
    expect(page.locator("#standing")).to_contain_text("駅にいます")
    expect(page.locator("#now")).to_contain_text("半径およそ50m")
    expect(page.locator("#now .wearer-mark")).to_be_attached()
    shoot(page, "tags-phone")
    # Three hours of play may reach back over midnight.
    page.locator("#day input").fill(f"{utc_now().astimezone(JST) - timedelta(minutes=20):%Y-%m-%d}")
    expect(page.locator("#day")).to_contain_text("着きました")
    page.locator("#day summary").click()
    expect(page.locator("#day table")).to_have_count(2)
    fits_and_is_accessible(page)
    shoot(page, "tags-phone-day")

    page.locator("#rules [name=kind]").select_option("enter")
    page.locator("#rules [name=place]").select_option(label="自宅")
    page.locator("#rules").get_by_role("button", name="加える").click()
    expect(page.locator("#rules")).to_contain_text("自宅に着いたとき")
    ways = page.locator("#ways")
    expect(ways).to_contain_text("まだ、どこにも届きません")
    ways.get_by_role("button", name="このブラウザーで受け取る").click()
    expect(ways).to_contain_text("このブラウザーで受け取っています")
    fits_and_is_accessible(page)
    town.hear_the_elder_at_home()
    wait_until(lambda: len(service.got) >= 1, 30, "no push came")
    message = phone.read(service.got[0])
    assert (message["title"], message["page"][:14]) == ("見守りタグのお知らせ", "tags.html?tag=")
    assert "祖父" not in str(message)
    show_push(context, page, message)
    page.get_by_role("button", name="読み直す").click()
    expect(page.locator("#standing")).to_contain_text("自宅にいます")
    ways.get_by_role("button", name=re.compile("^受け取るのをやめる|受け取るのをやめる$")).click()
    expect(ways).to_contain_text("まだ、どこにも届きません")
    context.close()


def wait_until_held(page: Page, held: list[Route]) -> None:
    """Let the browser's events come in until it has asked."""
    for _ in range(300):
        if held:
            return
        page.wait_for_timeout(100)
    pytest.fail("the page never asked")


def show_push(context: BrowserContext, page: Page, message: dict[str, Any]) -> None:
    """The worker shows what was pushed (the browser's own half, without a push service)."""
    session = context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(r["registrationId"] for r in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    wait_until(lambda: page.evaluate("1") and len(found) >= 1, 30, "the worker is not registered")
    push = {"origin": page.url.split("/tags.html")[0], "registrationId": found[0], "data": json.dumps(message)}
    for _ in range(2):
        session.send("ServiceWorker.deliverPushMessage", push)
    shown = """async () => {
      const registration = await navigator.serviceWorker.getRegistration("./push/");
      return (await registration.getNotifications()).map((one) => [one.title, one.body, one.tag]);
    }"""
    wait_until(lambda: len(page.evaluate(shown)) >= 1, 30, "nothing is shown")
    assert page.evaluate(shown) == [[message["title"], message["text"], message["id"]]], "a repetition replaces"


def test_by_keyboard_at_the_desk_a_tag_gets_places_and_others_are_invited(
    browser: Browser, town: TagCity, errors: list[str]
) -> None:
    context = context_of(browser, errors, DESK)
    page = context.new_page()
    sign_up(page, town.city, "elder@example.jp")
    page.goto(f"{town.city.url}/tags.html")
    register = page.locator("#register")
    register.get_by_label(re.compile("番号")).fill("ibeacon:12")
    register.get_by_label(re.compile("呼び名")).fill("わたし")
    register.get_by_role("button", name="登録する").click()
    expect(page.locator("#said")).to_contain_text("番号の形が違います")
    register.get_by_label(re.compile("番号")).fill("iBeacon:C1790500-0000-C179-0500-0000C1790500:2:1")
    register.get_by_role("button", name="登録する").click()
    expect(page.locator("#standing")).to_have_text("まだ一度も検知されていません")
    fits_and_is_accessible(page)

    places = page.locator("#places")
    summary = places.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(places.locator("canvas")).to_be_visible()
    places.get_by_label("場所の名前").fill("畑")
    places.get_by_role("button", name="場所を加える").click()
    expect(page.locator("#said")).to_contain_text("地図で場所を決めてください")
    places.get_by_label("形").select_option("corners")
    for number, (x, y) in enumerate(((100, 100), (220, 100), (220, 220), (30, 300)), 1):
        places.locator("canvas").click(position={"x": x, "y": y})
        expect(places).to_contain_text(f"角 {number}個")
    places.get_by_role("button", name="最後の角を消す").focus()
    page.keyboard.press("Enter")
    expect(places).to_contain_text("角 3個")
    places.get_by_role("button", name="場所を加える").click()
    expect(page.locator("#places .entry__title")).to_have_text("畑")
    places.locator("summary").focus()
    page.keyboard.press("Enter")
    places.get_by_label("場所の名前").fill("自宅")
    expect(places.locator("canvas")).to_be_visible()
    places.get_by_role("button", name="中央に置く").focus()
    page.keyboard.press("Enter")
    shoot(page, "tags-place")
    places.get_by_role("button", name="場所を加える").click()
    expect(page.locator("#places .entry__title")).to_have_count(2)
    rules = page.locator("#rules")
    rules.locator("[name=kind]").select_option("not-arrived")
    rules.locator("[name=by]").fill("09:10")
    rules.get_by_label("土").check()
    rules.get_by_role("button", name="加える").click()
    expect(rules).to_contain_text("09:10までに")
    fits_and_is_accessible(page)
    shoot(page, "tags-desk")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#standing")).to_have_text("Never seen yet")
    page.get_by_role("button", name="日本語").click()
    page.locator("#end").get_by_role("button", name="タグをやめる").click()
    page.get_by_role("button", name="ほんとうに消す").click()
    expect(page.locator("#standing")).to_have_count(0)
    context.close()


def test_a_missing_person_is_searched_for_and_the_family_sees_who_looked(
    browser: Browser, town: TagCity, errors: list[str]
) -> None:
    home = context_of(browser, errors, PHONE)
    family = town.enter(home, FAMILY_LOGIN, "tags.html")
    choose(family, GRANDFATHER)
    missing = family.locator("#missing")
    missing.locator("summary").click()
    missing.get_by_label(re.compile("手がかり")).fill("青い上着")
    missing.get_by_role("button", name="届け出る").click()
    expect(missing).to_contain_text("まだ担当者は見ていません")

    hall = context_of(browser, errors, DESK)
    officer = town.enter(hall, OFFICER_LOGIN, "searches.html")
    officer.get_by_role("button", name="始める").click()
    officer.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(officer.locator("#totp-key").inner_text()).now())
    officer.get_by_role("button", name="確かめる").click()
    card = officer.locator("[data-search]")
    expect(card).to_contain_text("まだあなたは始めていません")
    expect(card).not_to_contain_text(GRANDFATHER)
    card.get_by_label(re.compile("理由")).fill("家族からの届け出による捜索")
    card.get_by_role("button", name="捜索を始める").click()
    card.get_by_role("button", name="いまの居場所を見る").click()
    expect(card).to_contain_text(GRANDFATHER)
    expect(card).to_contain_text("青い上着")
    expect(card.locator(".wearer-mark")).to_be_attached()
    fits_and_is_accessible(officer)
    shoot(officer, "searches-desk")

    family.reload()
    expect(family.locator("#missing")).to_contain_text("見本 捜索担当さんが")
    fits_and_is_accessible(family)
    shoot(family, "tags-missing")
    family.get_by_role("button", name=re.compile("見つかりました")).click()
    expect(family.locator("#missing")).not_to_contain_text("見本 捜索担当さんが")
    card.get_by_role("button", name="いまの居場所を見る").click()
    expect(officer.locator("#said")).to_contain_text("closed")
    family.get_by_role("link", name="だれが見たかを確かめる").click()
    expect(family.locator("#emergencies")).to_contain_text("家族からの届け出による捜索")
    home.close()
    hall.close()
