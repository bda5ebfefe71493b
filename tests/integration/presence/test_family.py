"""A family's routes on the real gateway: by session alone, each its own tags, every look in the register."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api_gateway.app import create_app
from api_gateway.context import Gateway
from api_gateway.oauth.keys import open_keys
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES
from services.presence.personal import TagsHolding
from services.presence.places import circle
from services.presence.searching import SearchDesk
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import SETTINGS, City
from tests.integration.presence.conftest import NOW, POLES, UUID, Town

CODE = f"iBeacon:{UUID.upper()}:10:8"


@pytest.fixture
async def city(town: Town) -> AsyncIterator[City]:
    partitions = {CHANGES: 1}
    log = PostgresLog(town.database.system, partitions=partitions)
    keys = await open_keys(town.database.app, "fukui")
    outlet = PostgresOutlet(partitions)
    searches = SearchDesk(town.desk, town.veil, town.clock)
    holdings = [TagsHolding(town.desk)]
    services = Gateway(
        *(town.database.app, log, outlet, keys, SETTINGS),
        tags=town.desk,
        searches=searches,
        holdings=holdings,
    )
    yield City(create_app(services), services, log, town.database)
    await log.close()


async def test_a_family_registers_watches_and_ends_a_tag(city: City, town: Town) -> None:
    async with city.client() as client, city.client() as other:
        me, stranger = Browser(city, client), Browser(city, other)
        assert (await me.get("/account/tags")).status_code == 401
        wearer = await me.sign_up("elder@example.jp")
        await me.log_in("elder@example.jp")
        assert (await me.get("/account/tags")).json() == {"tags": []}
        given = (await me.get("/account/tags/resolver")).json()
        assert (len(given["publicKey"]), given["leastExponent"]) == (64, 7)
        refused = await me.post("/account/tags", {"person": wearer, "code": "ibeacon:x", "name": "祖父"})
        assert (refused.status_code, refused.json()["field"]) == (400, "code")
        made = await me.post("/account/tags", {"person": wearer, "code": CODE, "name": "祖父"})
        assert made.status_code == 201, made.text
        tag = made.json()["id"]
        path = f"/account/tags/{tag}"

        outline = circle(POLES["home-1"], 80)
        place = (await me.post(f"{path}/places", {"name": "自宅", "polygon": outline})).json()["id"]
        rules = {"rules": [{"id": "a", "kind": "outside", "place": place}]}
        headers = {"X-CSRF-Token": me.csrf}
        assert (await client.put(f"{path}/rules", json=rules, headers=headers)).status_code == 204
        wrong = await client.put(f"{path}/rules", json={"rules": [{"id": "a", "kind": "enter"}]}, headers=headers)
        assert (wrong.status_code, wrong.json()["field"]) == (400, "rules[0].place")
        assert (await me.get(f"{path}/settings")).json()["rules"][0]["kind"] == "outside"

        town.now = NOW
        await town.tell([town.heard("home-1", NOW - timedelta(seconds=30), minor=8)])
        seen = (await me.get(path)).json()
        assert (seen["name"], seen["status"], seen["places"]) == ("祖父", "at-place", [{"id": place, "name": "自宅"}])
        assert CODE.lower() not in str(seen).lower()
        day = (await me.get(f"{path}/history", params={"day": "2026-11-24"})).json()
        assert [event["kind"] for event in day["events"]] == ["enter"]

        await stranger.sign_up("stranger@example.jp")
        await stranger.log_in("stranger@example.jp")
        assert (await stranger.get(path)).status_code == 403
        assert (await stranger.get(f"{path}/settings")).status_code == 404
        assert (await stranger.get("/account/tags", params={"person": wearer})).status_code == 404
        looks = (await me.get("/account/personal/disclosures", params={"own": True})).json()["disclosures"]
        assert {(look["allowed"], look["category"]) for look in looks} == {(True, "location"), (False, "location")}

        carried = (await me.get("/account/personal/export")).json()
        (held,) = (one for one in carried["services"] if one["service"] == "presence")
        assert held["records"][0]["places"][0]["name"] == "自宅"
        assert [event["kind"] for day in held["records"][0]["days"] for event in day["events"]] == ["enter"]
        assert CODE.lower() not in str(carried).lower()
        assert (await client.delete(path, headers=headers)).status_code == 204
        assert (await me.get(path)).status_code == 404


async def test_a_grown_wearer_lets_a_relative_see_and_be_told_until_they_take_it_back(city: City, town: Town) -> None:
    async with city.client() as client, city.client() as other:
        elder, daughter = Browser(city, client), Browser(city, other)
        wearer = await elder.sign_up("elder@example.jp")
        await elder.log_in("elder@example.jp")
        relative = await daughter.sign_up("daughter@example.jp")
        await daughter.log_in("daughter@example.jp")
        assert (await daughter.post("/account/ways/mail", {"matters": ["tags"]})).status_code == 201
        tag = (await elder.post("/account/tags", {"person": wearer, "code": CODE, "name": "わたし"})).json()["id"]
        path = f"/account/tags/{tag}"
        place = {"name": "自宅", "polygon": circle(POLES["home-1"], 80)}
        home = (await elder.post(f"{path}/places", place)).json()["id"]
        rules = {"rules": [{"id": "a", "kind": "enter", "place": home}]}
        assert (await client.put(f"{path}/rules", json=rules, headers={"X-CSRF-Token": elder.csrf})).status_code == 204
        assert (await daughter.get("/account/tags/shared")).json() == {"tags": []}
        assert (await daughter.get(path)).status_code == 403

        until = (NOW + timedelta(days=30)).isoformat()
        wish = {"recipient": relative, "category": "location", "purpose": "family-watch", "until": until}
        given = (await elder.post("/account/personal/consents", wish)).json()["id"]
        assert [one["id"] for one in (await daughter.get("/account/tags/shared")).json()["tags"]] == [tag]
        town.now = NOW
        await town.tell([town.heard("home-1", NOW, minor=8)])
        seen = (await daughter.get(path)).json()
        assert (seen["status"], seen["places"][0]["name"]) == ("at-place", "自宅")
        assert (await daughter.get(f"{path}/settings")).status_code == 404, "places and rules stay the wearer's"
        assert (await daughter.post(f"{path}/places", place)).status_code == 404
        assert await told(town) == ["daughter@example.jp"]

        assert (await elder.post(f"/account/personal/consents/{given}/withdrawal", {})).status_code == 200
        assert (await daughter.get("/account/tags/shared")).json() == {"tags": []}
        assert (await daughter.get(path)).status_code == 403
        for minute, pole in ((20, "far-1"), (45, "home-1")):
            town.now = NOW + timedelta(minutes=minute)
            await town.tell([town.heard(pole, town.now, minor=8)])
        assert await told(town) == ["daughter@example.jp"]


async def test_erasing_a_person_leaves_nothing_of_their_tags(town: Town) -> None:
    """`TagsHolding.erase` alone: every table that names the tag, whatever is added to them later."""
    await town.tell([town.heard("home-1", NOW - timedelta(minutes=2)), town.heard("gate-1", NOW)])
    holding, now = TagsHolding(town.desk), town.clock()
    columns = "select table_name as name from information_schema.columns where column_name = 'tag_id'"
    async with town.database.system.transaction() as tx:
        tables = sorted(row["name"] for row in await tx.fetch(f"{columns} and table_schema = 'public'"))
    assert {"tag_cell", "tag_event", "tag_place", "tag_presence", "tag_search"} <= set(tables)

    async def kept() -> dict[str, int]:
        async with town.database.system.transaction() as tx:
            found = {"tag": await tx.fetchval("select count(*) from tag where id = $1", town.tag)}
            for name in tables:
                found[name] = await tx.fetchval(f"select count(*) from {name} where tag_id = $1", town.tag)
        return {name: count for name, count in found.items() if count}

    assert {"tag", "tag_alias", "tag_cell", "tag_place", "tag_presence"} <= (await kept()).keys()
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.mother", now)).erased == 0, "she wears none"
    assert await kept()
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.child", now)).erased == 1
        assert await holding.export(tx, "fukui", "fukui.child") == []
    assert await kept() == {}
    async with town.database.app.transaction("fukui") as tx:
        assert (await holding.erase(tx, "fukui", "fukui.child", now)).erased == 0


async def told(town: Town) -> list[str]:
    async with town.database.system.transaction() as tx:
        rows = await tx.fetch(
            "select s.target from delivery d join subscriber s on s.id = d.subscriber_id order by d.id"
        )
    return [row["target"] for row in rows]
