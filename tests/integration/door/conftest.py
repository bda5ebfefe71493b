"""People, apps and their flows, against the gateway that the gateway's own tests use."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pyotp
import pytest

from tests.integration.gateway.conftest import City, api, base_url, city, writer

__all__ = ["api", "base_url", "city", "writer"]

PASSWORD = "water rises quickly"
CALLBACK = "https://app.example/callback"


class Browser:
    """One person's browser: its cookies, and the CSRF token of its session."""

    def __init__(self, city: City, client: httpx.AsyncClient) -> None:
        self.city = city
        self.client = client
        self.csrf = ""

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers={"X-CSRF-Token": self.csrf, **headers})

    async def sign_up(self, login: str, *roles: str, tenant: str = "fukui") -> str:
        made = await self.post(
            "/account/signup", {"login": login, "password": PASSWORD, "name": "福井 花子", "tenant": tenant}
        )
        assert made.status_code == 201, made.text
        user_id: str = made.json()["id"]
        if roles:
            async with self.city.database.system.transaction() as tx:
                await tx.execute("update user_account set roles = $2 where id = $1", user_id, list(roles))
        return user_id

    async def log_in(self, login: str, code: str | None = None, tenant: str = "fukui") -> httpx.Response:
        body = {"login": login, "password": PASSWORD, "code": code, "tenant": tenant}
        answer = await self.post("/account/login", body)
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    async def strengthen(self) -> pyotp.TOTP:
        """Begin to use an authenticator."""
        address = (await self.post("/account/second-factor", {})).json()["address"]
        totp = pyotp.parse_uri(address)
        assert isinstance(totp, pyotp.TOTP)
        confirmed = await self.post("/account/second-factor/confirm", {"code": totp.now()})
        assert confirmed.status_code == 200, confirmed.text
        return totp

    async def staff(self, *roles: str, tenant: str = "fukui") -> str:
        """A member of the municipality, logged in with both factors; the portal's token."""
        login = f"{secrets.token_hex(4)}@city.example"
        await self.sign_up(login, *roles, tenant=tenant)
        await self.log_in(login, tenant=tenant)
        await self.strengthen()
        return await self.token()

    async def token(self) -> str:
        return str((await self.post("/account/token", {})).json()["access_token"])

    async def register(self, **metadata: Any) -> dict[str, Any]:
        body = {"client_name": "避難ナビ", "redirect_uris": [CALLBACK], "scope": "opendata:read openid", **metadata}
        answer = await self.post("/account/apps", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


class Flow:
    """One run of authorization code with PKCE."""

    def __init__(self, client_id: str, scope: str = "openid opendata:read", **more: str) -> None:
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "xyz",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **more,
        }

    async def allow(self, browser: Browser, allow: bool = True) -> dict[str, str]:
        """The person decides; what comes back to the app."""
        answer = await browser.post("/account/authorization", {"query": self.query, "allow": allow})
        assert answer.status_code == 200, answer.text
        place = urlsplit(answer.json()["redirect"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == CALLBACK
        return dict(parse_qsl(place.query))

    async def redeem(self, api: httpx.AsyncClient, code: str, auth: Any = None, **change: str) -> httpx.Response:
        """The app turns the code into tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **({} if auth else {"client_id": self.query["client_id"]}),
            **change,
        }
        return await api.post("/oauth/token", data=form, auth=auth)


@pytest.fixture
async def browser(city: City) -> AsyncIterator[Browser]:
    async with city.client() as client:
        yield Browser(city, client)


@pytest.fixture
async def other(city: City) -> AsyncIterator[Browser]:
    """Somebody else's browser."""
    async with city.client() as client:
        yield Browser(city, client)
