"""A town with demand buses: a whole city with its stops, a bus, a flood rule, and people with their roles."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pyotp
from playwright.sync_api import Browser, BrowserContext, Page
from pydantic import SecretStr

from adapters.mqtt.publisher import Publisher, PublisherSettings
from schemas.clock import JST, iso, utc_now
from tests.city import WholeCity
from tests.integration.web.visitor import DESK, PATIENT, PHONE

BUSES = "/api/v1/buses"
STOPS = {"eki": "駅前", "byoin": "市民病院", "yakuba": "町役場", "onsen": "温泉", "kawabe": "川辺公園"}
SCOPES = ("buses:read", "buses:write", "buses:drive")


@dataclass
class BusCity:
    """The running city and the town's operator as a program."""

    city: WholeCity
    operator: httpx.Client
    sessions: dict[str, Any] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON that the city answers."""
        answer = self.operator.request(method, f"{BUSES}{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def rider(self, name: str, **more: Any) -> str:
        """A new rider's id."""
        return str(self.ask("POST", "/riders", {"name": name, **more})["id"])

    def book(self, rider: str, origin: str, destination: str, **more: Any) -> dict[str, Any]:
        """A ride from now on."""
        ride = {"origin": origin, "destination": destination, "earliest": utc_now().isoformat(), **more}
        body = {"rides": [{"ride": ride}], "rider": rider}
        made = self.ask("POST", "/journeys", body, **{"Idempotency-Key": uuid4().hex})
        (day,) = made["days"].values()
        booking: dict[str, Any] = day["bookings"][0]
        return booking

    def put_on_the_road(self, vehicle: str, longitude: float, latitude: float) -> None:
        """Register the vehicle's receiver and let it say, over MQTT, where it is."""
        entity = f"urn:ngsi-ld:Vehicle:{vehicle}"
        made = self.city.command("device", "add", vehicle, "--family", "bus_vehicle", "--entity", entity).stdout
        place = {"t": iso(utc_now()), "lon": longitude, "lat": latitude}
        username, password = re.findall(r"(?:user name|password): +(\S+)", made)
        settings = PublisherSettings(port=self.city.mqtt_port, username=username, password=SecretStr(password))

        async def publish() -> None:
            async with Publisher(settings) as line:
                await line.publish(f"city/bus/{vehicle}/up", json.dumps(place).encode())

        # The browser's loop runs in this thread.
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(asyncio.run, publish()).result(60)

    def enter(self, browser: Browser, role: str, page_name: str, size: tuple[int, int] = DESK) -> Page:
        """A member of staff at one of the pages; logged in with two factors the first time, with the cookie after."""
        known = self.sessions.get(role)
        page = self.context(browser, size, known).new_page()
        page.goto(f"{self.city.url}/{page_name}")
        if known is not None:
            return page
        made = self.city.command("user", "add", f"{role}@city.example", "--role", role).stdout
        form = page.locator("#login")
        form.get_by_label("メールアドレス").fill(f"{role}@city.example")
        form.get_by_label("パスワード").fill(re.findall(r"password: (\S+)", made)[0])
        form.get_by_role("button").click()
        page.get_by_role("button", name="始める").click()
        page.get_by_label(re.compile("6桁")).fill(pyotp.TOTP(page.locator("#totp-key").inner_text()).now())
        page.get_by_role("button", name="確かめる").click()
        page.wait_for_url(f"{self.city.url}/{page_name}")
        self.sessions[role] = page.context.storage_state()
        return page

    def resident(self, browser: Browser) -> Page:
        """A resident with a phone, on the rider's page, with an account that nobody had before."""
        page = self.context(browser, PHONE).new_page()
        page.goto(f"{self.city.url}/bus.html")
        form = page.locator("#signup")
        form.get_by_label("メールアドレス").fill(f"hanako-{uuid4().hex[:6]}@example.jp")
        form.get_by_label("お名前").fill("住民 花子")
        form.get_by_label(re.compile("パスワード")).fill("water rises quickly")
        form.get_by_role("button").click()
        page.wait_for_url(f"{self.city.url}/bus.html")
        return page

    def context(self, browser: Browser, size: tuple[int, int], state: Any = None) -> BrowserContext:
        """A browser of its own."""
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, locale="ja-JP", storage_state=state)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENT)
        return context


def open_bus_city(city: WholeCity) -> BusCity:
    """Furnish a running city with a small town's buses."""
    arguments = [part for scope in SCOPES for part in ("--scope", scope)]
    made = city.command("client", "add", "buses", *arguments).stdout
    client, secret = (line.split()[1] for line in made.splitlines()[:2])
    token = httpx.post(f"{city.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client, secret))
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    buses = BusCity(city, httpx.Client(base_url=city.url, headers=headers, timeout=120))
    for number, (stop, name) in enumerate(STOPS.items()):
        place = {"name": name, "longitude": 136.20 + 0.012 * number, "latitude": 35.95 + 0.006 * (number % 2)}
        buses.ask("PUT", f"/stops/{stop}", place)
    # Round the clock: the test runs at any hour.
    shift = {"seats": 6, "wheelchairs": 1, "depot": "eki", "shiftFrom": 0, "shiftUntil": 1799}
    for vehicle in ("v1", "v2"):
        buses.ask("PUT", f"/vehicles/{vehicle}", {"name": f"{vehicle[1]}号車", **shift})
    buses.ask("PUT", "/fares", {"flat": 300})
    return buses


def today() -> str:
    """The date in Japan."""
    return datetime.now(JST).date().isoformat()
