"""Logging in with an outside OpenID provider: a second city of ours, on its own database, behind a real server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from access.keys import KeyRing, new_key
from access.tokens import sign
from api_gateway.app import create_app
from api_gateway.oauth.ending import CHANNEL
from api_gateway.oauth.logout_channel import EVENT, LogoutChannel
from api_gateway.outside.logins import add_provider
from api_gateway.serve import serve
from cityos.embedded import EmbeddedPostgres
from schemas.clock import utc_now
from services.notify import role
from services.notify.settings import NotifySettings
from tests.conftest import CityDatabase, city_database
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import SETTINGS, City, open_city

PROVIDER = "fukui.kencho"


@asynccontextmanager
async def served(database: CityDatabase) -> AsyncIterator[City]:
    """A city whose address is where it really listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with open_city(database, SETTINGS.model_copy(update={"public_url": url, "private_hosts": True})) as city:
            stop = asyncio.Event()
            running = asyncio.create_task(serve(city.app, city.services.settings, stop, sock))
            yield city
            stop.set()
            await asyncio.wait_for(running, 30)


@pytest.fixture
async def town(database: CityDatabase) -> AsyncIterator[City]:
    """Where people want to log in."""
    async with served(database) as city:
        yield city


@pytest.fixture
async def prefecture(postgres: EmbeddedPostgres) -> AsyncIterator[City]:
    """Where they have their accounts."""
    async with city_database(postgres, "prefecture") as database, served(database) as city:
        yield city


@pytest.fixture
async def person(town: City) -> AsyncIterator[Browser]:
    """One browser, with the cookies of both (cookies do not tell ports apart, so each city is asked by its own)."""
    async with httpx.AsyncClient(base_url=town.services.settings.issuer, timeout=60) as client:
        yield Browser(town, client)


@pytest.fixture
async def account(prefecture: City) -> AsyncIterator[Browser]:
    """The same person, logged in at the prefecture."""
    async with httpx.AsyncClient(base_url=prefecture.services.settings.issuer, timeout=60) as client:
        browser = Browser(prefecture, client)
        await browser.sign_up("hanako@pref.example")
        await browser.log_in("hanako@pref.example")
        yield browser


async def introduce(town: City, prefecture: City, **more: bool) -> str:
    """Make the town an app of the prefecture's; returns its client id there."""
    issuer = town.services.settings.issuer
    metadata = {
        "client_name": "まちの都市OS",
        "redirect_uris": [f"{issuer}/account/outside/{PROVIDER}/callback"],
        "post_logout_redirect_uris": [f"{issuer}/login.html"],
        "backchannel_logout_uri": f"{issuer}/account/outside/{PROVIDER}/logout",
        "scope": "openid profile email",
    }
    async with prefecture.client() as client:
        made = await client.post("/oauth/register", json=metadata)
    assert made.status_code == 201, made.text
    app = made.json()
    assert app["backchannel_logout_uri"] == metadata["backchannel_logout_uri"]
    async with town.database.system.transaction() as tx:
        await add_provider(tx, "fukui", "kencho", title="県庁", issuer=prefecture.services.settings.issuer,
                           client_id=app["client_id"], client_secret=app["client_secret"],
                           opens_accounts=more.get("opens_accounts", True),
                           trusts_mfa=more.get("trusts_mfa", False))  # fmt: skip
    return str(app["client_id"])


async def visit(account: Browser, url: str) -> str:
    """What happens at the provider when a browser is sent to `url`; returns where it is sent back to."""
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["code_challenge_method"] == "S256"
    assert {"state", "nonce"} <= query.keys()
    asked = await account.get(url)
    assert asked.headers["location"].startswith("/authorize.html?"), asked.text
    answer = await account.post("/account/authorization", {"query": query, "allow": True})
    return str(answer.json()["redirect"])


async def come_in(person: Browser, account: Browser, path: str = f"/account/outside/{PROVIDER}") -> httpx.Response:
    """The whole way there and back."""
    sent = await person.get(path)
    assert sent.status_code == 302, sent.text
    back = await person.get(await visit(account, sent.headers["location"]))
    session = (await person.get("/account/session")).json()
    person.csrf = session.get("csrf", "")
    return back


async def session_of(person: Browser) -> dict[str, Any]:
    found: dict[str, Any] = (await person.get("/account/session")).json()
    return found


async def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_person_of_the_provider_comes_in_again_and_again(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    shown = (await person.get("/account/outside")).json()
    assert shown == {"providers": [{"id": PROVIDER, "title": "県庁"}], "links": []}
    back = await come_in(person, account, f"/account/outside/{PROVIDER}?next=/developer.html")
    assert back.headers["location"] == "/developer.html"
    first = await session_of(person)
    assert (first["person"]["name"], first["person"]["roles"]) == ("福井 花子", [])
    assert first["person"]["login"].endswith("@outside.invalid"), "the provider has not verified the address"
    assert await person.token()
    person.client.cookies.clear()
    await come_in(person, account)
    assert (await session_of(person))["person"]["id"] == first["person"]["id"]
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from user_account") == 1
        assert await tx.fetchval("select count(*) from external_login") == 0, "states are used up"


async def test_nobody_takes_an_account_over_by_its_address(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    await person.sign_up("hanako@pref.example")
    async with prefecture.database.system.transaction() as tx:
        await tx.execute("update user_account set email_verified = true")
    back = await come_in(person, account)
    assert back.headers["location"] == "/login.html?outside=address"
    assert (await session_of(person))["person"] is None
    await person.log_in("hanako@pref.example")
    link = await person.post(f"/account/outside/{PROVIDER}/link", {"next": "//evil.example/"})
    back = await person.get(await visit(account, link.json()["redirect"]))
    assert back.headers["location"] == "/login.html"
    mine = (await session_of(person))["person"]["id"]
    person.client.cookies.clear()
    await come_in(person, account)
    assert (await session_of(person))["person"]["id"] == mine
    assert [link["id"] for link in (await person.get("/account/outside")).json()["links"]] == [PROVIDER]
    assert (await person.post(f"/account/outside/{PROVIDER}/unlink", {})).status_code == 200
    assert (await person.get("/account/outside")).json()["links"] == []


async def test_an_account_that_nothing_else_opens_keeps_its_link(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    await come_in(person, account)
    refused = await person.post(f"/account/outside/{PROVIDER}/unlink", {})
    assert (refused.status_code, "password" in refused.json()["detail"]) == (409, True)


async def test_where_accounts_are_not_opened_one_is_linked_first(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture, opens_accounts=False)
    assert (await come_in(person, account)).headers["location"] == "/login.html?outside=unknown"
    assert (await person.get("/account/outside/fukui.nobody")).status_code == 404
    assert (await person.get("/account/outside/nowhere.kencho")).status_code == 404


async def test_staff_need_their_code_unless_the_provider_is_trusted_with_it(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    await come_in(person, account)
    mine = (await session_of(person))["person"]["id"]
    async with town.database.system.transaction() as tx:
        await tx.execute("update user_account set roles = '{auditor}'")
    assert (await session_of(person))["secondFactorDue"]
    totp = await person.strengthen()
    person.client.cookies.clear()
    await account.strengthen()
    await come_in(person, account)
    assert (await session_of(person))["secondFactorDue"], "its word is not taken"
    wrong = await person.post("/account/second-factor/show", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["detail"][:12]) == (401, "this address")
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select failures from user_account where id = $1", mine) == 1
        await tx.execute("update user_account set totp_last_step = 0")
    assert (await person.post("/account/second-factor/show", {"code": totp.now()})).status_code == 200
    assert not (await session_of(person))["secondFactorDue"]
    async with town.database.system.transaction() as tx:
        await tx.execute("update identity_provider set trusts_mfa = true")
    person.client.cookies.clear()
    await come_in(person, account)
    assert not (await session_of(person))["secondFactorDue"]


async def test_an_answer_is_good_once_in_one_browser_and_from_the_right_issuer(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    sent = (await person.get(f"/account/outside/{PROVIDER}")).headers["location"]
    answer = await visit(account, sent)
    async with httpx.AsyncClient(base_url=town.services.settings.issuer) as thief:
        stolen = await thief.get(answer)
        assert stolen.headers["location"] == "/login.html?outside=expired"
    assert "session" in (await person.get(answer)).headers["set-cookie"]
    again = await person.get(answer)
    assert again.headers["location"] == "/login.html?outside=expired"
    person.client.cookies.clear()
    for change in ({"iss": "https://evil.example"}, {"iss": None}, {"code": None}, {"code": "fukui.guess"}):
        sent = (await person.get(f"/account/outside/{PROVIDER}")).headers["location"]
        place = urlsplit(await visit(account, sent))
        query = {**dict(parse_qsl(place.query)), **change}
        told = await person.get(place.path, params={name: value for name, value in query.items() if value})
        reason = "away" if change.get("code") else "failed"
        assert told.headers["location"] == f"/login.html?outside={reason}", change
    sent = (await person.get(f"/account/outside/{PROVIDER}")).headers["location"]
    query = dict(parse_qsl(urlsplit(sent).query))
    denied = await account.post("/account/authorization", {"query": query, "allow": False})
    assert (await person.get(denied.json()["redirect"])).headers["location"] == "/login.html?outside=refused"
    assert (await session_of(person))["person"] is None


async def test_logging_out_here_ends_the_session_there(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    client_id = await introduce(town, prefecture)
    await come_in(person, account)
    place = (await person.post("/account/logout", {})).json()["redirect"]
    assert place.startswith(f"{prefecture.services.settings.issuer}/oauth/logout?")
    evil = place.replace("login.html", "evil.html")
    assert (await account.get(evil)).status_code == 400, "an address that the app has not registered"
    named = await account.get("/oauth/logout", params={"client_id": client_id})
    assert named.headers["location"].startswith("/logout.html"), "without the ID token the person is asked"
    assert (await session_of(account))["person"] is not None
    gone = await account.get(place)
    assert gone.headers["location"] == f"{town.services.settings.issuer}/login.html"
    assert (await session_of(account))["person"] is None
    assert (await account.get(place)).headers["location"] == f"{town.services.settings.issuer}/login.html"


async def test_logging_out_there_ends_the_session_here(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    await introduce(town, prefecture)
    await come_in(person, account)
    token = {"Authorization": f"Bearer {await person.token()}"}
    services = prefecture.services
    channel = LogoutChannel(services.keys, services.settings.issuer, allow_private=True, timeout_s=20)
    stop = asyncio.Event()
    settings = NotifySettings(poll_s=0.1, allow_private_targets=True)
    notifier = asyncio.create_task(role.run(prefecture.database.system, settings, stop, more={CHANNEL: channel}))
    assert (await account.post("/account/logout", {})).status_code == 200

    async def ended() -> bool:
        return (await session_of(person))["person"] is None

    await wait_for(ended)

    async def called_back() -> bool:
        return (await person.get("/ngsi-ld/v1/types", headers=token)).status_code == 401

    await wait_for(called_back)
    stop.set()
    await asyncio.wait_for(notifier, 30)
    async with town.database.system.transaction() as tx:
        assert await tx.fetchval("select detail from audit where action = 'logout'") == PROVIDER


async def test_a_logout_token_is_believed_only_when_it_is_proved(
    town: City, prefecture: City, person: Browser, account: Browser
) -> None:
    client_id = await introduce(town, prefecture)
    await come_in(person, account)
    now = int(utc_now().timestamp())
    subject = (await session_of(account))["person"]["id"]
    good = {"iss": prefecture.services.settings.issuer, "aud": client_id, "sub": subject, "iat": now, "exp": now + 60,
            "jti": "n1", "events": {EVENT: {}}}  # fmt: skip
    ring = prefecture.services.keys.ring

    async def say(claims: dict[str, Any], keys: KeyRing = ring, kind: str = "logout+jwt") -> httpx.Response:
        form = {"logout_token": sign(keys, kind, {name: value for name, value in claims.items() if value is not None})}
        return await person.client.post(f"/account/outside/{PROVIDER}/logout", data=form)

    wrong = [{"iss": "https://evil.example"}, {"aud": "another"}, {"exp": now - 600}, {"iat": None}, {"jti": None},
             {"events": None}, {"events": {EVENT: True}}, {"nonce": "x"}, {"sub": None}]  # fmt: skip
    for change in wrong:
        answer = await say({**good, **change})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), change
    assert (await say(good, KeyRing([new_key()]))).status_code == 400
    assert (await say(good, kind="at+jwt")).status_code == 400
    assert (await session_of(person))["person"] is not None
    assert (await say({**good, "sub": "somebody else"})).status_code == 200
    assert (await session_of(person))["person"] is not None
    assert (await say(good)).status_code == 400, "its number was used"
    assert (await say({**good, "jti": "n2"})).status_code == 200
    assert (await session_of(person))["person"] is None
    assert (await person.client.post(f"/account/outside/{PROVIDER}/logout", data={})).status_code == 400
    many = "&".join(f"a{n}=1" for n in range(30))
    assert (await person.client.post(f"/account/outside/{PROVIDER}/logout", content=many)).status_code == 400


async def test_a_provider_that_is_away_stops_nobody_else(town: City, prefecture: City, person: Browser) -> None:
    await introduce(town, prefecture)
    async with town.database.system.transaction() as tx:
        await tx.execute("update identity_provider set issuer = 'http://127.0.0.1:9'")
    sent = await person.get(f"/account/outside/{PROVIDER}")
    assert sent.headers["location"] == "/login.html?outside=away"
    await person.sign_up("dev@example.jp")
    assert (await person.log_in("dev@example.jp")).status_code == 200
    assert (await person.post(f"/account/outside/{PROVIDER}/link", {})).status_code == 503
    told = await person.client.post(f"/account/outside/{PROVIDER}/logout", data={"logout_token": "x"})
    assert told.status_code == 503, "the provider tries again"
    async with town.database.system.transaction() as tx:
        said = await tx.fetchval("select detail from audit where not allowed")
    assert "127.0.0.1:9" in said


async def test_private_addresses_are_asked_only_where_they_are_allowed(town: City, prefecture: City) -> None:
    await introduce(town, prefecture)
    strict = replace(town.services, settings=SETTINGS, metrics=type(town.services.metrics)())
    transport = httpx.ASGITransport(create_app(strict))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        sent = await client.get(f"/account/outside/{PROVIDER}")
    assert sent.headers["location"] == "/login.html?outside=away"
