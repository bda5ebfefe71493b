"""What the resident's page must be on any city: seen, read, reached by keyboard, on every screen. Only looks."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import Page, expect

from tests.city import wait_until
from tests.integration.web.flood_server import DIST
from tests.integration.web.visitor import DESK, PHONE, Visitor, colours, overflow, shoot, violations
from tests.requirements import need

pytestmark = pytest.mark.browser

ORDER = ["overflow", "danger", "evacuation", "caution", "standby", "unknown", "below", "none"]
# A silent gauge has no hydrograph.
MEASURED = "#list a.row:not([data-stage=unknown])"
SEA, LAND = "#dbe7f3", "#fbfaf6"


def stages_in_list(page: Page) -> list[str]:
    """The stage of each row, from the top."""
    stages: list[str] = page.eval_on_selector_all("#list a.row", "rows => rows.map((row) => row.dataset.stage)")
    return stages


def test_the_map_is_painted_and_every_gauge_is_on_it(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)

    def painted() -> bool:
        seen = colours(page, "#map")
        return seen.get(SEA, 0) > 0.05 and seen.get(LAND, 0) > 0.05

    wait_until(painted, 60, "the map shows no sea or no land")
    assert page.locator(".marker").count() == page.locator("#list a.row").count()
    shoot(page, "map-desk")


def test_the_list_is_in_the_order_of_danger(visitor: Visitor, base_url: str) -> None:
    stages = stages_in_list(visitor.open(base_url, wait_for_map=False))
    assert len(stages) > 10
    positions = [ORDER.index(stage) for stage in stages]
    assert positions == sorted(positions)


def test_each_mark_says_its_stage_by_shape_and_words_too(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)
    shapes: dict[str, str] = {}
    for stage in sorted(set(stages_in_list(page))):
        mark = page.locator(f".marker[data-stage={stage}]").first
        shapes[stage] = mark.locator("path").get_attribute("d") or ""
        words = page.locator(f".group[data-stage={stage}] h3 span").first.inner_text()
        assert words in (mark.text_content() or "")
    assert all(shapes.values())
    assert len(set(shapes.values())) == len(shapes)


@pytest.mark.parametrize(("size", "scheme"), list(itertools.product((PHONE, DESK), ("light", "dark"))))
def test_axe_finds_nothing(visitor: Visitor, base_url: str, size: tuple[int, int], scheme: str) -> None:
    page = visitor.open(base_url, size, color_scheme=scheme)
    page.locator("#legend summary").click()
    assert violations(page) == []
    page.locator(MEASURED).first.click()
    page.locator(".chart__picture").wait_for()
    page.locator("#detail details:has(table) summary").click()
    assert violations(page) == []
    device = "phone" if size == PHONE else "desk"
    shoot(page, f"gauge-{device}-{scheme}")
    page.go_back()
    page.evaluate("window.scrollTo(0, 0)")
    shoot(page, f"list-{device}-{scheme}")


@pytest.mark.parametrize("path", ["/", "/?lang=en"])
def test_nothing_is_wider_than_a_small_phone(visitor: Visitor, base_url: str, path: str) -> None:
    page = visitor.open(base_url + path, PHONE)
    assert overflow(page) == 0
    page.locator(MEASURED).first.click()
    page.locator(".chart__picture").wait_for()
    page.locator("#detail details:has(table) summary").click()
    assert overflow(page) == 0


def test_all_is_there_at_twice_the_size(visitor: Visitor, base_url: str) -> None:
    half = (DESK[0] // 2, DESK[1] // 2)
    page = visitor.open(base_url, half, device_scale_factor=2)
    assert overflow(page) == 0
    page.locator(MEASURED).first.click()
    expect(page.locator(".chart__picture")).to_be_visible()
    assert overflow(page) == 0
    shoot(page, "zoom-200")


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_letters_alone_may_be_twice_as_large(visitor: Visitor, base_url: str, size: tuple[int, int]) -> None:
    page = visitor.open(base_url, size)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow(page) == 0
    for selector in ("#age", "#language", "#list-heading", "#list a.row >> nth=0"):
        page.locator(selector).scroll_into_view_if_needed()
        expect(page.locator(selector)).to_be_in_viewport()
    shoot(page, f"letters-200-{size[0]}")


def test_targets_are_large_enough_for_a_thumb(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url, PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll("button:not(.marker), input, summary, a.row")]
          .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 43.5)
          .map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert small == []


def test_the_headings_and_landmarks_tell_the_page(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    levels: list[int] = page.eval_on_selector_all(
        "h1, h2, h3",
        "all => all.filter((one) => !one.closest('[hidden]')).map((one) => Number(one.tagName[1]))",
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_language_is_switched_remembered_and_said(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)
    expect(page.locator("h1")).to_have_text("川の水位マップ")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("River level map")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert "lang=en" in page.url
    expect(page.locator("#list-heading")).to_have_text("River levels")
    expect(page.locator("#list .row__name").first).to_have_attribute("lang", "ja")
    expect(page.locator(".marker").first).to_be_attached()
    assert violations(page) == []
    shoot(page, "list-english")
    page.goto(base_url)
    expect(page.locator("h1")).to_have_text("River level map")
    page.get_by_role("button", name="日本語").click()
    expect(page.locator("h1")).to_have_text("川の水位マップ")


def test_everything_is_reached_by_keyboard_alone(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)
    focused = page.locator(":focus")
    page.keyboard.press("Tab")
    expect(focused).to_have_id("skip")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(focused).to_have_id("language")
    for _ in range(20):
        page.keyboard.press("Tab")
        if "marker" in (focused.get_attribute("class") or ""):
            break
    first = focused.get_attribute("data-gauge")
    assert first is not None, "no mark on the map was reached"
    for arrow in ("ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(arrow)
        if focused.get_attribute("data-gauge") != first:
            break
    chosen = focused.get_attribute("data-gauge")
    assert chosen not in (None, first), "the arrow keys did not go to another gauge"
    page.keyboard.press("Enter")
    expect(focused).to_have_id("detail-heading")
    expect(page.locator(f'.marker[data-gauge="{chosen}"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(focused).to_have_text("24時間")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(focused).to_have_attribute("aria-pressed", "true")
    page.locator("#detail-heading").focus()
    page.keyboard.press("Shift+Tab")
    expect(focused).to_have_text("一覧にもどる")
    page.keyboard.press("Enter")
    expect(focused).to_have_attribute("data-gauge", chosen)
    assert "row" in (focused.get_attribute("class") or "")


def test_the_focus_can_be_seen_wherever_it_is(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url)
    for _ in range(14):
        page.keyboard.press("Tab")
        outline = page.evaluate("() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert outline >= 3, page.evaluate("() => document.activeElement.outerHTML.slice(0, 120)")


def test_the_back_button_closes_a_gauge(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url, PHONE)
    page.locator(MEASURED).first.click()
    expect(page.locator("#detail")).to_be_visible()
    shared = page.url
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#list")).to_be_visible()
    page.goto("about:blank")
    page.goto(shared)
    expect(page.locator("#detail .chart__picture")).to_be_visible()


def test_the_search_finds_and_says_how_many(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url, wait_for_map=False)
    name = page.locator("#list .row__name").nth(3).inner_text()
    page.get_by_role("searchbox").fill(name)
    found = page.locator("#list a.row")
    expect(page.locator(".search__found")).to_contain_text("か所が見つかりました")
    assert name in found.first.inner_text()
    page.get_by_role("searchbox").fill("どこにもない川")
    expect(found).to_have_count(0)
    expect(page.locator(".search__found")).to_contain_text("見つかりません")


def test_without_webgl_the_list_does_the_work(visitor: Visitor, base_url: str) -> None:
    no_webgl = """const original = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith("webgl") ? null : original.call(this, kind, ...rest);
      };"""
    page = visitor.open(base_url, wait_for_map=False, script=no_webgl)
    expect(page.locator("#map-note")).to_contain_text("地図を表示できません")
    page.locator(MEASURED).first.click()
    expect(page.locator(".chart__picture")).to_be_visible()
    visitor.errors = [error for error in visitor.errors if "WebGL" not in error]


@pytest.mark.parametrize("line", ["{ saveData: true }", '{ saveData: false, effectiveType: "3g" }'])
def test_who_saves_data_or_has_a_slow_line_gets_the_map_on_request(visitor: Visitor, base_url: str, line: str) -> None:
    saving = f'Object.defineProperty(Navigator.prototype, "connection", {{ get: () => ({line}) }});'
    page = visitor.open(base_url, wait_for_map=False, script=saving)
    button = page.get_by_role("button", name="地図を表示する")
    expect(button).to_be_visible()
    assert not any("/map-" in path or path.endswith(".geojson") for path in visitor.requests)
    button.click()
    expect(page.locator(".marker").first).to_be_attached()


def test_the_list_comes_before_the_map(visitor: Visitor, base_url: str) -> None:
    visitor.open(base_url)
    gauges = visitor.requests.index("/api/v1/flood/gauges")
    the_map = next(index for index, path in enumerate(visitor.requests) if "/assets/map-" in path)
    assert gauges < the_map


def test_it_is_light_enough_for_a_slow_line() -> None:
    need((DIST / "index.html").is_file(), "the built pages (make web)")
    html = (DIST / "index.html").read_text("utf-8")
    named = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', html)
    [own] = [name for name in named if name.startswith("assets/index-") and name.endswith(".js")]
    deferred = re.findall(r'"\./([^"/]+\.(?:js|css))"', (DIST / own).read_text("utf-8"))
    [basemap] = (file.name for file in DIST.glob("assets/basemap-*.geojson"))
    the_map = {f"assets/{name}" for name in (basemap, *deferred)} - set(named)
    assert any(name.startswith("assets/map-") for name in the_map)
    for coding, most in (("gz", 350_000), ("br", 300_000)):
        first = sum((DIST / f"{name}.{coding}").stat().st_size for name in ("index.html", *named))
        later = sum((DIST / f"{name}.{coding}").stat().st_size for name in the_map)
        assert first < 35_000, "what comes before the list"
        assert first + later < most, coding


def test_who_wants_no_motion_gets_none(visitor: Visitor, base_url: str) -> None:
    page = visitor.open(base_url, reduced_motion="reduce")
    running = page.evaluate("() => document.getAnimations().length")
    assert running == 0
    row = page.locator("#list a.row").first
    gauge = row.get_attribute("data-gauge")
    row.click()
    mark = page.locator(f'.marker[data-gauge="{gauge}"]')
    expect(page.locator("#detail")).to_be_visible()
    first = mark.bounding_box()
    page.wait_for_timeout(300)
    assert mark.bounding_box() == first, "the map still moves"
