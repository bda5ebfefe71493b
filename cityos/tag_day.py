"""A school run and a wandering elder, played through the real way in: MQTT, pseudonyms, presence, the family, a search.

What happened three hours ago ends now: so the last of it is news to the family, and everything is on its page.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import msgspec

from access.evidence import sign_statement
from adapters.mqtt.publisher import Publisher, PublisherSettings
from adapters.watch_tag.routes import FAMILY
from api_gateway.oauth.accounts import Accounts
from api_gateway.oauth.keys import open_keys
from broker.consent.care import Care
from broker.consent.exceptions import Exceptions
from broker.consent.gate import Gate
from broker.consent.register import add_person
from broker.errors import Conflict, Invalid
from broker.ports import Database, Transaction
from broker.store.devices import Device, register
from cityos.tag_walks import MINUTES, Message, Walks
from schemas.clock import Clock, iso, utc_now
from schemas.device import DeviceProfile, Point
from services.presence.desk import Asker, FamilyDesk
from services.presence.places import circle
from services.presence.rules import Rule
from services.presence.searching import SearchDesk, searcher

NETWORK = "demo-tag-gateway"
UUID = "c17905000000c17905000000c1790500"
FAMILY_LOGIN, OFFICER_LOGIN = "demo-family@city.example", "demo-search@city.example"
_OWN = 2
_RADIUS_M = 70.0
_PATIENCE_S = 120.0


class Cast(NamedTuple):
    """Who plays: the family with an account, its password, the officer, and the elder's tag."""

    family: str
    password: str
    officer: str
    officer_password: str
    elder: str
    secret: str


class TagDay:
    """Furnishes the city once and plays the day. `app` is the gateway's database user, `system` the services'.

    The family with an account has `own` of the children, and the elder.
    """

    def __init__(
        self,
        app: Database,
        system: Database,
        desk: FamilyDesk,
        searches: SearchDesk,
        tenant: str,
        walks: Walks,
        clock: Clock = utc_now,
        *,
        own: int = _OWN,
    ) -> None:
        self._app, self._system, self._tenant, self._walks, self._clock = app, system, tenant, walks, clock
        self._desk, self._searches = desk, searches
        self._gate, self._own = Gate(system), own

    async def furnish(self) -> Cast:
        """Detectors, persons, guardians, tags, places, rules. Raises `Invalid` where the demonstration was there."""
        secret = secrets.token_urlsafe(24)
        keys = await open_keys(self._app, self._tenant)
        sign = partial(sign_statement, keys.ring)
        self._exceptions = Exceptions(sign)
        family, password = await self._account(FAMILY_LOGIN, "見本 家族", ())
        officer, officer_password = await self._account(OFFICER_LOGIN, "見本 捜索担当", ("search-officer",))
        async with self._system.transaction() as tx:
            await self._detectors(tx, secret)
        elder = ""
        for number in range(self._walks.tags):
            async with self._app.transaction(self._tenant) as tx:
                elder = await self._wearer(tx, Care(sign), number, family)
        return Cast(family, password, officer, officer_password, elder, secret)

    async def play(
        self, cast: Cast, settings: PublisherSettings, seconds: float, show: Callable[[str], None]
    ) -> dict[str, object]:
        """Send the three hours within `seconds`; then the search. What the officer saw last."""
        messages = self._walks.messages()
        end = self._clock() + timedelta(seconds=seconds)
        began = time.monotonic()
        async with Publisher(settings) as publisher:
            for message in messages:
                wait = began + message.minute / MINUTES * seconds - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                moment = end - timedelta(minutes=MINUTES)
                payload = payload_of(message, moment, self._clock())
                await publisher.publish(f"city/tag/{message.detector}/up", payload)
            await publisher.drain()
        sightings = sum(len(message.heard) for message in messages)
        show(f"検知 {sightings:,} 件を {len(messages):,} 通で送りました / sent")
        return await self._search(cast, show)

    async def _search(self, cast: Cast, show: Callable[[str], None]) -> dict[str, object]:
        """The family reports, an officer looks until the elder stands where the walk ended, and closes."""
        officer = searcher(self._tenant, cast.officer)
        family = Asker(self._tenant, cast.family)
        async with self._app.transaction(self._tenant) as tx:
            search = await self._searches.report(tx, family, cast.elder, "灰色の上着、杖。駅の方へ行くことがあります")
            reason = "家族からの届け出による捜索(見本)"
            await self._searches.open(tx, self._gate, self._exceptions, officer, search, reason, 60)
        show("家族が届け出て、担当者が捜索を始めました / reported, a search is open")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            async with self._app.transaction(self._tenant) as tx:
                seen = await self._searches.look(tx, self._gate, officer, search)
            names = [place["name"] for place in seen["places"]]
            if "駅" in names or time.monotonic() > deadline:
                break
            await asyncio.sleep(1.0)
        async with self._app.transaction(self._tenant) as tx:
            await self._searches.close(tx, self._exceptions, officer, search)
        show(f"{seen['name']}: {'・'.join(names) or seen['status']} で見つかりました / found, the search is closed")
        return seen

    async def _account(self, login: str, name: str, roles: tuple[str, ...]) -> tuple[str, str]:
        password = secrets.token_urlsafe(15)
        try:
            id = await Accounts(self._system, self._clock).create(self._tenant, login, name, password, list(roles))
        except Conflict as error:
            raise Invalid(
                "the demonstration was played in this city; play it in another folder", field="city"
            ) from error
        return id, password

    async def _detectors(self, tx: Transaction, secret: str) -> None:
        for name, place in self._walks.poles.items():
            profile = DeviceProfile(name=name, location=Point(place))
            await register(tx, self._tenant, Device(self._tenant, name, FAMILY), msgspec.to_builtins(profile))
        await register(tx, self._tenant, Device(self._tenant, self._walks.bus, FAMILY), {})
        network = Device(self._tenant, NETWORK, FAMILY, kind="network")
        await register(tx, self._tenant, network, {"publish": ["city/tag/+/up"]}, secret)

    async def _wearer(self, tx: Transaction, care: Care, number: int, family: str) -> str:
        """A person with a guardian, a tag, home, school or station, and rules. Returns the tag."""
        now, elder = self._clock(), number == self._walks.elder
        person = f"{self._tenant}.demo-wearer-{number}"
        own = elder or number < self._own
        guardian = family if own else f"{self._tenant}.demo-guardian-{number // 2}"
        name = "見本 祖父" if elder else f"見本 子ども{number + 1}"
        await add_person(tx, self._tenant, person, now, name=name)
        await add_person(tx, self._tenant, guardian, now)
        since, until = now - timedelta(days=1), now + timedelta(days=365)
        await care.confirm(tx, self._tenant, guardian, person, "家族", "cityos tags demo", since, until)
        asker = Asker(self._tenant, guardian)
        tag = await self._desk.register(tx, asker, person, f"ibeacon:{UUID}:1:{number}", name)
        home = await self._desk.add_place(tx, asker, tag, "自宅", circle(self._walks.homes[number], _RADIUS_M))
        goal = ("駅", self._walks.station) if elder else ("学校", self._walks.school)
        other = await self._desk.add_place(tx, asker, tag, goal[0], circle(goal[1], _RADIUS_M))
        rules = [Rule(id="a", kind="enter", place=other), Rule(id="b", kind="leave", place=home)]
        if elder:
            rules.append(Rule(id="c", kind="unseen", minutes=30))
        await self._desk.set_rules(tx, asker, tag, rules)
        return tag


def payload_of(message: Message, start: datetime, now: datetime) -> bytes:
    """A detector's message (`docs/devices/watch-tag.md`); `start` is the play's first minute, `now` when it is sent."""
    rows = []
    for heard in message.heard:
        at = min(start + timedelta(minutes=heard.minute, seconds=heard.tag % 50), now)
        advert = f"0201061aff4c000215{UUID}0001{heard.tag:04x}c5"
        place = {"lon": heard.place[0], "lat": heard.place[1], "accuracy": 20} if heard.place else {}
        rows.append({"t": iso(at.astimezone(UTC)), "adv": advert, "rssi": heard.rssi, **place})
    return json.dumps({"sent": iso(now), "sightings": rows}).encode()
