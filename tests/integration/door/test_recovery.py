"""Passwords changed and forgotten, addresses confirmed; and that nobody learns from it who has an account."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from prometheus_client import CollectorRegistry

from api_gateway.app import create_app
from tests.integration.door.conftest import PASSWORD, Browser
from tests.integration.gateway.conftest import City

NEW = "the river is calm today"


async def mailed(city: City, kind: str) -> list[str]:
    """The tokens of the links that wait to be mailed, the oldest first."""
    async with city.database.system.transaction() as tx:
        rows = await tx.fetch("select notice ->> 'text' as text from delivery order by id")
    return [found[1] for row in rows if (found := re.search(rf"login\.html#{kind}=(\S+)", row["text"]))]


async def log_in(browser: Browser, password: str) -> int:
    answer = await browser.post("/account/login", {"login": "dev@example.jp", "password": password})
    return answer.status_code


async def test_a_forgotten_password_is_renewed_by_mail_once(browser: Browser, other: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    answers = [await other.post("/account/password/forgotten", {"login": name}) for name in
               ("Dev@Example.jp", "nobody@example.jp", "dev@example.jp", "no\x01address")]  # fmt: skip
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "{}")}
    (token,) = await mailed(city, "reset")
    weak = await other.post("/account/password/renew", {"token": token, "password": "short"})
    assert (weak.status_code, weak.json()["field"]) == (400, "password")
    assert (await other.post("/account/password/renew", {"token": token, "password": NEW})).status_code == 200
    again = await other.post("/account/password/renew", {"token": token, "password": NEW})
    assert (again.status_code, again.json()["field"]) == (400, "token")
    assert (await browser.get("/account/session")).json() == {"person": None}, "every session is ended"
    assert await log_in(other, PASSWORD) == 401
    assert await log_in(other, NEW) == 200


@pytest.mark.parametrize("token", ["", "fukui.guess", "nowhere.guess", "x", "fukui.\r\n"])
async def test_a_guessed_link_opens_nothing(browser: Browser, token: str) -> None:
    for path, body in (("/account/password/renew", {"password": NEW}), ("/account/confirm", {})):
        answer = await browser.post(path, {"token": token, **body})
        assert answer.status_code in (400, 404), answer.text


async def test_a_link_is_good_for_an_hour(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.post("/account/password/forgotten", {"login": "dev@example.jp"})
    (token,) = await mailed(city, "reset")
    async with city.database.system.transaction() as tx:
        await tx.execute("update account_link set expires_at = now() - interval '1 second'")
    assert (await browser.post("/account/password/renew", {"token": token, "password": NEW})).status_code == 400


async def test_changing_the_password_needs_the_old_one_and_ends_every_session(browser: Browser, other: Browser) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    await other.log_in("dev@example.jp")
    wrong = await browser.post("/account/password", {"current": "guessed guessed", "password": NEW})
    assert wrong.status_code == 401
    assert (await browser.post("/account/password", {"current": PASSWORD, "password": NEW})).status_code == 200
    assert (await other.get("/account/session")).json() == {"person": None}
    assert await log_in(browser, NEW) == 200


async def test_guessing_the_old_password_locks_the_account(browser: Browser) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    for _ in range(5):
        await browser.post("/account/password", {"current": "guessed guessed", "password": NEW})
    assert (await browser.post("/account/password", {"current": PASSWORD, "password": NEW})).status_code == 401


async def test_signing_up_tells_nobody_which_addresses_are_taken(browser: Browser, city: City) -> None:
    settings = city.services.settings.model_copy(update={"confirm_mail": True})
    services = replace(city.services, settings=settings, metrics=CollectorRegistry())
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        careful = Browser(city, client)
        body = {"login": "dev@example.jp", "password": PASSWORD, "name": ""}
        first, second = [await careful.post("/account/signup", body) for _ in range(2)]
        assert (first.status_code, first.text) == (second.status_code, second.text) == (201, '{"id":null}')
        assert await log_in(careful, PASSWORD) == 401, "not before the address is confirmed"
        (token,) = await mailed(city, "confirm")
        assert (await careful.post("/account/confirm", {"token": token})).status_code == 200
        assert (await careful.post("/account/confirm", {"token": token})).status_code == 400
        assert await log_in(careful, PASSWORD) == 200
    async with city.database.system.transaction() as tx:
        texts = [row["text"] for row in await tx.fetch("select notice ->> 'text' as text from delivery order by id")]
        verified = await tx.fetchval("select email_verified from user_account where login = 'dev@example.jp'")
    assert len(texts) == 2
    assert "has an account already" in texts[1]
    assert verified
