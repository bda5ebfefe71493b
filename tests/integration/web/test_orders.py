"""Evacuation notices on the residents' page: above everything else, live, in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.integration.web.flood_city import FloodCity
from tests.integration.web.flood_server import FloodServer
from tests.integration.web.visitor import PHONE, Visitor, overflow, shoot, violations

pytestmark = pytest.mark.browser

EBA = "124"


def notice(number: int, level: int, name: str, name_en: str) -> dict[str, object]:
    headline = f"警戒レベル{level} {name}（発令） 江波地区"
    headline_en = f"Alert Level {level}, {name_en} (Issued): Eba"
    return {
        "id": f"evacuation-{number}",
        "level": level,
        "headline": headline,
        "headlineEn": headline_en,
        "text": f"{headline}\n危険な場所にいる方は、全員避難してください。",
        "textEn": f"{headline_en}\nEverybody in dangerous places must evacuate now.",
        "easy": "江波地区の 人（ひと）へ。\n今（いま）すぐ 逃（に）げて ください。",
    }


def test_a_notice_comes_and_goes(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url, PHONE)
    server.wait_for_stream()
    expect(page.locator("#orders")).to_be_hidden()
    city.orders = [notice(1, 3, "高齢者等避難", "Elderly"), notice(2, 4, "避難指示", "Evacuation order")]
    server.send(city.alert(EBA, "danger", "actual"))
    shown = page.locator(".order")
    expect(shown.first).to_contain_text("警戒レベル4 避難指示", timeout=30_000)
    expect(shown).to_have_count(2)
    expect(shown.first).to_contain_text("全員避難してください")
    expect(shown.first).to_contain_text("逃（に）げて")
    assert shown.first.inner_text().count("避難指示（発令）") == 1
    assert violations(page) == []
    assert overflow(page) == 0
    shoot(page, "orders-phone")
    page.get_by_role("button", name="English").click()
    expect(shown.first).to_contain_text("must evacuate now")
    city.orders = []
    server.send(city.alert(EBA, "danger", "actual"))
    expect(page.locator("#orders")).to_be_hidden(timeout=30_000)
