"""The portal in a real browser, against a whole running city: from finding the API to the first data, and the staff."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from cityos.authority import found_authority, issue
from tests.city import WholeCity
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import PATIENT, PHONE, overflow, shoot, violations
from tests.requirements import need

pytestmark = pytest.mark.browser

PASSWORD = "water rises quickly"


@pytest.fixture(scope="module")
def whole_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    need((DIST / "developer.html").is_file(), "the built pages (make web)")
    city = WholeCity(tmp_path_factory.mktemp("portal"), CITYOS_GATEWAY_PRIVATE_HOSTS="true")
    city.start()
    yield city
    city.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone, with Japanese pages."""
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, locale="ja-JP")
    context.set_default_timeout(PATIENT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def sign_up(page: Page, city: WholeCity, login: str) -> None:
    page.goto(f"{city.url}/login.html?next=/developer.html")
    fill_sign_up(page, city, login)


def fill_sign_up(page: Page, city: WholeCity, login: str) -> None:
    form = page.locator("#signup")
    form.get_by_label("メールアドレス").fill(login)
    form.get_by_label("お名前").fill("開発 太郎")
    form.get_by_label(re.compile("パスワード")).fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page).to_have_url(f"{city.url}/developer.html")
    expect(page.locator("#who")).to_have_text("開発 太郎")


def fits_and_is_accessible(page: Page) -> None:
    """Nothing sticks out at 360 px, and axe finds no fault."""
    assert overflow(page) == 0
    assert violations(page) == []


def test_from_the_front_page_to_the_first_data(page: Page, whole_city: WholeCity) -> None:
    """What an app's maker does who has never heard of the city: finds the API, tries it, registers, gets data."""
    page.goto(whole_city.url)
    page.get_by_role("link", name="開発者の方へ（API）").click()
    page.locator("#console").get_by_role("button", name="実行").click()
    expect(page.locator("#said")).to_contain_text("状態 200")
    expect(page.locator("#answer")).to_contain_text("EntityTypeList")
    fits_and_is_accessible(page)
    shoot(page, "portal-1-found")
    page.locator("#enter").click()
    expect(page.locator("#login")).to_be_visible()
    fits_and_is_accessible(page)
    fill_sign_up(page, whole_city, "first@example.jp")
    page.get_by_label("アプリの名前").fill("避難ナビ")
    page.get_by_role("button", name="アプリを登録する").click()
    shown = page.locator("#secret").inner_text()
    client_id, secret = re.findall(r": (\S+)", shown)
    expect(page.locator("#token")).to_contain_text(f"-u '{client_id}:CLIENT_SECRET'")
    page.locator("#secret").scroll_into_view_if_needed()
    shoot(page, "portal-2-registered")
    answer = httpx.post(
        f"{whole_city.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    assert answer.json()["scope"] == "opendata:read"
    page.locator("#console").get_by_label("読むもの").fill("/api/v1/flood/gauges")
    page.locator("#console").get_by_role("button", name="実行").click()
    expect(page.locator("#said")).to_contain_text("状態 200")
    page.get_by_text("書きかた: Python").click()
    sample = page.locator("details[open] pre").inner_text()
    printed: list[object] = []
    exec(sample, {"token": answer.json()["access_token"], "print": printed.append})
    assert printed == [httpx.get(f"{whole_city.url}/api/v1/flood/gauges").json()]
    shoot(page, "portal-3-data")
    page.reload()
    expect(page.locator("#apps article").filter(has_text="避難ナビ")).to_contain_text(
        re.compile("毎秒.*今月 [0-9]+ 回")
    )
    fits_and_is_accessible(page)
    shoot(page, "portal-4-apps")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#title")).to_have_text("Developer portal")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{whole_city.url}/login.html")


def test_a_person_allows_an_app(page: Page, whole_city: WholeCity) -> None:
    sign_up(page, whole_city, "second@example.jp")
    callback = f"{whole_city.url}/callback"
    page.get_by_label("アプリの名前").fill("川の散歩")
    page.get_by_label("種類").select_option("public")
    page.get_by_label(re.compile("戻り先")).fill(callback)
    page.get_by_role("checkbox", name="openid").check()
    page.get_by_role("button", name="アプリを登録する").click()
    client_id = page.locator("#secret").inner_text().removeprefix("client_id: ").strip()
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": callback, "scope": "openid",
             "state": "s", "code_challenge": challenge, "code_challenge_method": "S256"}  # fmt: skip
    page.goto(f"{whole_city.url}/oauth/authorize?{urlencode(query)}")
    expect(page.get_by_role("heading", name="「川の散歩」が次のことを求めています。")).to_be_visible()
    fits_and_is_accessible(page)
    page.get_by_role("button", name="許可する", exact=True).click()
    page.wait_for_url(f"{callback}?*")
    code = parse_qs(urlsplit(page.url).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "client_id": client_id,
            "code_verifier": verifier}  # fmt: skip
    tokens = httpx.post(f"{whole_city.url}/oauth/token", data=form).json()
    about = httpx.get(f"{whole_city.url}/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert about.json()["tenant"] == "fukui"


def test_the_login_page_leads_to_no_other_site(page: Page, whole_city: WholeCity) -> None:
    sign_up(page, whole_city, "third@example.jp")
    for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        page.goto(f"{whole_city.url}/login.html?{urlencode({'next': evil})}")
        expect(page).to_have_url(f"{whole_city.url}/developer.html")


def test_staff_log_in_with_two_factors_and_decide(page: Page, whole_city: WholeCity, tmp_path: Path) -> None:
    made = whole_city.command("user", "add", "chief@city.example", "--role", "administrator")
    password = re.findall(r"password: (\S+)", made.stdout)[0]
    stranger = {"client_name": "統計アプリ", "grant_types": ["client_credentials"], "scope": "entities:read"}
    httpx.post(f"{whole_city.url}/oauth/register", json=stranger).raise_for_status()
    page.goto(f"{whole_city.url}/staff.html")
    form = page.locator("#login")
    form.get_by_label("メールアドレス").fill("chief@city.example")
    form.get_by_label("パスワード").fill(password)
    form.get_by_role("button").click()
    page.get_by_role("button", name="始める").click()
    page.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(page.locator("#totp-key").inner_text()).now())
    page.get_by_role("button", name="確かめる").click()
    expect(page).to_have_url(f"{whole_city.url}/staff.html")
    page.locator("#devices").get_by_label("番号").fill("gauge-9")
    page.get_by_role("button", name="機器を登録する").click()
    expect(page.locator("#secret")).to_contain_text("fukui/gauge-9")
    page.locator("#devices").get_by_role("button", name="詳しく").click()
    device = page.locator("#device")
    found_authority(tmp_path / "ca", "fukui", datetime.now(UTC))
    issued = issue(tmp_path / "ca", "fukui/gauge-9", datetime.now(UTC), 30)
    (tmp_path / "gauge-9.pem").write_bytes(issued.certificate)
    device.get_by_label(re.compile("証明書のファイル")).set_input_files(tmp_path / "gauge-9.pem")
    device.get_by_role("button", name="証明書を結び付ける").click()
    bound = device.get_by_role("row").filter(has_text=issued.fingerprint.hex()[:4])
    expect(bound).to_contain_text("有効")
    fits_and_is_accessible(page)
    bound.get_by_text("失効させる…").click()
    bound.scroll_into_view_if_needed()
    shoot(page, "staff-certificates")
    bound.get_by_role("button", name="この証明書を失効させる").click()
    expect(bound.get_by_role("cell", name=re.compile("^失効"))).to_be_visible()
    device.get_by_label("指示の名前").fill("open-gate")
    device.get_by_role("button", name="指示を送る").click()
    expect(device.get_by_role("row").filter(has_text="open-gate")).to_contain_text("待っている")
    page.locator("#devices").get_by_role("button", name="停止").click()
    expect(page.locator("#devices")).to_contain_text("suspended")
    device.get_by_role("button", name="シールの符号を作る").click()
    expect(device.locator("#secret")).to_have_text(re.compile(r"^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$"))
    expect(page.get_by_role("link", name="個人情報の窓口")).to_be_visible()
    page.locator("#apps").get_by_role("button", name="承認").click()
    expect(page.locator("#apps")).to_contain_text("ありません。")
    page.reload()
    expect(page.locator("#audit")).to_contain_text("device.status")
    expect(page.locator("#audit")).to_contain_text("app.approve")
    fits_and_is_accessible(page)
    page.set_viewport_size({"width": 1200, "height": 900})
    shoot(page, "staff")


def test_a_wrong_password_says_so(page: Page, whole_city: WholeCity) -> None:
    page.goto(f"{whole_city.url}/login.html")
    form = page.locator("#login")
    form.get_by_label("メールアドレス").fill("nobody@example.jp")
    form.get_by_label("パスワード").fill("not the password")
    form.get_by_role("button").click()
    expect(page.locator("#said")).to_contain_text("どれかが違います")


def test_an_account_is_linked_with_an_outside_log_in(page: Page, whole_city: WholeCity) -> None:
    """The city is its own provider here: the pages are the same, and one browser plays both sides."""
    issuer = whole_city.get("/.well-known/openid-configuration")["issuer"]
    place = f"{issuer}/account/outside/fukui.kencho/callback"
    app = {"client_name": "県庁の窓口", "redirect_uris": [place], "scope": "openid profile email",
           "post_logout_redirect_uris": [f"{issuer}/login.html"]}  # fmt: skip
    made = httpx.post(f"{whole_city.url}/oauth/register", json=app).json()
    secret = whole_city.folder / "kencho.secret"
    secret.write_text(made["client_secret"])
    whole_city.command("provider", "add", "kencho", issuer, "--client-id", made["client_id"], "--title", "県庁",
                       "--secret-file", str(secret))  # fmt: skip
    sign_up(page, whole_city, "linked@example.jp")
    page.goto(f"{whole_city.url}/account.html")
    fits_and_is_accessible(page)
    shoot(page, "account")
    page.get_by_role("button", name="県庁と結び付ける").click()
    page.get_by_role("button", name="許可する", exact=True).click()
    expect(page).to_have_url(f"{whole_city.url}/account.html")
    expect(page.locator("#outside")).to_contain_text("県庁（")
    page.goto(f"{whole_city.url}/oauth/logout?client_id={made['client_id']}")
    expect(page.get_by_role("heading", name="都市OSからもログアウトしますか。")).to_be_visible()
    fits_and_is_accessible(page)
    page.locator("#main").get_by_role("button", name="ログアウト").click()
    expect(page).to_have_url(f"{whole_city.url}/login.html")
    expect(page.get_by_role("link", name="県庁でログイン")).to_be_visible()
    fits_and_is_accessible(page)
    shoot(page, "login-outside")
    page.goto(f"{whole_city.url}/login.html?outside=unknown")
    expect(page.locator("#said")).to_contain_text("結び付いていません")
