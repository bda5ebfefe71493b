"""What a resident sees of their own data, and the staff's window for it, in a real browser against a whole city."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.city import WholeCity
from tests.integration.web.flood_server import DIST
from tests.integration.web.test_portal import fits_and_is_accessible, sign_up
from tests.integration.web.visitor import PATIENT, PHONE, shoot
from tests.requirements import need

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def whole_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeCity]:
    need((DIST / "person.html").is_file(), "the built pages (make web)")
    city = WholeCity(tmp_path_factory.mktemp("personal"))
    city.start()
    yield city
    city.stop()


def visit(browser: Browser, errors: list[str], size: tuple[int, int] = PHONE) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="ja-JP", accept_downloads=True)
    context.set_default_timeout(PATIENT)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def officer(browser: Browser, errors: list[str], city: WholeCity, login: str, role: str) -> Page:
    """A member of staff at a desk, logged in with both factors, at the window for personal data."""
    made = city.command("user", "add", login, "--role", role)
    page = visit(browser, errors, (1200, 900))
    page.goto(f"{city.url}/privacy.html")
    form = page.locator("#login")
    form.get_by_label("メールアドレス").fill(login)
    form.get_by_label("パスワード").fill(re.findall(r"password: (\S+)", made.stdout)[0])
    form.get_by_role("button").click()
    page.get_by_role("button", name="始める").click()
    page.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(page.locator("#totp-key").inner_text()).now())
    page.get_by_role("button", name="確かめる").click()
    expect(page).to_have_url(f"{city.url}/privacy.html")
    return page


def test_a_resident_allows_takes_back_carries_away_and_asks(
    browser: Browser, whole_city: WholeCity, tmp_path: Path
) -> None:
    errors: list[str] = []
    page = visit(browser, errors)
    sign_up(page, whole_city, "hanako@example.jp")
    app = {"client_name": "送迎アプリ", "grant_types": ["client_credentials"], "scope": "opendata:read"}
    client = httpx.post(f"{whole_city.url}/oauth/register", json=app).raise_for_status().json()["client_id"]
    page.goto(f"{whole_city.url}/person.html?ask={client}&data=appointments&purpose=clinic-visit")
    asked = page.locator("#ask")
    expect(asked.get_by_role("heading", name="「送迎アプリ」があなたの情報を求めています")).to_be_visible()
    expect(asked).to_contain_text("要配慮個人情報")
    fits_and_is_accessible(page)
    shoot(page, "person-asked")
    asked.get_by_label("いつまで").select_option("365")
    asked.get_by_role("button", name="許可する", exact=True).click()
    expect(page.locator("#said")).to_contain_text("許可しました")
    expect(page.locator("#ask")).to_have_count(0)
    consents = page.locator("#consents")
    expect(consents).to_contain_text("送迎アプリ")
    fits_and_is_accessible(page)
    consents.get_by_role("button", name="撤回する").click()
    expect(consents).to_contain_text("同意していることはありません")
    consents.get_by_text("終わった同意").click()
    expect(consents).to_contain_text("に撤回")
    for name, label in (("json", "JSONで受け取る"), ("csv", "CSVで受け取る（表計算ソフト用）")):
        with page.expect_download() as downloading:
            page.get_by_role("link", name=label).click()
        downloading.value.save_as(tmp_path / name)
    held = json.loads((tmp_path / "json").read_text("utf-8"))
    assert {"consent.grant", "consent.withdraw"} == {one["kind"] for one in held["evidence"]}
    assert "hanako@example.jp" in (tmp_path / "csv").read_text("utf-8-sig")
    page.get_by_label("デマンドバスの予約・乗車").check()
    page.get_by_role("button", name="消去を求める").click()
    expect(page.locator("#deletion")).to_contain_text("決定を待っています")
    page.reload()
    expect(page.locator("#disclosures")).to_contain_text("まだ、だれにも渡されていません")
    fits_and_is_accessible(page)
    shoot(page, "person")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#title")).to_have_text("My data")
    expect(page.locator("#consents")).to_contain_text("You allow nothing at present")
    page.context.close()
    assert errors == []


def test_staff_look_in_an_emergency_another_reviews_and_the_person_sees_it(
    browser: Browser, whole_city: WholeCity
) -> None:
    errors: list[str] = []
    person = visit(browser, errors)
    sign_up(person, whole_city, "taro@example.jp")
    person.goto(f"{whole_city.url}/person.html")
    expect(person.locator("#emergencies")).to_contain_text("緊急の閲覧はありません")

    duty = officer(browser, errors, whole_city, "duty@city.example", "duty-officer")
    duty.get_by_label("お名前の一部か番号").fill("開発")
    duty.get_by_role("button", name="探す").click()
    # Of two residents of one name the last to come: numbers tell them apart.
    number = person.evaluate("fetch('/account/session').then(r => r.json()).then(s => s.person.id)")
    expect(duty.locator("#persons")).to_contain_text(number)
    form = duty.locator("#emergencies form")
    form.get_by_label("氏名・連絡先").check()
    form.get_by_label("本人の番号").fill(number)
    form.get_by_label(re.compile("理由")).fill("行方不明の届け出があり、家族へ連絡する")
    form.get_by_role("button", name="閲覧を始める").click()
    duty.get_by_role("button", name="氏名・連絡先を見る").click()
    expect(duty.locator("#emergencies .entry .facts")).to_contain_text("taro@example.jp")
    fits_and_is_accessible(duty)
    shoot(duty, "privacy-duty")
    duty.get_by_role("button", name="終える").click()
    expect(duty.get_by_role("button", name="氏名・連絡先を見る")).to_have_count(0)

    chief = officer(browser, errors, whole_city, "chief@city.example", "privacy-officer")
    review = chief.locator("#emergencies .entry form")
    review.get_by_label(re.compile("確認の内容")).fill("届け出を確認した")
    review.get_by_role("button", name="記録する").click()
    expect(chief.locator("#emergencies")).to_contain_text("必要だったと認められました")
    ground = chief.locator("#grounds form")
    ground.get_by_label(re.compile("渡す相手")).fill("service:fire")
    ground.get_by_label("法令名と条").fill("災害対策基本法 第49条の11")
    ground.get_by_label("理由（10文字以上）").fill("避難行動要支援者名簿の提供のため")
    ground.get_by_role("button", name="登録する").click()
    expect(chief.locator("#grounds .entry")).to_contain_text("service:fire")
    fits_and_is_accessible(chief)
    shoot(chief, "privacy-chief")

    person.reload()
    shown = person.locator("#emergencies")
    expect(shown).to_contain_text("行方不明の届け出")
    expect(shown).to_contain_text("必要だったと認められました（届け出を確認した）")
    expect(person.locator("#disclosures")).to_contain_text("緊急の閲覧")
    fits_and_is_accessible(person)
    for page in (person, duty, chief):
        page.context.close()
    assert errors == []
