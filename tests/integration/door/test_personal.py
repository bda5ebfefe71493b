"""Residents see, allow, take back, carry away; guardians act; staff decide, look in an emergency and are reviewed."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from access.evidence import read_statement
from broker.entities.merge import EntityUpdate
from broker.store.entities import EntityWriter
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

UNTIL = (datetime.now(UTC) + timedelta(days=90)).isoformat()
RIDES = {"category": "rides", "purpose": "ride-booking", "until": UNTIL}


@pytest.fixture
async def staff(city: City) -> AsyncIterator[Browser]:
    """A privacy officer's browser; its token in the header."""
    async with city.client() as client:
        browser = Browser(city, client)
        token = await browser.staff("privacy-officer")
        client.headers["Authorization"] = f"Bearer {token}"
        yield browser


@pytest.fixture
async def duty(city: City) -> AsyncIterator[Browser]:
    """A duty officer's browser."""
    async with city.client() as client:
        browser = Browser(city, client)
        token = await browser.staff("duty-officer")
        client.headers["Authorization"] = f"Bearer {token}"
        yield browser


async def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def resident(browser: Browser, login: str = "hanako@example.jp") -> str:
    id = await browser.sign_up(login)
    await browser.log_in(login)
    await ok(await browser.get("/account/personal"))
    return id


async def child_of(staff: Browser, login: str) -> str:
    child = (await ok(await staff.post("/api/v1/persons", {"name": "福井 太郎", "born": "2018-04-02"})))["id"]
    await ok(await staff.post(f"/api/v1/persons/{child}/guardians", {"login": login, "relation": "母"}))
    return str(child)


async def test_what_is_known_about_me_and_taking_back(browser: Browser, city: City) -> None:
    me = await resident(browser)
    app = (await browser.register())["client_id"]
    named = await ok(await browser.get(f"/account/personal/recipients/{app}"))
    assert named["name"] == "避難ナビ"
    made = await ok(await browser.post("/account/personal/consents", {"recipient": app, **RIDES}))
    await ok(await browser.post(f"/account/personal/consents/{made['id']}/withdrawal", {}))
    page = await ok(await browser.get("/account/personal"))
    assert page["person"]["id"] == me
    [consent] = page["consents"]
    assert consent["withdrawn_at"] is not None
    assert page["names"][app] == "避難ナビ"
    async with city.database.system.transaction() as tx:
        lines = await tx.fetch("select action from audit where actor = $1 and action like 'consent.%' order by id", me)
    assert [row["action"] for row in lines] == ["consent.grant", "consent.withdraw"]


async def test_a_token_opens_nothing_of_it(browser: Browser, api: httpx.AsyncClient) -> None:
    """No app that a person uses can consent in their name: only the session's cookie counts, with its CSRF token."""
    await resident(browser)
    headers = {"Authorization": f"Bearer {await browser.token()}"}
    assert (await api.get("/account/personal", headers=headers)).status_code == 401
    body = {"recipient": "fukui.app", **RIDES}
    assert (await api.post("/account/personal/consents", json=body, headers=headers)).status_code == 401
    answer = await browser.client.post("/account/personal/consents", json=body, headers={"X-CSRF-Token": "guess"})
    assert answer.status_code == 403


async def test_a_stranger_sees_and_does_nothing_for_another(browser: Browser, other: Browser) -> None:
    hanako = await resident(browser)
    app = (await browser.register())["client_id"]
    made = await ok(await browser.post("/account/personal/consents", {"recipient": app, **RIDES}))
    await resident(other, "mallory@example.jp")
    for path in ("", "/disclosures", "/export"):
        assert (await other.get(f"/account/personal{path}?person={hanako}")).status_code == 404
    answers = [
        await other.post("/account/personal/consents", {"person": hanako, "recipient": app, **RIDES}),
        await other.post(f"/account/personal/consents/{made['id']}/withdrawal", {}),
        await other.post("/account/personal/deletions", {"person": hanako, "categories": ["rides"]}),
        await other.post("/account/personal/invitations", {"person": hanako, "relation": "友人"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "dreams"}, "category"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"until": "2027-01-01T00:00:00"}, "until"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"category": "appointments"}, "sensitive"),
        ({"recipient": "\u0000"}, "recipient"),
        ({"recipients": "x"}, "recipients"),
    ],
)
async def test_a_wrong_consent_names_its_field(browser: Browser, change: dict[str, Any], field: str) -> None:
    await resident(browser)
    answer = await browser.post("/account/personal/consents", {"recipient": "fukui.app", **RIDES, **change})
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


async def test_all_that_is_held_is_carried_away(browser: Browser, city: City) -> None:
    me = await resident(browser)
    app = (await browser.register())["client_id"]
    await ok(await browser.post("/account/personal/consents", {"recipient": app, **RIDES}))
    booking = {"id": "urn:ngsi-ld:RideBooking:1", "type": "RideBooking"}
    person = {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{me}"}
    await keep_entity(city, {**booking, "person": person, "seats": {"type": "Property", "value": 1}})
    body = await ok(await browser.get("/account/personal/export"))
    held = {service["service"]: service["records"] for service in body["services"]}
    assert held["account"][0]["login"] == "hanako@example.jp"
    assert held["entities:RideBooking"][0]["id"] == booking["id"]
    assert "password" not in str(body)
    assert {read_statement(one["statement"])[1]["kind"] for one in body["evidence"]} == {"consent.grant"}
    table = await browser.get("/account/personal/export?format=csv")
    assert table.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert any(row[0] == "entities:RideBooking" and booking["id"] in row[2] for row in rows)
    shown = await ok(await browser.get("/account/personal/disclosures?own=true"))
    assert {line["ground"] for line in shown["disclosures"]} == {"person"}


async def keep_entity(city: City, doc: dict[str, Any], tenant: str = "fukui") -> None:
    """As a service of the city does: personal types cannot be written through the open API."""
    attributes = {name: value for name, value in doc.items() if name not in ("id", "type")}
    update = EntityUpdate(id=doc["id"], type=(doc["type"],), attributes=attributes)
    async with city.database.app.transaction(tenant) as tx:
        await EntityWriter(city.services.outlet).write(tx, tenant, [update], at=datetime.now(UTC))


async def test_deletion_is_decided_by_staff_and_told(browser: Browser, staff: Browser, city: City) -> None:
    me = await resident(browser)
    person = {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{me}"}
    await keep_entity(city, {"id": "urn:ngsi-ld:RideBooking:1", "type": "RideBooking", "person": person})
    wish = {"categories": ["rides"], "reason": "引っ越します"}
    await ok(await browser.post("/account/personal/deletions", wish))
    assert (await browser.post("/account/personal/deletions", wish)).status_code == 409
    waiting = await ok(await staff.get("/api/v1/deletions"))
    [request] = waiting["deletions"]
    path = f"/api/v1/deletions/{request['id']}/decision"
    assert (await staff.post(path, {"decision": "erase", "explanation": ""})).json()["field"] == "explanation"
    done = await ok(await staff.post(path, {"decision": "erase", "explanation": "ご本人の求めによる"}))
    assert {(one["service"], one["erased"]) for one in done["erased"]} == {("entities:RideBooking", 1)}
    assert (await staff.post(path, {"decision": "keep", "explanation": "もう一度"})).status_code == 409
    [told] = (await ok(await browser.get("/account/personal")))["deletions"]
    assert (told["decision"], told["explanation"]) == ("erase", "ご本人の求めによる")
    body = await ok(await browser.get("/account/personal/export"))
    assert [s["records"] for s in body["services"] if s["service"] == "entities:RideBooking"] == [[]]
    async with city.database.system.transaction() as tx:
        left = await tx.fetchval("select count(*) from history") + await tx.fetchval("select count(*) from entity_past")
    assert left == 0


async def test_an_account_can_be_erased_and_opens_no_more(browser: Browser, staff: Browser) -> None:
    me = await resident(browser)
    await ok(await browser.post("/account/personal/deletions", {"categories": ["contact"]}))
    [request] = (await ok(await staff.get("/api/v1/deletions")))["deletions"]
    words = {"decision": "erase", "explanation": "ご本人の求めによる"}
    await ok(await staff.post(f"/api/v1/deletions/{request['id']}/decision", words))
    assert (await browser.get("/account/personal")).status_code == 401
    assert (await browser.log_in("hanako@example.jp")).status_code == 401
    async with staff.city.database.system.transaction() as tx:
        row = await tx.fetchrow("select login, name, status from user_account where id = $1", me)
    assert "hanako" not in row["login"]
    assert (row["name"], row["status"]) == ("", "suspended")


async def test_guardians_act_invite_and_end(browser: Browser, other: Browser, staff: Browser) -> None:
    await resident(browser, "mother@example.jp")
    grandmother = await resident(other, "grandmother@example.jp")
    child = await child_of(staff, "mother@example.jp")
    page = await ok(await browser.get("/account/personal"))
    assert [one["id"] for one in page["children"]] == [child]
    consent = {
        "person": child,
        "recipient": grandmother,
        "category": "location",
        "purpose": "family-watch",
        "until": UNTIL,
    }
    await ok(await browser.post("/account/personal/consents", consent))
    assert (await other.get(f"/account/personal?person={child}")).status_code == 404
    code = (await ok(await browser.post("/account/personal/invitations", {"person": child, "relation": "祖母"})))[
        "code"
    ]
    assert (await other.post("/account/personal/invitations/acceptance", {"code": "0" * 20})).status_code == 404
    made = await ok(await other.post("/account/personal/invitations/acceptance", {"code": code.upper()}))
    assert (await other.post("/account/personal/invitations/acceptance", {"code": code})).status_code == 404
    assert (await ok(await other.get(f"/account/personal?person={child}")))["person"]["name"] == "福井 太郎"
    await ok(await browser.post(f"/account/personal/guardianships/{made['id']}/end", {}))
    assert (await other.get(f"/account/personal?person={child}")).status_code == 404


async def test_a_guardianship_ends_when_the_child_is_of_age(browser: Browser, staff: Browser) -> None:
    await resident(browser, "mother@example.jp")
    grown = (await ok(await staff.post("/api/v1/persons", {"name": "成人", "born": "1990-01-01"})))["id"]
    unknown = (await ok(await staff.post("/api/v1/persons", {"name": "不明"})))["id"]
    for person in (grown, unknown):
        body = {"login": "mother@example.jp", "relation": "母"}
        answer = await staff.post(f"/api/v1/persons/{person}/guardians", body)
        assert (answer.status_code, answer.json()["field"]) == (400, "until")


async def test_an_emergency_is_named_timed_shown_and_reviewed_by_another(
    browser: Browser, staff: Browser, duty: Browser, city: City
) -> None:
    me = await resident(browser)
    await keep_entity(
        city,
        {
            "id": "urn:ngsi-ld:DeviceMeasurement:1",
            "type": "DeviceMeasurement",
            "person": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{me}"},
        },
    )
    wish = {"person": me, "categories": ["location"], "reason": "行方不明の届け出があり、命の危険がある", "minutes": 30}
    for change, field in (
        ({"reason": "急ぎ"}, "reason"),
        ({"minutes": 100_000}, "minutes"),
        ({"categories": ["health"]}, "categories"),
    ):
        answer = await duty.post("/api/v1/emergencies", {**wish, **change})
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert (await staff.post("/api/v1/emergencies", wish)).status_code == 403
    app = {"Authorization": f"Bearer {await city.token('emergencies:use')}"}
    assert (await duty.client.post("/api/v1/emergencies", json=wish, headers=app)).status_code == 403
    opened = (await ok(await duty.post("/api/v1/emergencies", wish)))["id"]
    seen = await ok(await duty.get(f"/api/v1/emergencies/{opened}/data?category=location"))
    assert seen["services"][0]["records"][0]["id"] == "urn:ngsi-ld:DeviceMeasurement:1"
    assert (await duty.get(f"/api/v1/emergencies/{opened}/data?category=points")).status_code == 403
    await ok(await duty.post(f"/api/v1/emergencies/{opened}/end", {}))
    assert (await duty.get(f"/api/v1/emergencies/{opened}/data?category=location")).status_code == 403
    judged = {"outcome": "justified", "note": "届け出を確認した"}
    assert (await duty.post(f"/api/v1/emergencies/{opened}/review", judged)).status_code == 403
    await ok(await staff.post(f"/api/v1/emergencies/{opened}/review", judged))
    assert (await staff.post(f"/api/v1/emergencies/{opened}/review", judged)).status_code == 409
    [shown] = (await ok(await browser.get("/account/personal")))["emergencies"]
    assert (shown["reason"], shown["outcome"], shown["disclosures"]) == (wish["reason"], "justified", 1)
    booked = (await ok(await browser.get("/account/personal/disclosures")))["disclosures"]
    assert [(line["allowed"], line["category"]) for line in booked] == [
        (False, "location"),
        (False, "points"),
        (True, "location"),
    ]


async def test_nobody_reviews_their_own(city: City, browser: Browser, other: Browser) -> None:
    me = await resident(browser)
    chief = Browser(city, other.client)
    token = await chief.staff("duty-officer", "privacy-officer")
    headers = {"Authorization": f"Bearer {token}"}
    wish = {"person": me, "categories": ["location"], "reason": "行方不明の届け出があった", "minutes": 5}
    made = await ok(await other.client.post("/api/v1/emergencies", json=wish, headers=headers))
    judged = {"outcome": "justified", "note": "自分で確認した"}
    answer = await other.client.post(f"/api/v1/emergencies/{made['id']}/review", json=judged, headers=headers)
    assert answer.status_code == 403
    assert "somebody else" in answer.json()["detail"]


async def test_a_ground_is_named_justified_and_revocable(browser: Browser, staff: Browser) -> None:
    ground = {
        "ground": "law",
        "law": "災害対策基本法 第49条の11",
        "recipient": "service:fire",
        "category": "health",
        "purpose": "safety-check",
        "justification": "避難行動要支援者名簿の提供",
        "sensitive": True,
    }
    for change, field in (
        ({"law": ""}, "law"),
        ({"justification": "必要"}, "justification"),
        ({"ground": "consent"}, "ground"),
        ({"ground": "benefit"}, "ground"),
        ({"ground": "whim"}, "ground"),
    ):
        answer = await staff.post("/api/v1/legal-grounds", {**ground, **change})
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    made = await ok(await staff.post("/api/v1/legal-grounds", ground))
    await ok(await staff.post(f"/api/v1/legal-grounds/{made['id']}/revocation", {}))
    assert (await staff.post(f"/api/v1/legal-grounds/{made['id']}/revocation", {})).status_code == 404
    [kept] = (await ok(await staff.get("/api/v1/legal-grounds")))["grounds"]
    assert kept["revoked_at"] is not None


async def test_records_are_linked_by_staff_and_leave_the_audit(browser: Browser, staff: Browser, city: City) -> None:
    me = await resident(browser)
    record = {"service": "dispatch", "reference": "rider-7"}
    await ok(await staff.post(f"/api/v1/persons/{me}/links", record))
    [found] = (await ok(await staff.get("/api/v1/persons?q=花子")))["persons"]
    assert found["id"] == me
    assert [one["reference"] for one in (await ok(await browser.get("/account/personal")))["records"]] == ["rider-7"]
    answer = await staff.client.delete(f"/api/v1/persons/{me}/links", params=record)
    assert answer.status_code == 204
    async with city.database.system.transaction() as tx:
        lines = {row["action"] for row in await tx.fetch("select action from audit where object <> ''")}
    assert {"person.link", "persons.search", "person.unlink"} <= lines
