"""A browser asks to be told, and a push that only it can read arrives at its push service."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Mapping
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from access.vapid import application_key
from broker.delivery.notice import Notice
from broker.delivery.personal import push_key, reach, tell_persons, ways_of
from broker.errors import Conflict, Invalid
from schemas.clock import utc_now
from schemas.river import Mode
from services.notify.role import run
from services.notify.settings import NotifySettings
from services.notify.web_push import PushKeys, check_keys
from tests.conftest import CityDatabase
from tests.integration.notify.receivers import HttpReceiver

FAST = {"allow_private_targets": True, "first_pause_s": 0.05, "longest_pause_s": 0.2, "poll_s": 0.05}


class Phone:
    """A browser's half of the encryption (RFC 8291)."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)
        point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.keys = {"p256dh": _text(point), "auth": _text(self._auth)}

    @property
    def secret(self) -> bytes:
        return check_keys(PushKeys(**self.keys))

    def read(self, body: bytes) -> dict[str, Any]:
        clear = http_ece.decrypt(body, private_key=self._private, auth_secret=self._auth, version="aes128gcm")
        message: dict[str, Any] = json.loads(clear)
        return message


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def notice(number: int) -> Notice:
    return Notice(
        id=f"n-{number}", kind="tags.event", mode=Mode.ACTUAL, subject="お知らせ", text="着きました", body={},
        private=True, page="tags.html",
    )  # fmt: skip


async def delivered(database: CityDatabase, state: str, count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            async with database.system.transaction() as tx:
                if await tx.fetchval("select count(*) from delivery where state = $1", state) >= count:
                    return
            await asyncio.sleep(0.02)


async def push(database: CityDatabase, *, state: str = "done", count: int = 1) -> None:
    """Run the notifier until so many deliveries are in `state`."""
    stop = asyncio.Event()
    key = await push_key(database.system)
    task = asyncio.create_task(run(database.system, NotifySettings(**FAST), stop, push_key=key))
    await delivered(database, state, count)
    stop.set()
    await asyncio.wait_for(task, 60)


async def test_a_push_is_readable_for_the_browser_alone_and_signed_by_the_city(database: CityDatabase) -> None:
    phone, now = Phone(), utc_now()
    async with HttpReceiver() as service:
        service.status = 201
        async with database.app.transaction("fukui") as tx:
            await reach(tx, "fukui", "fukui.mother", "webpush", service.url, ["tags"], now, secret=phone.secret)
        async with database.system.transaction() as tx:
            told = [("fukui.mother", notice(1)), ("fukui.father", notice(2))]
            assert await tell_persons(tx, "fukui", "tags", told, at=now) == 1
            assert await tell_persons(tx, "fukui", "tags", told, at=now) == 0, "the same notice is queued once"
        await push(database)
        ((headers, body),), url = service.got, service.url
    assert "着きました".encode() not in body
    message = phone.read(body)
    assert (message["id"], message["title"], message["page"]) == ("n-1", "お知らせ", "tags.html")
    assert headers["content-encoding"] == "aes128gcm"
    assert int(headers["ttl"]) > 0
    _check_signature(headers, url, application_key(await push_key(database.app, "fukui")))


def _check_signature(headers: Mapping[str, str], url: str, key: str) -> None:
    scheme, _, rest = headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert (scheme, fields["k"]) == ("vapid", key)
    point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    public = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": _text(point[1:33]), "y": _text(point[33:])})
    claims = jwt.decode(fields["t"], public, algorithms=["ES256"]).claims
    assert url.startswith(claims["aud"])
    assert claims["sub"].startswith("mailto:")


async def test_a_browser_that_is_gone_is_left_in_peace_until_it_asks_again(database: CityDatabase) -> None:
    phone, now = Phone(), utc_now()
    async with HttpReceiver() as service:
        service.status = 410
        for number in (1, 2):
            async with database.system.transaction() as tx:
                words = ("webpush", service.url, ["tags"], now)
                await reach(tx, "fukui", "fukui.mother", *words, secret=phone.secret)
                await tell_persons(tx, "fukui", "tags", [("fukui.mother", notice(number))], at=now)
            await push(database, state="dead", count=number)
        async with database.system.transaction() as tx:
            assert await tell_persons(tx, "fukui", "tags", [("fukui.mother", notice(3))], at=now) == 0


async def test_a_shared_browser_is_of_who_asked_last(database: CityDatabase) -> None:
    phone, now = Phone(), utc_now()
    async with database.app.transaction("fukui") as tx:
        for person in ("fukui.mother", "fukui.neighbour"):
            place = ("webpush", "https://push.example/1", ["tags"])
            await reach(tx, "fukui", person, *place, now, secret=phone.secret)
            if person == "fukui.mother":
                assert await tell_persons(tx, "fukui", "tags", [(person, notice(1))], at=now) == 1
        assert await ways_of(tx, "fukui", "fukui.mother") == []
        assert await tx.fetchval("select count(*) from delivery") == 0, "what waited for her is not shown to another"


async def test_nobody_has_ways_without_end(database: CityDatabase) -> None:
    secret, now = Phone().secret, utc_now()
    with pytest.raises(Conflict, match="20 places"):
        async with database.app.transaction("fukui") as tx:
            for number in range(21):
                place = ("webpush", f"https://push.example/{number}", ["tags"])
                await reach(tx, "fukui", "fukui.mother", *place, now, secret=secret)


async def test_what_cannot_be_told_is_refused_by_name(database: CityDatabase) -> None:
    now = utc_now()
    with pytest.raises(Invalid) as unknown:
        async with database.app.transaction("fukui") as tx:
            await reach(tx, "fukui", "fukui.mother", "mail", "m@example.jp", ["weather"], now)
    assert unknown.value.field == "matters"
    with pytest.raises(ValueError, match="auth has 3 bytes"):
        PushKeys(p256dh=Phone().keys["p256dh"], auth="AAAA")
    with pytest.raises(Invalid) as off_curve:
        check_keys(PushKeys(p256dh=_text(b"\x04" + b"\x01" * 64), auth=_text(b"a" * 16)))
    assert off_curve.value.field == "keys"
    async with database.app.transaction("fukui") as tx:
        await reach(tx, "fukui", "fukui.mother", "webhook", "https://x.example/", ["tags"], now, secret=b"s")
    with pytest.raises(Conflict):
        async with database.app.transaction("fukui") as tx:
            await reach(tx, "fukui", "fukui.father", "webhook", "https://x.example/", ["tags"], now, secret=b"t")
