"""A real Chromium, the flood city and its server for the pages' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.integration.web.flood_city import FloodCity, jst
from tests.integration.web.flood_server import DIST, FloodServer
from tests.integration.web.visitor import PATIENT, Visitor
from tests.requirements import need

CHROMIUM = Path("/usr/bin/chromium")
# Nothing but the page under test may use the network, and the machine has no graphics card.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# Not for the whole session: Playwright's synchronous interface holds an event loop that asynchronous tests need.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests."""
    need(CHROMIUM.exists(), "Chromium")
    expect.set_options(timeout=PATIENT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def city() -> FloodCity:
    """Fukui on the morning of 13 July 2023: 江波 above its danger stage, 原目 just below."""
    return FloodCity(now=jst("2023-07-13T07:45"))


@pytest.fixture
def server(city: FloodCity) -> Iterator[FloodServer]:
    """The built pages and the city's routes on a port of their own."""
    need((DIST / "index.html").is_file(), "the built pages (make web)")
    server = FloodServer(city)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def base_url(request: pytest.FixtureRequest) -> str:
    """Where the page is: `CITYOS_TEST_WEB_URL` (a running city) for tests that only look, else the flood server."""
    given = os.environ.get("CITYOS_TEST_WEB_URL")
    if given:
        return given.rstrip("/")
    server: FloodServer = request.getfixturevalue("server")
    return server.url


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A person with a browser. Fails the test if a page asked an outside host or reported an error."""
    visitor = Visitor(browser)
    yield visitor
    visitor.leave()
