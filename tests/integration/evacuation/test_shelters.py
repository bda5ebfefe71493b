"""Shelters over HTTP: loaded, opened, counted at the door, seen by residents; and residents who say how they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from schemas.river import Mode
from services.charging.sessions import Session
from services.evacuation.role import forget_old
from services.evacuation.settings import EvacuationSettings
from tests.integration.door.conftest import Browser
from tests.integration.evacuation.conftest import PREFIX, Night
from tests.integration.gateway.conftest import City

SHELTERS = f"{PREFIX}/shelters"
CSV = (
    "id,name,nameEn,latitude,longitude,capacity,districts,accessible,pets,power\n"
    "gym,江波小学校体育館,Eba School,35.905,136.005,120,eba,有,有,無\n"
    "hall,原目公民館,Harame Hall,35.905,136.015,40,harame,無,無,有\n"
)


def csv(client: httpx.AsyncClient, text: str, query: str = "") -> Any:
    return client.put(f"{SHELTERS}{query}", content=text.encode(), headers={"Content-Type": "text/csv"})


@pytest.fixture
async def keeper(night: Night, officer: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody at a shelter's desk, where two shelters are loaded."""
    answer = await csv(officer, CSV)
    assert answer.json() == {"shelters": 2, "warnings": []}, answer.text
    return await night.officer("shelter-keeper")


async def public(night: Night) -> dict[str, dict[str, Any]]:
    found = (await (await night.anybody()).get(SHELTERS)).json()["shelters"]
    return {one["id"]: one for one in found}


async def test_a_shelter_is_opened_counted_and_seen(
    night: Night, officer: httpx.AsyncClient, keeper: httpx.AsyncClient
) -> None:
    closed = await public(night)
    assert {name: one["state"] for name, one in closed.items()} == {"gym": "closed", "hall": "closed"}
    opened = await keeper.patch(f"{SHELTERS}/gym", json={"seen": 0, "state": "open", "count": 7, "power": True})
    assert opened.status_code == 200, opened.text
    gym = (await public(night))["gym"]
    assert (gym["state"], gym["count"], gym["capacity"], gym["power"], gym["pets"]) == ("open", 7, 120, True, True)
    late = await keeper.patch(f"{SHELTERS}/gym", json={"seen": 0, "state": "closed"})
    assert late.status_code == 409
    snapshot = (await (await night.anybody()).get("/api/v1/public/snapshot")).json()
    assert {one["id"] for one in snapshot["shelters"]} == {"gym", "hall"}
    entity = await night.flood.entity("urn:ngsi-ld:PointOfInterest:shelter:gym")
    assert entity is not None
    assert (entity["status"]["value"], entity["occupancy"]["value"]) == ("open", 7)
    lines = (await officer.get(f"{PREFIX}/record")).json()["lines"]
    assert [line["text"] for line in lines if line["kind"] == "shelter"] == [
        "江波小学校体育館: 開設、7人（定員120人）、電源あり"
    ]


async def test_keepers_see_what_could_feed_the_shelter(night: Night, keeper: httpx.AsyncClient) -> None:
    async with night.city.database.system.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await tx.execute(
            "insert into charging_site (tenant_id, id, limit_w, shelter, load_w, changed_at)"
            " values ($1, 'gym', 50000, true, 3000, now()), ($1, 'office', 50000, false, 3000, now())",
            tenant,
        )
        await tx.execute(
            "insert into charging_station (tenant_id, id, connected, site, v2h_w, battery_kwh, flooded)"
            " values ($1, 'A', true, 'gym', 6000, 40, false), ($1, 'B', true, 'gym', 6000, 40, true),"
            " ($1, 'C', true, 'office', 6000, 40, false)",
            tenant,
        )
        for name in "ABC":
            state = Session(station=name, transaction="1", last_at=datetime.now(UTC), soc=80.0)
            await tx.execute(
                "insert into charging_session (tenant_id, station, transaction, start_key, at, open, state)"
                " values ($1, $2, '1', 'once', now(), true, $3::text::jsonb)",
                tenant,
                name,
                msgspec.json.encode(state).decode(),
            )
    shown = {one["id"]: one["feed"] for one in (await keeper.get(f"{PREFIX}/desk/shelters")).json()["shelters"]}
    assert shown["hall"] is None
    assert (shown["gym"]["stations"], shown["gym"]["vehicles"], shown["gym"]["kwh"]) == (1, 1, 24.0)
    assert shown["gym"]["hours"] == 8.0, "what stands in the water feeds nothing"
    assert "feed" not in (await public(night))["gym"], "for staff"


async def test_people_at_the_door_count_once(night: Night, keeper: httpx.AsyncClient) -> None:
    await keeper.patch(f"{SHELTERS}/gym", json={"seen": 0, "state": "open", "count": 10})
    soon = datetime.now(UTC) + timedelta(seconds=30)
    told = {"passings": [{"id": "tablet-1", "people": 4, "at": soon.isoformat()},
                         {"id": "tablet-2", "people": -1, "at": soon.isoformat()}]}  # fmt: skip
    for _ in range(2):
        answer = await keeper.post(f"{SHELTERS}/gym/passings", json=told)
        assert answer.json()["count"] == 13, answer.text
    late = (soon - timedelta(hours=2)).isoformat()
    before = {"passings": [{"id": "late", "people": 50, "at": late}]}
    assert (await keeper.post(f"{SHELTERS}/gym/passings", json=before)).json()["count"] == 13
    assert (await public(night))["gym"]["count"] == 13
    for wrong, field in (({"passings": [{"id": "x", "people": 0, "at": late}]}, "people"),
                         ({"passings": [{"id": "x", "people": 1, "at": "0001-01-01T00:00:00+09:00"}]}, "at"),
                         ({"passings": []}, "passings"), ({"passings": [{"id": "x"}]}, "passings[0]")):  # fmt: skip
        refused = await keeper.post(f"{SHELTERS}/gym/passings", json=wrong)
        assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert (await keeper.post(f"{SHELTERS}/none/passings", json=before)).status_code == 404


async def test_who_may_do_what(night: Night, officer: httpx.AsyncClient, keeper: httpx.AsyncClient) -> None:
    anybody = await night.anybody()
    assert (await anybody.get(f"{PREFIX}/desk/shelters")).status_code == 401
    assert (await anybody.patch(f"{SHELTERS}/gym", json={"seen": 0})).status_code == 401
    assert (await csv(keeper, CSV)).status_code == 403
    assert (await keeper.get(f"{PREFIX}/desk")).status_code == 403
    assert (await keeper.get(f"{PREFIX}/desk/shelters")).json()["mode"] == "actual"
    assert (await officer.get(f"{PREFIX}/desk/shelters")).status_code == 200


async def test_checking_a_file_changes_nothing(
    night: Night, officer: httpx.AsyncClient, keeper: httpx.AsyncClient
) -> None:
    await keeper.patch(f"{SHELTERS}/gym", json={"seen": 0, "state": "open"})
    checked = (await csv(officer, CSV.replace("gym,", "new,"), "?check=true")).json()
    assert [one["id"] for one in checked["read"]] == ["new", "hall"]
    assert set(await public(night)) == {"gym", "hall"}
    refused = await csv(officer, CSV.replace("35.905,136.005", "north,136.005"))
    assert (refused.status_code, refused.json()["field"]) == (400, "latitude")
    assert (await public(night))["gym"]["state"] == "open", "a file that is refused changes nothing"
    assert (await csv(officer, CSV.replace("hall,", "hall2,"))).status_code == 200
    assert {name: one["state"] for name, one in (await public(night)).items()} == {"gym": "open", "hall2": "closed"}


async def test_checking_districts_shows_them_and_changes_nothing(night: Night, officer: httpx.AsyncClient) -> None:
    borders = (await (await night.anybody()).get(f"{PREFIX}/districts")).json()
    first = {"features": [{**one, "properties": {"id": "only", "name": "只"}} for one in borders["features"][:1]]}
    checked = (await officer.put(f"{PREFIX}/districts?check=true", json=first)).json()
    assert [one["id"] for one in checked["borders"]["features"]] == ["only"]
    assert any("has no gauge" in one for one in checked["warnings"])
    assert any("stand for no district" in one for one in checked["warnings"])
    assert (await (await night.anybody()).get(f"{PREFIX}/districts")).json() == borders
    desk = (await officer.get(f"{PREFIX}/desk")).json()
    assert all("polygon" not in one for one in desk["districts"])


async def test_an_exercise_opens_nothing_for_the_public(city: City) -> None:
    night = Night(city, Mode.EXERCISE)
    officer = await night.officer()
    try:
        await csv(officer, CSV.replace(",eba,", ",,").replace(",harame,", ",,"))
        answer = await officer.patch(f"{SHELTERS}/gym", json={"seen": 0, "state": "open", "count": 3})
        assert answer.status_code == 200, answer.text
        desk = (await officer.get(f"{PREFIX}/desk/shelters")).json()
        assert [(one["state"], one["count"]) for one in desk["shelters"]] == [("open", 3), ("closed", None)]
        assert {one["state"] for one in (await public(night)).values()} == {"closed"}
        assert await night.flood.entity("urn:ngsi-ld:PointOfInterest:shelter:gym") is None
    finally:
        await night.close()


class Family:
    """Two residents with a browser each."""

    def __init__(self, hanako: Browser, taro: Browser, ids: tuple[str, str]) -> None:
        self.hanako, self.taro, self.ids = hanako, taro, ids


@pytest.fixture
async def family(night: Night) -> AsyncIterator[Family]:
    async with night.city.client() as one, night.city.client() as other:
        browsers = Browser(night.city, one), Browser(night.city, other)
        ids = [await browser.sign_up(f"{name}@example.jp") for browser, name in zip(browsers, ("h", "t"), strict=True)]
        for browser, name in zip(browsers, ("h", "t"), strict=True):
            await browser.log_in(f"{name}@example.jp")
            await browser.get("/account/personal")
        yield Family(*browsers, (ids[0], ids[1]))


async def say(browser: Browser, **body: Any) -> httpx.Response:
    return await browser.client.put("/account/safety", json=body, headers={"X-CSRF-Token": browser.csrf})


async def test_a_word_of_safety_is_read_by_whom_the_person_lets(
    night: Night, family: Family, officer: httpx.AsyncClient, keeper: httpx.AsyncClient
) -> None:
    hanako, taro = family.hanako, family.taro
    assert (await say(hanako, state="safe", shelter="gym", note="母と一緒")).status_code == 200
    assert (await taro.get("/account/safety")).json() == {"mine": None, "others": []}
    assert (await officer.get(f"{PREFIX}/safety")).json() == {"reports": []}
    numbers = (await keeper.get(f"{PREFIX}/desk/shelters")).json()["safety"]
    assert numbers == [{"shelter_id": "gym", "state": "safe", "count": 1}]

    until = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    allowed = {"recipient": family.ids[1], "category": "safety", "purpose": "safety-check", "until": until}
    assert (await hanako.post("/account/personal/consents", allowed)).status_code == 201
    [seen] = (await taro.get("/account/safety")).json()["others"]
    assert (seen["name"], seen["state"], seen["note"], seen["shelterId"]) == ("福井 花子", "safe", "母と一緒", "gym")
    shown = (await hanako.get("/account/personal/disclosures")).json()["disclosures"]
    assert [(line["recipient"], line["category"]) for line in shown] == [(family.ids[1], "safety")]
    assert (await officer.get(f"{PREFIX}/safety")).json() == {"reports": []}


async def test_the_city_reads_what_is_shared_until_it_is_taken_back(
    night: Night, family: Family, officer: httpx.AsyncClient
) -> None:
    hanako = family.hanako
    assert (await say(hanako, state="help", note="二階にいます", tellCity=True)).status_code == 200
    [report] = (await officer.get(f"{PREFIX}/safety")).json()["reports"]
    assert (report["state"], report["note"], report["consent"]) == ("help", "二階にいます", None)
    assert (await say(hanako, state="safe", tellCity=True)).status_code == 200
    [report] = (await officer.get(f"{PREFIX}/safety")).json()["reports"]
    assert report["state"] == "safe"
    assert (await say(hanako, state="safe")).status_code == 200, "said anew without telling the city"
    assert (await officer.get(f"{PREFIX}/safety")).json() == {"reports": []}
    await say(hanako, state="safe", tellCity=True)
    forget = {"headers": {"X-CSRF-Token": hanako.csrf}}
    assert (await hanako.client.delete("/account/safety", **forget)).status_code == 204
    assert (await officer.get(f"{PREFIX}/safety")).json() == {"reports": []}
    assert (await hanako.client.delete("/account/safety", **forget)).status_code == 404
    held = (await hanako.get("/account/personal")).json()["consents"]
    assert len(held) == 3
    assert all(one["withdrawn_at"] for one in held)
    assert (await (await night.anybody()).get(f"{PREFIX}/safety")).status_code == 401


async def test_a_word_of_safety_is_carried_away_and_wrong_ones_are_refused(family: Family) -> None:
    for body, field in (({"state": "fine"}, "state"), ({"state": "safe", "note": "x" * 201}, "note"),
                        ({"state": "safe", "shelter": "nowhere"}, "shelter")):  # fmt: skip
        refused = await say(family.hanako, **body)
        assert refused.status_code in (400, 422), refused.text
        assert field in refused.text
    await say(family.hanako, state="moving", note="車で移動中")
    held = (await family.hanako.get("/account/personal/export")).json()["services"]
    [safety] = [one for one in held if one["service"] == "safety"]
    assert [one["note"] for one in safety["records"]] == ["車で移動中"]
    without = await family.hanako.client.put("/account/safety", json={"state": "safe"})
    assert without.status_code == 403, "no page of another site says it for me"


async def test_a_word_of_safety_does_not_stay(night: Night, family: Family) -> None:
    await say(family.hanako, state="safe")
    system, settings = night.city.database.system, EvacuationSettings()
    await forget_old(system, settings, lambda: datetime.now(UTC) + timedelta(days=29))
    assert (await family.hanako.get("/account/safety")).json()["mine"]["state"] == "safe"
    await forget_old(system, settings, lambda: datetime.now(UTC) + timedelta(days=31))
    assert (await family.hanako.get("/account/safety")).json()["mine"] is None
