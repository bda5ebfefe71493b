"""Evacuation notices on the residents' page: above everything else, live, in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.city import wait_until
from tests.integration.web.flood_city import FloodCity
from tests.integration.web.flood_server import FloodServer
from tests.integration.web.visitor import PHONE, SHOTS, Visitor, colours, overflow, shoot, violations

pytestmark = pytest.mark.browser

EBA = "124"
BORDER = {
    "type": "Polygon",
    "coordinates": [[[136.0, 35.8], [136.4, 35.8], [136.4, 36.1], [136.0, 36.1], [136.0, 35.8]]],
}


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
        "districts": [{"id": "eba", "name": "江波地区", "nameEn": "Eba", "geometry": BORDER}],
    }


def purple(page: Page) -> float:
    """The share of the map that is tinted by 警戒レベル4."""

    def tinted(colour: str) -> bool:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return red > green + 40 and blue > green + 40

    return sum(share for colour, share in colours(page, "#map").items() if tinted(colour))


def test_open_shelters_are_listed_and_on_the_map(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    city.shelters = [shelter("hall", "closed", None), shelter("gym", "open", 35)]
    page = visitor.open(server.url, PHONE)
    rows = page.locator("#shelters-list li")
    expect(rows.first).to_contain_text("開設 gym体育館")
    expect(rows.first).to_contain_text("35人／定員120人、段差なし・車いす可、電源なし")
    expect(rows).to_have_count(2)
    expect(page.locator("#shelters-heading")).to_have_text("開いている避難所 1か所")
    expect(page.locator(".shelter-mark")).to_have_text("gym体育館 開設")
    assert violations(page) == []
    assert overflow(page) == 0
    shoot(page, "shelters-phone")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#shelters-heading")).to_have_text("1 shelter is open")
    expect(page.locator(".shelter-mark")).to_have_text("Gym Hall Open")


def shelter(name: str, state: str, count: int | None) -> dict[str, object]:
    return {
        "id": name,
        "name": f"{name}体育館",
        "nameEn": f"{name.title()} Hall",
        "address": "福井市",
        "location": [136.2, 35.9],
        "capacity": 120,
        "districts": [],
        "accessible": True,
        "pets": False,
        "power": False,
        "state": state,
        "count": count,
        "note": "",
        "revision": 1,
    }


def test_districts_under_a_notice_are_on_the_map(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    """In colour, in a pattern and in words; gone when the notice is."""
    city.orders = [notice(2, 4, "避難指示", "Evacuation order")]
    page = visitor.open(server.url)
    label = page.locator(".area-label")
    expect(label).to_have_text("江波地区 警戒レベル4 避難指示")
    wait_until(lambda: purple(page) > 0.01, 30, "no stripes on the map")
    assert violations(page) == []
    shoot(page, "orders-map")
    page.get_by_role("button", name="English").click()
    expect(label).to_have_text("Eba: Level 4 Evacuation order")
    city.orders = []
    server.wait_for_stream()
    server.send(city.alert(EBA, "danger", "actual"))
    expect(label).to_have_count(0)


def test_a_notice_comes_and_goes(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    page = visitor.open(server.url, PHONE)
    server.wait_for_stream()
    expect(page.locator("#orders")).to_be_hidden()
    city.orders = [notice(1, 3, "高齢者等避難", "Elderly"), notice(2, 4, "避難指示", "Evacuation order")]
    server.send(city.alert(EBA, "danger", "actual"))
    shown = page.locator(".order")
    expect(shown.first).to_contain_text("警戒レベル4 避難指示")
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
    expect(page.locator("#orders")).to_be_hidden()


def test_the_page_on_paper(visitor: Visitor, server: FloodServer, city: FloodCity) -> None:
    """Notices, shelters and levels; no map, no buttons, nothing folded away."""
    city.orders = [notice(2, 4, "避難指示", "Evacuation order")]
    city.shelters = [shelter("hall", "closed", None)]
    page = visitor.open(server.url)
    expect(page.locator(".order")).to_have_count(1)
    expect(page.locator("#shelters-list li")).to_have_count(1)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".order")).to_be_visible()
    expect(page.locator("#shelters-list li")).to_be_visible()
    expect(page.locator("a.row").last).to_be_visible()
    for hidden in ("#map", "#language", "#search"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate("() => document.body.scrollHeight > window.innerHeight"), "everything is on the paper"
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    (SHOTS / "resident.pdf").write_bytes(paper)
