"""A missing elder: the family reports, named officers look for a limited time, all of it is shown, and it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.presence.keeping import Keeper
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City
from tests.integration.presence.conftest import NOW, UUID, Town
from tests.integration.presence.test_family import city, told
from tests.integration.presence.test_presence import keeper_of

__all__ = ["city"]

CODE = f"ibeacon:{UUID}:10:8"
ROOT = "/api/v1/tag-searches"


class Officer:
    """A member of staff with both factors."""

    def __init__(self, browser: Browser, token: str, id: str) -> None:
        self._client, self.id = browser.client, id
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str = "", **params: str) -> httpx.Response:
        return await self._client.get(f"{ROOT}{path}", params=params, headers=self._headers)

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self._client.post(f"{ROOT}{path}", json=body or {}, headers=self._headers)


@asynccontextmanager
async def officer(city: City, *roles: str) -> AsyncIterator[Officer]:
    async with city.client() as client:
        browser = Browser(city, client)
        token = await browser.staff(*roles)
        me = (await browser.get("/account/session")).json()["person"]["id"]
        yield Officer(browser, token, me)


@pytest.fixture
async def elder(city: City, town: Town) -> AsyncIterator[tuple[Browser, str]]:
    """An elder with a tag, seen a while ago beside the park; and the tag's path."""
    async with city.client() as client:
        browser = Browser(city, client)
        person = await browser.sign_up("elder@example.jp")
        await browser.log_in("elder@example.jp")
        made = await browser.post("/account/tags", {"person": person, "code": CODE, "name": "祖父"})
        town.now = NOW
        await town.tell([town.heard("park-1", NOW - timedelta(minutes=40), minor=8)])
        yield browser, f"/account/tags/{made.json()['id']}"


OPENING = {"reason": "家族からの届け出による捜索", "minutes": 60}


async def test_two_officers_look_each_under_their_own_name_until_it_ends(
    city: City, town: Town, elder: tuple[Browser, str]
) -> None:
    family, path = elder
    async with officer(city, "search-officer") as first, officer(city, "search-officer") as second:
        assert (await first.get()).json() == {"searches": []}
        assert (await family.post("/account/ways/mail", {"matters": ["tags"]})).status_code == 201
        reported = await family.post(f"{path}/search", {"words": "青い上着、杖をついている"})
        assert reported.status_code == 201, reported.text
        assert (await family.post(f"{path}/search", {})).status_code == 409
        id = reported.json()["id"]
        (listed,) = (await first.get()).json()["searches"]
        assert (listed["id"], listed["mine"]) == (id, None)
        assert "祖父" not in str(listed)
        assert (await first.get(f"/{id}")).status_code == 403, "not opened"

        refused = await first.post(f"/{id}/opening", {"reason": "捜索", "minutes": 60})
        assert (refused.status_code, refused.json()["field"]) == (400, "reason")
        assert await told(town) == [], "reported, and nobody may look yet"
        assert (await first.post(f"/{id}/opening", OPENING)).status_code == 201
        assert await told(town) == ["elder@example.jp"]
        seen = (await first.get(f"/{id}")).json()
        assert (seen["name"], seen["words"], seen["status"]) == ("祖父", "青い上着、杖をついている", "unseen")
        assert seen["location"]["coordinates"] == [134.8425, 34.76]
        day = (await first.get(f"/{id}/history", day="2026-11-24")).json()
        assert len(day["path"]) == 1
        assert (await second.get(f"/{id}")).status_code == 403, "one officer's opening is not another's"
        assert (await second.post(f"/{id}/closing")).status_code == 404
        assert (await second.post(f"/{id}/opening", {**OPENING, "minutes": 180})).status_code == 201

        assert await told(town) == ["elder@example.jp"] * 2, "each officer's opening is told"
        shown = (await family.get(f"{path}/search")).json()
        assert {one["officer"] for one in shown["search"]["officers"]} == {first.id, second.id}
        assert shown["names"][first.id]

        town.now += timedelta(minutes=61)
        assert (await first.get(f"/{id}")).status_code == 403, "an expired search shows nothing"
        assert (await first.get(f"/{id}/history", day="2026-11-24")).status_code == 403
        assert (await second.get(f"/{id}")).status_code == 200
        assert (await second.post(f"/{id}/closing")).status_code == 200
        assert (await second.get(f"/{id}")).status_code == 404
        assert (await family.get(f"{path}/search")).json()["search"] is None

    found = (await family.get("/account/personal/disclosures", params={"limit": 100})).json()["disclosures"]
    looks = [(look["by"], look["allowed"]) for look in found if look["purpose"] == "missing-person"][::-1]
    assert looks == [
        *((first.id, allowed) for allowed in (False, True, True)),
        *((second.id, False), (first.id, False), (first.id, False), (second.id, True)),
    ]
    emergencies = (await family.get("/account/personal")).json()["emergencies"]
    assert {one["reason"] for one in emergencies} == {OPENING["reason"]}
    assert all(one["until"] <= town.now.isoformat() or one["ended_at"] for one in emergencies)


async def test_closing_deletes_what_was_written_and_the_ordinance_the_rest(
    city: City, town: Town, elder: tuple[Browser, str]
) -> None:
    family, path = elder
    await family.post(f"{path}/search", {"words": "茶色の帽子"})
    headers = {"X-CSRF-Token": family.csrf}
    assert (await family.client.delete(f"{path}/search", headers=headers)).status_code == 204
    assert (await family.client.delete(f"{path}/search", headers=headers)).status_code == 404
    async with town.database.system.transaction() as tx:
        row = await tx.fetchrow("select sealed, reported_by, closed_at from tag_search")
        assert (row["sealed"], row["reported_by"]) == (None, "")
        await tx.execute(
            "insert into retention (tenant_id, kind, keep) select id, 'tag_search', interval '3 days' from tenant"
            " where name = 'fukui'"
        )
    keeper: Keeper = keeper_of(town)
    town.now += timedelta(days=2)
    await keeper.forget()
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from tag_search") == 1
    town.now += timedelta(days=2)
    await keeper.forget()
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from tag_search") == 0


async def test_who_may_not_search(city: City, elder: tuple[Browser, str]) -> None:
    family, path = elder
    id = (await family.post(f"{path}/search", {})).json()["id"]
    async with city.client() as client, officer(city, "duty-officer", "privacy-officer") as other:
        stranger = Browser(city, client)
        assert (await stranger.get(ROOT)).status_code == 401
        app = {"Authorization": f"Bearer {await city.token('searches:use')}"}
        assert (await client.get(ROOT, headers=app)).status_code == 403, "an app is nobody's name"
        for answer in (await other.get(), await other.post(f"/{id}/opening", OPENING), await other.get(f"/{id}")):
            assert answer.status_code == 403, "without the role"
        await stranger.sign_up("stranger@example.jp")
        await stranger.log_in("stranger@example.jp")
        assert (await stranger.post(f"{path}/search", {"words": ""})).status_code == 404
        assert (await stranger.get(f"{path}/search")).status_code == 404
    async with officer(city, "search-officer") as officer_:
        assert (await officer_.post(f"/{'0' * 16}/opening", OPENING)).status_code == 404
