"""The public catalogue, and the municipality's page of usage, limits, delegations and the policy, in a real browser."""

from __future__ import annotations

import re

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.city import WholeCity
from tests.integration.web.test_portal import fits_and_is_accessible, page, whole_city
from tests.integration.web.visitor import DESK, shoot

__all__ = ["page", "whole_city"]

pytestmark = pytest.mark.browser


def stock(city: WholeCity) -> None:
    """One gauge, written by an app."""
    made = city.command("client", "add", "水位計", "--scope", "entities:write")
    client, secret = re.findall(r": +(\S+)", made.stdout)[:2]
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{city.url}/oauth/token", data=form, auth=(client, secret)).json()["access_token"]
    entity = {"id": "urn:ngsi-ld:WaterObserved:1", "type": "WaterObserved", "level": 1.5}
    headers = {"Authorization": f"Bearer {token}"}
    httpx.post(f"{city.url}/ngsi-ld/v1/entities", json=entity, headers=headers).raise_for_status()


def log_in(page: Page, city: WholeCity, path: str) -> None:
    made = city.command("user", "add", "chief@city.example", "--role", "administrator")
    password = re.findall(r"password: (\S+)", made.stdout)[0]
    page.goto(f"{city.url}{path}")
    form = page.locator("#login")
    form.get_by_label("メールアドレス").fill("chief@city.example")
    form.get_by_label("パスワード").fill(password)
    form.get_by_role("button").click()
    page.get_by_role("button", name="始める").click()
    page.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(page.locator("#totp-key").inner_text()).now())
    page.get_by_role("button", name="確かめる").click()
    expect(page).to_have_url(f"{city.url}{path}")


def test_anyone_finds_and_downloads_a_data_set(page: Page, whole_city: WholeCity) -> None:
    stock(whole_city)
    page.goto(f"{whole_city.url}/catalogue.html")
    card = page.locator("#set-WaterObserved")
    expect(card).to_contain_text("河川水位")
    expect(card).to_contain_text("公開データ")
    expect(card).to_contain_text("洪水の見守り")
    card.get_by_role("button", name="見本を見る").click()
    expect(card.locator("pre")).to_contain_text("urn:ngsi-ld:WaterObserved:1")
    fits_and_is_accessible(page)
    shoot(page, "catalogue-phone")
    with page.expect_download() as download:
        card.get_by_role("link", name="CSV（UTF-8）").click()
    assert "1.5" in download.value.path().read_text("utf-8-sig")
    page.get_by_label("さがす（名前・キーワード）").fill("ないもの")
    expect(page.get_by_text("当てはまるデータセットはありません。")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("#set-WaterObserved")).to_contain_text("River levels")
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    shoot(page, "catalogue")


def test_the_municipality_reports_limits_and_delegates(page: Page, whole_city: WholeCity) -> None:
    whole_city.command("tenant", "add", "pref", "--title", "福井県庁")
    log_in(page, whole_city, "/usage.html")
    report = page.locator("#report")
    expect(report).to_contain_text("接続サービス数(実利用)")
    report.get_by_label("目標").fill("12")
    report.get_by_role("button", name="目標を入れる").click()
    expect(report.get_by_role("row").filter(has_text="接続サービス数")).to_contain_text("12")
    with page.expect_download() as download:
        report.get_by_role("button", name="CSV（Shift_JIS）で保存").click()
    assert "接続サービス数" in download.value.path().read_text("cp932")
    quotas = page.locator("#quotas")
    quotas.get_by_label("毎月（UTC）").fill("100000")
    quotas.get_by_role("button", name="保存する").click()
    expect(quotas).to_contain_text("すべてのアプリ")
    delegations = page.locator("#delegations")
    delegations.get_by_label("読む自治体（テナント名）").fill("pref")
    delegations.get_by_label("種類（空白区切り）").fill("WaterObserved Alert")
    delegations.get_by_label("目的").fill("県の水防")
    delegations.get_by_role("button", name="委任する").click()
    expect(delegations).to_contain_text("有効")
    fits_and_is_accessible(page)
    shoot(page, "usage-phone")
    delegations.get_by_role("button", name="取り消す").click()
    expect(delegations).to_contain_text("取り消し済み")
    expect(page.locator("#policy")).to_contain_text("personal-data")
    versions = page.locator("#versions")
    versions.get_by_role("button", name="今の方針から始める").click()
    expect(versions.locator("textarea[name=rules]")).to_have_value(re.compile("personal-data"))
    case = '[{"name": "水位は公開", "action": "read", "type": "WaterObserved", "allowed": true}]'
    versions.get_by_label("試験（JSON、なくてもよい）").fill(case)
    versions.get_by_label("理由").last.fill("はじめの版")
    versions.get_by_role("button", name="下書きを作る").click()
    expect(page.locator("#said")).to_contain_text("試験はすべて通りました")
    row = versions.get_by_role("row").filter(has_text="はじめの版")
    row.get_by_label("理由").fill("議会の決定")
    row.get_by_role("button", name="有効にする").click()
    expect(versions).to_contain_text("議会の決定")
    expect(row).to_contain_text("有効")
    page.reload()
    expect(page.locator("#policy")).to_contain_text("版 fukui.1")
    fits_and_is_accessible(page)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    shoot(page, "usage")
