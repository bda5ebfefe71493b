"""Authorization code with PKCE, refresh, revocation, introspection, registration, and attacks on each."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet

from adapters.mqtt.patience import until
from cityos.embedded import EmbeddedPostgres
from tests.integration.door.conftest import CALLBACK, Browser, Flow
from tests.integration.gateway.conftest import SETTINGS, City


async def allowed(browser: Browser, **metadata: Any) -> tuple[dict[str, Any], Flow]:
    """A person logged in, and an app of theirs."""
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    made = await browser.register(**metadata)
    return made, Flow(made["client_id"], scope=made["scope"])


async def test_from_registration_to_the_first_data(browser: Browser, api: httpx.AsyncClient) -> None:
    made, flow = await allowed(browser, token_endpoint_auth_method="none", scope="opendata:read openid profile email")
    flow.query["nonce"] = "n-1"
    sent = await api.get("/oauth/authorize", params=flow.query)
    assert sent.status_code == 302
    assert sent.headers["location"].startswith("/authorize.html?response_type=code&")
    shown = (await browser.get("/account/authorization", params=flow.query)).json()
    assert shown["client"] == "避難ナビ"
    assert {scope["scope"] for scope in shown["scopes"]} == {"email", "openid", "opendata:read", "profile"}
    back = await flow.allow(browser)
    assert (back["state"], back["iss"]) == ("xyz", SETTINGS.issuer)
    answer = await flow.redeem(api, back["code"])
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await api.get("/ngsi-ld/v1/types", headers=headers)).status_code == 200
    about = (await api.get("/oauth/userinfo", headers=headers)).json()
    assert (about["name"], about["email"], about["tenant"]) == ("福井 花子", "dev@example.jp", "fukui")
    keys = KeySet.import_key_set((await api.get("/oauth/jwks")).json())
    claims = json.loads(jws.deserialize_compact(tokens["id_token"].encode(), keys, ["ES256"]).payload or b"")
    assert (claims["nonce"], claims["aud"], claims["sub"]) == ("n-1", made["client_id"], about["sub"])


async def test_a_person_says_no(browser: Browser) -> None:
    _, flow = await allowed(browser)
    back = await flow.allow(browser, allow=False)
    assert (back["error"], back["state"]) == ("access_denied", "xyz")


async def test_a_person_hands_over_no_more_than_their_own(browser: Browser, city: City, api: httpx.AsyncClient) -> None:
    made, _ = await allowed(browser, scope="openid devices:read")
    assert (made["scope"], made["pending_scope"]) == ("openid", "devices:read")
    async with city.database.system.transaction() as tx:
        await tx.execute("update oauth_client set scopes = '{openid,devices:read}'")
    flow = Flow(made["client_id"], scope="openid devices:read")
    back = await flow.allow(browser)
    auth = (made["client_id"], made["client_secret"])
    assert (await flow.redeem(api, back["code"], auth)).json()["scope"] == "openid"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"code": "fukui.guess"}, "invalid_grant"),
        ({"code": "no\x00code"}, "invalid_grant"),
    ],
)
async def test_a_code_alone_opens_nothing(
    browser: Browser, api: httpx.AsyncClient, change: dict[str, str], error: str
) -> None:
    _, flow = await allowed(browser, token_endpoint_auth_method="none")
    back = await flow.allow(browser)
    answer = await flow.redeem(api, **{"code": back["code"], **change})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_replayed_code_ends_what_came_of_it(browser: Browser, api: httpx.AsyncClient) -> None:
    _, flow = await allowed(browser, token_endpoint_auth_method="none")
    back = await flow.allow(browser)
    tokens = (await flow.redeem(api, back["code"])).json()
    assert (await flow.redeem(api, back["code"])).json()["error"] == "invalid_grant"
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": flow.query["client_id"],
    }
    assert (await api.post("/oauth/token", data=form)).json()["error"] == "invalid_grant"


async def test_of_two_who_redeem_at_once_one_gets_through_and_the_grant_ends(
    browser: Browser, api: httpx.AsyncClient
) -> None:
    _, flow = await allowed(browser, token_endpoint_auth_method="none")
    back = await flow.allow(browser)
    answers = await asyncio.gather(*(flow.redeem(api, back["code"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


async def test_a_code_of_one_app_is_nothing_to_another(browser: Browser, api: httpx.AsyncClient) -> None:
    _, flow = await allowed(browser, token_endpoint_auth_method="none")
    thief = await browser.register(token_endpoint_auth_method="none")
    back = await flow.allow(browser)
    answer = await flow.redeem(api, back["code"], client_id=thief["client_id"])
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/more"},
        {"redirect_uri": CALLBACK + "?next=https://evil.example"},
        {"redirect_uri": "https://app.example@evil.example/callback"},
        {"redirect_uri": ""},
        {"client_id": "fukui.nobody"},
        {"client_id": "nowhere.nobody"},
        {"client_id": "x\r\nSet-Cookie: a=b"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browser: Browser, api: httpx.AsyncClient, change: dict[str, str]
) -> None:
    _, flow = await allowed(browser)
    answer = await api.get("/oauth/authorize", params={**flow.query, **change})
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "entities:write"}, "invalid_scope"),
    ],
)
async def test_wrong_requests_go_back_to_the_app_with_the_reason(
    browser: Browser, api: httpx.AsyncClient, change: dict[str, str], error: str
) -> None:
    _, flow = await allowed(browser)
    answer = await api.get("/oauth/authorize", params={**flow.query, **change})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?error={error}&")


async def tokens_of(browser: Browser, api: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    made, flow = await allowed(browser, token_endpoint_auth_method="none")
    back = await flow.allow(browser)
    return made["client_id"], (await flow.redeem(api, back["code"])).json()


async def refresh(api: httpx.AsyncClient, client_id: str, token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id}
    return await api.post("/oauth/token", data=form)


async def test_refresh_tokens_rotate_and_reuse_ends_the_grant(browser: Browser, api: httpx.AsyncClient) -> None:
    client_id, first = await tokens_of(browser, api)
    second = (await refresh(api, client_id, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    stolen = await refresh(api, client_id, first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await refresh(api, client_id, second["refresh_token"])).json()["error"] == "invalid_grant"


async def test_two_refreshes_at_once_are_reuse(browser: Browser, api: httpx.AsyncClient) -> None:
    client_id, first = await tokens_of(browser, api)
    answers = await asyncio.gather(*(refresh(api, client_id, first["refresh_token"]) for _ in range(3)))
    assert [answer.status_code for answer in answers].count(200) == 1


async def test_another_app_cannot_use_or_revoke_a_refresh_token(browser: Browser, api: httpx.AsyncClient) -> None:
    client_id, first = await tokens_of(browser, api)
    thief = (await browser.register(token_endpoint_auth_method="none"))["client_id"]
    assert (await refresh(api, thief, first["refresh_token"])).json()["error"] == "invalid_grant"
    form = {"token": first["refresh_token"], "client_id": thief}
    assert (await api.post("/oauth/revoke", data=form)).json()["error"] == "invalid_grant"
    assert (await refresh(api, client_id, first["refresh_token"])).status_code == 200


async def test_revoking_ends_access_tokens_in_every_process(browser: Browser, city: City, base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as real, city.client() as api:
        client_id, tokens = await tokens_of(browser, api)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await real.get("/oauth/userinfo", headers=headers)).status_code == 200
        form = {"token": tokens["refresh_token"], "client_id": client_id}
        assert (await api.post("/oauth/revoke", data=form)).status_code == 200
        async with asyncio.timeout(30):
            while (answer := await real.get("/oauth/userinfo", headers=headers)).status_code != 401:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert answer.json()["detail"].startswith("the token was called back")


async def test_an_error_that_nobody_expects_does_not_end_the_following_of_revocations(
    browser: Browser, city: City, base_url: str, postgres: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    name = city.database.system_url.rpartition("/")[2]
    async with httpx.AsyncClient(base_url=base_url) as real, city.client() as api:
        client_id, tokens = await tokens_of(browser, api)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await real.get("/oauth/userinfo", headers=headers)).status_code == 200
        postgres.run_sql(name, "alter table revoked_grant rename to elsewhere; notify revoked_grant")
        assert await until(lambda: "begins again" in caplog.text, within=30)
        postgres.run_sql(name, "alter table elsewhere rename to revoked_grant")
        form = {"token": tokens["refresh_token"], "client_id": client_id}
        assert (await api.post("/oauth/revoke", data=form)).status_code == 200
        async with asyncio.timeout(30):
            while (await real.get("/oauth/userinfo", headers=headers)).status_code != 401:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_introspection_within_the_municipality(browser: Browser, city: City, api: httpx.AsyncClient) -> None:
    client_id, tokens = await tokens_of(browser, api)
    server = await browser.register(grant_types=["client_credentials"], redirect_uris=[])
    ours = (server["client_id"], server["client_secret"])

    async def introspect(token: str, auth: Any) -> dict[str, Any]:
        answer = await api.post("/oauth/introspect", data={"token": token}, auth=auth)
        body: dict[str, Any] = answer.json()
        return body

    about = await introspect(tokens["access_token"], ours)
    assert (about["active"], about["client_id"], about["scope"]) == (True, client_id, "opendata:read openid")
    assert (await introspect(tokens["refresh_token"], ours))["active"]
    assert await introspect("rubbish", ours) == {"active": False}
    stranger = await api.post(
        "/oauth/register",
        json={"client_name": "theirs", "grant_types": ["client_credentials"]},
        headers={"NGSILD-Tenant": "neighbour"},
    )
    theirs = (stranger.json()["client_id"], stranger.json()["client_secret"])
    assert await introspect(tokens["access_token"], theirs) == {"active": False}
    assert (await introspect(tokens["access_token"], ("fukui.x", "y")))["error"] == "invalid_client"


async def test_registration_by_a_program_and_its_upkeep(api: httpx.AsyncClient) -> None:
    body = {"client_name": "navi", "redirect_uris": ["http://127.0.0.1/cb"], "scope": "opendata:read entities:read",
            "software_id": "unknown fields are ignored"}  # fmt: skip
    made = (await api.post("/oauth/register", json=body)).json()
    assert (made["scope"], made["pending_scope"]) == ("opendata:read", "entities:read")
    path = f"/oauth/register/{made['client_id']}"
    key = {"Authorization": f"Bearer {made['registration_access_token']}"}
    assert (await api.get(path, headers=key)).json()["client_name"] == "navi"
    changed = await api.put(path, headers=key, json={**body, "client_name": "navi 2"})
    assert changed.json()["client_name"] == "navi 2"
    assert "client_secret" not in changed.json()
    for wrong in ({"Authorization": "Bearer guess"}, {}):
        assert (await api.get(path, headers=wrong)).status_code in (401, 404)
        assert (await api.put(path, headers=wrong, json=body)).status_code in (401, 404)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user@app.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/\r\nx"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"scope": "root"}, "invalid_client_metadata"),
        ({"client_name": "<script>"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
    ],
)
async def test_registrations_that_are_refused(api: httpx.AsyncClient, change: dict[str, Any], error: str) -> None:
    body = {"client_name": "navi", "redirect_uris": [CALLBACK], **change}
    answer = await api.post("/oauth/register", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_private_key_jwt(api: httpx.AsyncClient) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
    body = {
        "client_name": "batch",
        "grant_types": ["client_credentials"],
        "scope": "opendata:read",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    made = (await api.post("/oauth/register", json=body)).json()
    client_id, now = made["client_id"], int(time.time())

    async def ask(signer: Any = key, **change: Any) -> httpx.Response:
        claims = {"iss": client_id, "sub": client_id, "aud": f"{SETTINGS.issuer}/oauth/token", "exp": now + 60,
                  "jti": secrets.token_hex(8), **change}  # fmt: skip
        assertion = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, signer)
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        form = {"grant_type": "client_credentials", "client_assertion_type": kind, "client_assertion": assertion}
        return await api.post("/oauth/token", data=form)

    assert (await ask()).status_code == 200
    assert (await ask(jti="once")).status_code == 200
    for answer in (
        await ask(jti="once"),
        await ask(aud="https://other.example"),
        await ask(exp=now - 3600),
        await ask(exp=now + 86400),
        await ask(iss="fukui.other"),
        await ask(sub="fukui.other", iss="fukui.other"),
        await ask(ECKey.generate_key("P-256", {"kid": "k1"}, private=True)),
    ):
        assert answer.json()["error"] == "invalid_client", answer.text
