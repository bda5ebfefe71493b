"""LINE, Mastodon, X and exporters: a post in the service's own documented form, shown once however often it is sent."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email.utils
import hmac
import json
import re
import sys
import types
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, unquote

import pytest
from msgspec.structs import replace

from broker.delivery.notice import Notice
from broker.delivery.queue import enqueue, subscribe
from broker.errors import Invalid
from schemas.clock import utc_now
from schemas.river import Mode
from services.notify.export import Export, load_exporter
from services.notify.role import run
from services.notify.settings import NotifySettings
from services.notify.social import post_text, x_weight
from services.notify.targets import check_target
from tests.conftest import CityDatabase
from tests.integration.notify.receivers import HttpReceiver

FAST = {"allow_private_targets": True, "first_pause_s": 0.05, "longest_pause_s": 0.2, "poll_s": 0.05, "timeout_s": 2}
ORDER = Notice(
    id="evacuation-7",
    kind="evacuation.order",
    mode=Mode.ACTUAL,
    subject="警戒レベル4 避難指示（発令） 江波地区",
    text="警戒レベル4 避難指示（発令） 江波地区\n危険な場所にいる方は、全員避難してください。",
    body={"kind": "issue", "level": 4},
    grade=4,
)


class Platform(HttpReceiver):
    """Speaks both APIs: needs the token, knows a post by the id it came with, and may lose the answer to the first."""

    def __init__(self, id_header: str, again: int) -> None:
        super().__init__()
        self.id_header, self.again = id_header, again
        self.posts: dict[str, Any] = {}
        self.lose_answers = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *rest = head.split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                status = self._post(first.split(" ")[1], headers, body)
                if self.lose_answers > 0 and status == 200:
                    self.lose_answers -= 1
                    return
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _post(self, path: str, headers: dict[str, str], body: bytes) -> int:
        self.got.append((headers, body))
        if headers.get("authorization") != "Bearer token-1":
            return 401
        name = headers[self.id_header]
        uuid.UUID(name)
        if name in self.posts:
            return self.again
        self.posts[name] = (path, json.loads(body))
        return 200


@asynccontextmanager
async def notifying(database: CityDatabase, **changes: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(database.system, NotifySettings(**{**FAST, **changes}), stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def send(database: CityDatabase, channel: str, target: str, secret: bytes | None, *notices: Notice) -> None:
    async with database.system.transaction() as tx:
        await subscribe(tx, "fukui", channel=channel, target=target, secret=secret)
        await enqueue(tx, "fukui", notices, at=utc_now())


async def settled(database: CityDatabase, state: str, seconds: float = 20) -> list[tuple[int, str]]:
    """Wait until every delivery is in `state`; attempts and the last error of each."""
    for _ in range(int(seconds / 0.05)):
        async with database.system.transaction() as tx:
            rows = await tx.fetch("select state, attempts, coalesce(last_error, '') as error from delivery order by id")
        if rows and all(row["state"] == state for row in rows):
            return [(row["attempts"], row["error"]) for row in rows]
        await asyncio.sleep(0.05)
    raise AssertionError([dict(row) for row in rows])


@pytest.mark.parametrize(
    ("channel", "id_header", "again", "path", "text_of"),
    [
        ("line", "x-line-retry-key", 409, "/v2/bot/message/broadcast", lambda body: body["messages"][0]["text"]),
        ("mastodon", "idempotency-key", 200, "/api/v1/statuses", lambda body: body["status"]),
    ],
)
async def test_a_post_is_shown_once_though_its_answer_was_lost(
    database: CityDatabase, channel: str, id_header: str, again: int, path: str, text_of: Any
) -> None:
    async with Platform(id_header, again) as platform, notifying(database):
        platform.lose_answers = 1
        await send(database, channel, platform.url.removesuffix("/hook"), b"token-1", ORDER)
        [(attempts, _)] = await settled(database, "done")
        assert (attempts, len(platform.got), len(platform.posts)) == (2, 2, 1)
        [(asked, body)] = platform.posts.values()
        assert asked == path
        assert text_of(body) == ORDER.text


class X(HttpReceiver):
    """Speaks `POST /2/tweets`: checks the signature (RFC 5849 3.4) and refuses a text that it shows."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self.words = words
        self.shown: list[str] = []
        self.lose_answers = self.spent = 0
        self.refusing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *rest = head.split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.got.append((headers, body))
                status, more, told = self._answer(first, headers, body)
                if self.lose_answers > 0 and status == 201:
                    self.lose_answers -= 1
                    return
                text = json.dumps(told)
                writer.write(f"HTTP/1.1 {status} X\r\n{more}content-length: {len(text)}\r\n\r\n{text}".encode())
                await writer.drain()

    def _answer(self, first: str, headers: dict[str, str], body: bytes) -> tuple[int, str, dict[str, Any]]:
        forbidden = {"title": "Forbidden", "type": "about:blank", "status": 403}
        if first != "POST /2/tweets HTTP/1.1" or not self._signed(headers):
            return 401, "", {"title": "Unauthorized", "status": 401}
        if self.refusing:
            return 403, "", {**forbidden, "detail": "You are not permitted to perform this action."}
        if self.spent > 0:
            self.spent -= 1
            date = email.utils.formatdate(1_720_000_000, usegmt=True)
            quota = f"date: {date}\r\nx-rate-limit-remaining: 0\r\nx-rate-limit-reset: 1720000001\r\n"
            return 429, quota, {"title": "Too Many Requests", "status": 429}
        text = json.loads(body)["text"]
        if text in self.shown:
            told = "You are not allowed to create a Tweet with duplicate content."
            return 403, "", {**forbidden, "detail": told}
        self.shown.append(text)
        return 201, "", {"data": {"id": str(len(self.shown)), "text": text}}

    def _signed(self, headers: dict[str, str]) -> bool:
        key, key_secret, token, token_secret = self.words
        if not headers["authorization"].startswith("OAuth "):
            return False
        said = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"]))
        signature = base64.b64decode(unquote(said.pop("oauth_signature")))
        if (said["oauth_consumer_key"], said["oauth_token"]) != (key, token):
            return False
        pairs = quote("&".join(f"{name}={value}" for name, value in sorted(said.items())), safe="")
        base = f"POST&{quote('http://' + headers['host'] + '/2/tweets', safe='')}&{pairs}"
        secrets = "&".join(quote(secret, safe="") for secret in (key_secret, token_secret))
        return hmac.digest(secrets.encode(), base.encode(), "sha1") == signature


WORDS = ("app-key", "app+secret/=", "account-token", "account-secret")
SECRET = " ".join(WORDS).encode()


async def test_x_is_told_once_though_it_takes_no_id(database: CityDatabase) -> None:
    async with X(*WORDS) as x, notifying(database):
        x.spent, x.lose_answers = 1, 1
        await send(database, "x", x.url.removesuffix("/hook"), SECRET, ORDER)
        [(attempts, _)] = await settled(database, "done")
        assert (attempts, len(x.got)) == (3, 3), "the quota spent, the answer lost, the text known"
        assert x.shown == [ORDER.text]


@pytest.mark.parametrize(
    ("secret", "why"), [(SECRET, "403"), (b"app-key wrong account-token account-secret", "401"), (b"token", "401")]
)
async def test_x_that_refuses_keeps_the_queue(database: CityDatabase, secret: bytes, why: str) -> None:
    async with X(*WORDS) as x, notifying(database, attempts=2):
        x.refusing = True
        await send(database, "x", x.url.removesuffix("/hook"), secret, ORDER)
        [(attempts, error)] = await settled(database, "dead")
        assert (attempts, why in error, x.shown) == (2, True, [])


def test_x_counts_japanese_twice() -> None:
    assert x_weight("Aé…") == 4
    assert x_weight("避難指示") == 8
    assert x_weight("https://a.jp 川") == 23 + 1 + 2
    long = replace(ORDER, text="一行目\n" + "長" * 140)
    assert post_text(long, 280, x_weight) == "警戒レベル4 避難指示（発令） 江波地区\n一行目…"
    cut = post_text(replace(ORDER, text="長" * 141, subject=""), 280, x_weight)
    assert (cut[-1], x_weight(cut)) == ("…", 280)


async def test_a_token_that_is_refused_keeps_the_queue(database: CityDatabase) -> None:
    async with Platform("x-line-retry-key", 409) as platform:
        async with notifying(database, attempts=3):
            await send(database, "line", platform.url.removesuffix("/hook"), b"token-0", ORDER)
            [(attempts, error)] = await settled(database, "dead")
        assert (attempts, "401" in error) == (3, True)
        assert not platform.posts


def test_a_long_text_is_cut_at_the_end_of_a_line() -> None:
    long = replace(ORDER, text="一行目\n" + "長" * 600)
    assert post_text(long, 500) == "警戒レベル4 避難指示（発令） 江波地区\n一行目…"
    astral = replace(ORDER, text="𠮷" * 600, subject="")
    cut = post_text(astral, 500)
    assert len(cut.encode("utf-16-le")) // 2 <= 500
    assert post_text(ORDER, 500) == ORDER.text


def exporter(notice: Notice) -> Export | None:
    """What a city with a registered format would bring."""
    if notice.body.get("kind") == "issue":
        return Export(f"<notice level='{notice.body['level']}' mode='{notice.mode}'/>".encode(), "application/xml")
    if notice.body.get("kind") == "broken":
        raise KeyError("district code")
    return None


async def test_another_systems_form_is_made_by_the_citys_own_function(
    database: CityDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("city_exporter")
    module.__dict__["document"] = exporter
    monkeypatch.setitem(sys.modules, "city_exporter", module)
    lifted, broken = (replace(ORDER, id=kind, body={"kind": kind}) for kind in ("lift", "broken"))
    async with HttpReceiver() as other, notifying(database, exporter="city_exporter:document"):
        await send(database, "export", other.url, b"city:secret", ORDER, lifted)
        await settled(database, "done")
        [(headers, body)] = other.got
        assert body == b"<notice level='4' mode='actual'/>"
        assert headers["content-type"] == "application/xml"
        assert headers["authorization"] == f"Basic {base64.b64encode(b'city:secret').decode()}"
        assert headers["x-message-id"] == ORDER.id
        async with database.system.transaction() as tx:
            await enqueue(tx, "fukui", [broken], at=utc_now())
        for _ in range(200):
            async with database.system.transaction() as tx:
                dead = await tx.fetch("select last_error from delivery where state = 'dead'")
            if dead:
                break
            await asyncio.sleep(0.05)
        assert "the exporter failed: KeyError: 'district code'" in dead[0]["last_error"]


@pytest.mark.parametrize("name", ["nothing", "no.such.module:x", "json:nothing", "json:__name__"])
def test_an_exporter_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_exporter(name)
    assert refused.value.field == "notify.exporter"


def test_where_an_account_may_be() -> None:
    check_target("line", "https://api.line.me", allow_private=False)
    for wrong in ("api.line.me", "http://api.line.me", "https://user:pass@api.line.me"):
        with pytest.raises(Invalid):
            check_target("line", wrong, allow_private=False)
