"""Signing up, logging in, the second factor, and who is kept out."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.integration.door.conftest import PASSWORD, Browser
from tests.integration.gateway.conftest import City


async def test_a_developer_signs_up_logs_in_and_out(browser: Browser) -> None:
    await browser.sign_up("Dev@Example.jp")
    entered = await browser.log_in("dev@example.jp")
    assert entered.status_code == 200
    assert entered.json()["person"]["roles"] == []
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await browser.get("/account/session")).json()["person"]["login"] == "dev@example.jp"
    token = await browser.token()
    headers = {"Authorization": f"Bearer {token}"}
    assert (await browser.get("/ngsi-ld/v1/types", headers=headers)).status_code == 200
    assert (await browser.post("/account/logout", {})).status_code == 200
    assert (await browser.get("/account/session")).json() == {"person": None}


async def test_staff_get_nothing_of_their_roles_before_the_second_factor(browser: Browser, other: Browser) -> None:
    await browser.sign_up("officer@city.example", "device-officer")
    session = (await browser.log_in("officer@city.example")).json()
    assert session["secondFactorDue"]
    assert "devices:read" not in session["scopes"]
    weak = {"Authorization": f"Bearer {await browser.token()}"}
    assert (await browser.get("/api/v1/devices", headers=weak)).status_code == 403
    totp = await browser.strengthen()
    strong = {"Authorization": f"Bearer {await browser.token()}"}
    assert (await browser.get("/api/v1/devices", headers=strong)).status_code == 200
    missing = await other.log_in("officer@city.example")
    assert (missing.status_code, missing.json()["error"]) == (401, "code_needed")
    again = await other.log_in("officer@city.example", totp.now())
    assert again.json()["error"] == "refused", "the code that confirmed the authenticator is used up"


async def test_a_code_is_good_once(browser: Browser, other: Browser, city: City) -> None:
    await browser.sign_up("officer@city.example", "auditor")
    await browser.log_in("officer@city.example")
    totp = await browser.strengthen()
    async with city.database.system.transaction() as tx:
        await tx.execute("update user_account set totp_last_step = 0")
    code = totp.now()
    first, second = await asyncio.gather(
        browser.log_in("officer@city.example", code), other.log_in("officer@city.example", code)
    )
    assert sorted((first.status_code, second.status_code)) == [200, 401]


async def test_failures_look_alike_and_the_account_locks(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")

    async def enter(login: str, password: str) -> httpx.Response:
        return await browser.post("/account/login", {"login": login, "password": password})

    wrong = await enter("dev@example.jp", "not the password")
    nobody = await enter("nobody@example.jp", "not the password")
    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())
    for _ in range(4):
        await enter("dev@example.jp", "not the password")
    locked = await enter("dev@example.jp", PASSWORD)
    assert (locked.status_code, locked.json()) == (wrong.status_code, wrong.json())
    async with city.database.system.transaction() as tx:
        await tx.execute("update user_account set locked_until = now() - interval '1 second'")
    assert (await enter("dev@example.jp", PASSWORD)).status_code == 200


async def test_many_guesses_at_once_do_not_outrun_the_lock(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    guesses = [{"login": "dev@example.jp", "password": f"guess number {n:04}"} for n in range(20)]
    await asyncio.gather(*(browser.post("/account/login", guess) for guess in guesses))
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select failures from user_account") == 5


async def test_asking_without_a_code_does_not_undo_the_count(browser: Browser, city: City) -> None:
    await browser.sign_up("officer@city.example", "auditor")
    await browser.log_in("officer@city.example")
    await browser.strengthen()
    for _ in range(4):
        assert (await browser.log_in("officer@city.example", "000000")).status_code == 401
        assert (await browser.log_in("officer@city.example")).json()["error"] == "code_needed"
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select failures from user_account") == 4


async def test_an_address_can_flood_nobody(browser: Browser) -> None:
    answers = [
        (await browser.post("/account/login", {"login": f"n{n}@example.jp", "password": "x"}, Origin="http://evil"))
        for n in range(2)
    ]
    assert {answer.status_code for answer in answers} == {403}
    statuses = []
    for _ in range(70):
        statuses.append((await browser.post("/account/login", {"login": "x", "password": "\x7f" * 301})).status_code)
    assert set(statuses) == {400}, "what is malformed costs nothing"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": "no address"}, "login"),
        ({"password": "short"}, "password"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "password"),
        ({"login": "hanako@example.jp", "password": "hanako-hanako-1"}, "password"),
        ({"roles": ["administrator"]}, "roles"),
    ],
)
async def test_bad_sign_ups_name_the_field(browser: Browser, change: dict[str, object], field: str) -> None:
    body = {"login": "dev@example.jp", "password": PASSWORD, **change}
    answer = await browser.post("/account/signup", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_an_address_is_taken_once_per_municipality(browser: Browser) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.sign_up("dev@example.jp", tenant="neighbour")
    twice = await browser.post("/account/signup", {"login": "dev@example.jp", "password": PASSWORD})
    assert twice.status_code == 409


async def test_other_sites_cannot_act_for_a_person(browser: Browser) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    good = browser.csrf
    for headers in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "guess"},
        {"X-CSRF-Token": good, "Origin": "https://evil.example"},
        {"X-CSRF-Token": good, "Origin": "null"},
        {"X-CSRF-Token": good, "Sec-Fetch-Site": "cross-site"},
    ):
        assert (await browser.post("/account/token", {}, **headers)).status_code == 403
    assert (await browser.post("/account/token", {}, Origin="http://127.0.0.1:8080")).status_code == 200


async def test_passwords_cookies_and_secrets_are_nowhere_in_the_database(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    made = await browser.register()
    [cookie] = [value for name, value in browser.client.cookies.items() if name == "session"]
    async with city.database.system.transaction() as tx:
        text = await tx.fetchval(
            "select (select string_agg(to_jsonb(u)::text, '') from user_account u)"
            " || (select string_agg(to_jsonb(s)::text, '') from login_session s)"
            " || (select string_agg(to_jsonb(c)::text, '') from oauth_client c)"
            " || (select string_agg(to_jsonb(a)::text, '') from audit a)"
        )
    for secret in (PASSWORD, cookie, made["client_secret"], made["registration_access_token"]):
        assert secret not in text
    assert "argon2id" in text
