"""A person at the page: opens it on a phone or a desk, and checks what must hold for every page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.requirements import need

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = Path("test-output")
PHONE = (360, 740)
DESK = (1366, 850)
PATIENT = 60_000
"""Milliseconds that a page may take for anything: other tests run beside these."""

_COUNT_COLOURS = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const counts = {};
  for (let i = 0; i < data.length; i += 4) {
    const colour = `#${[0, 1, 2].map((k) => data[i + k].toString(16).padStart(2, "0")).join("")}`;
    counts[colour] = (counts[colour] ?? 0) + 4 / data.length;
  }
  return counts;
}"""


class Visitor:
    """Opens pages; `leave` closes them and raises on anything no page may ever do."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._hosts: set[str] = set()
        self._asked: set[str] = set()
        self._forgiven: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []

    def open(
        self,
        url: str,
        size: tuple[int, int] = DESK,
        *,
        wait_for_map: bool = True,
        script: str | None = None,
        fake_clock: bool = False,
        **options: Any,
    ) -> Page:
        """A new visitor's page, with the list shown and, unless told otherwise, the map as well."""
        viewport = {"width": size[0], "height": size[1]}
        context = self._browser.new_context(
            viewport=viewport, locale="ja-JP", timezone_id="America/New_York", **options
        )
        context.set_default_timeout(PATIENT)
        self._contexts.append(context)
        self._asked.add(urlsplit(url).netloc)
        page = context.new_page()
        if script is not None:
            page.add_init_script(script)
        if fake_clock:
            page.clock.install()
        page.on("request", lambda request: self._hear(request.url))
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        expect(page.locator("#list a.row").first).to_be_attached()
        if wait_for_map:
            expect(page.locator(".marker").first).to_be_attached()
        return page

    def leave(self) -> None:
        """Close all, and complain."""
        for context in self._contexts:
            context.close()
        assert self._hosts <= self._asked, f"asked other hosts: {self._hosts - self._asked}"
        errors = [error for error in self.errors if self._forgiven is None or self._forgiven not in error]
        assert errors == [], "the page reported errors"

    def may_ask(self, url: str) -> None:
        """The city has named a map tile host."""
        self._asked.add(urlsplit(url).netloc)

    def expect_failed_requests(self) -> None:
        """The server was away on purpose: what the browser says of that is no error of the page."""
        self._forgiven = "Failed to load resource"

    def _hear(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"}:
            self._hosts.add(parts.netloc)
            self.requests.append(parts.path)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


def shoot(page: Page, name: str) -> None:
    """Keep a picture in test-output/."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now: rule, element and reason."""
    need(AXE.is_file(), "axe-core (npm ci in web/)")
    page.evaluate(AXE.read_text(encoding="utf-8") + "\n; undefined")
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}" for rule in found for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the screen; 0 is right."""
    width: int = page.evaluate(
        "() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - window.innerWidth"
    )
    return max(0, width)


def colours(page: Page, selector: str) -> dict[str, float]:
    """The share of each colour in the picture of an element, as it is on the screen."""
    png = page.locator(selector).screenshot()
    counts: dict[str, float] = page.evaluate(_COUNT_COLOURS, base64.b64encode(png).decode())
    return counts
