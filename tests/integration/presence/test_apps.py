"""Two vendors' apps share the city's detectors: each sees its own customers, and no place without a consent."""

from __future__ import annotations

from datetime import timedelta

import httpx

from tests.integration.door.conftest import Browser, Flow
from tests.integration.gateway.conftest import City
from tests.integration.presence.conftest import NOW, UUID, Town
from tests.integration.presence.test_family import city

__all__ = ["city"]

ROOT = "/api/v1/tags"


async def app_of(browser: Browser, client: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    """A vendor's app that the person allowed: its client id, and its headers."""
    made = await browser.register(scope="tags:own openid", token_endpoint_auth_method="none")
    flow = Flow(made["client_id"], scope="openid tags:own")
    code = (await flow.allow(browser))["code"]
    answer = await flow.redeem(client, code)
    assert answer.status_code == 200, answer.text
    return made["client_id"], {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_each_vendor_sees_its_own_customers_and_only_with_consent(city: City, town: Town) -> None:
    async with city.client() as client:
        me = Browser(city, client)
        person = await me.sign_up("elder@example.jp")
        await me.log_in("elder@example.jp")
        first, one = await app_of(me, client)
        _, two = await app_of(me, client)
        body = {"person": person, "code": f"ibeacon:{UUID}:10:8", "name": "わたし"}
        made = await client.post(ROOT, json=body, headers=one)
        assert made.status_code == 201, made.text
        tag = made.json()["id"]
        assert (await client.get(ROOT, headers=one)).json()["tags"][0]["id"] == tag
        assert (await client.get(ROOT, headers=two)).json() == {"tags": []}
        assert (await client.post(ROOT, json=body, headers=two)).status_code == 409
        assert [found["id"] for found in (await me.get("/account/tags")).json()["tags"]] == [tag]

        town.now = NOW
        await town.tell([town.heard("gate-1", NOW - timedelta(seconds=30), minor=8)])
        assert (await client.get(f"{ROOT}/{tag}", headers=one)).status_code == 403, "no consent yet"
        wish = {"recipient": first, "category": "location", "purpose": "family-watch"}
        until = (NOW + timedelta(days=30)).isoformat()
        given = await me.post("/account/personal/consents", {**wish, "until": until})
        assert given.status_code == 201, given.text
        seen = await client.get(f"{ROOT}/{tag}", headers=one)
        assert seen.json()["location"]["coordinates"] == [134.845, 34.76]
        day = await client.get(f"{ROOT}/{tag}/history", params={"day": "2026-11-24"}, headers=one)
        assert len(day.json()["path"]) == 1
        for path in (f"{ROOT}/{tag}", f"{ROOT}/{tag}/history?day=2026-11-24"):
            assert (await client.get(path, headers=two)).status_code == 404, "another vendor's customer"
        assert (await client.delete(f"{ROOT}/{tag}", headers=two)).status_code == 404

        withdrawal = f"/account/personal/consents/{given.json()['id']}/withdrawal"
        assert (await me.post(withdrawal, {})).status_code == 200
        assert (await client.get(f"{ROOT}/{tag}", headers=one)).status_code == 403
        assert (await client.delete(f"{ROOT}/{tag}", headers=one)).status_code == 204
        assert (await me.get("/account/tags")).json() == {"tags": []}


async def test_an_app_that_nobody_uses_and_the_citys_own_page_have_no_vendor(city: City) -> None:
    async with city.client() as client:
        alone = {"Authorization": f"Bearer {await city.token('tags:own')}"}
        assert (await client.get(ROOT, headers=alone)).status_code == 403
        assert (await client.get(ROOT)).status_code == 401
