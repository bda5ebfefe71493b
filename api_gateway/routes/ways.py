"""Where a person wants to be told of what concerns them: this browser, their mail, a webhook. By session cookie."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from access.vapid import application_key
from api_gateway.answers import answer
from api_gateway.audit import Line, note
from api_gateway.context import gateway_of
from api_gateway.oauth.accounts import Person
from api_gateway.openapi import PROBLEMS
from api_gateway.session import signed_in
from broker.delivery import personal
from broker.delivery.notice import Notice
from broker.errors import Invalid
from broker.ports import Transaction
from schemas.river import Mode
from services.notify.signature import new_secret
from services.notify.signature import shown as shown_secret
from services.notify.targets import check_target
from services.notify.web_push import PushKeys, check_keys

router = APIRouter(prefix="/account/ways", tags=["personal"], responses=PROBLEMS)

_Matters = Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=20)]
_Way = Annotated[int, Path(ge=1, le=2**63 - 1, description="the way's number")]
_Address = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewBrowser(_Body):
    """What `PushManager.subscribe` gave this browser (Push API), bound to `key` of `GET /account/ways`."""

    endpoint: _Address
    keys: dict[str, Annotated[str, Field(max_length=200)]]
    matters: _Matters


class NewMail(_Body):
    matters: _Matters


class NewWebhook(_Body):
    target: _Address
    matters: _Matters


class _Acting(NamedTuple):
    me: Person
    tx: Transaction
    now: datetime


@asynccontextmanager
async def _acting(request: Request) -> AsyncIterator[_Acting]:
    me = (await signed_in(request)).session.person
    gateway = gateway_of(request)
    async with gateway.database.transaction(me.tenant) as tx:
        yield _Acting(me, tx, gateway.clock())


async def _reach(
    request: Request, channel: str, target: str, matters: list[str], secret: bytes | None = None
) -> dict[str, Any]:
    async with _acting(request) as acting:
        me = acting.me
        number = await personal.reach(acting.tx, me.tenant, me.id, channel, target, matters, acting.now, secret=secret)
        await note(acting.tx, request, Line("way.add", channel, me.id, detail=" ".join(matters)))
    return {"id": number}


@router.get("", summary="Where I am told of what concerns me")
async def ways(request: Request) -> Response:
    """`key` is what a browser subscribes with (`applicationServerKey`); `matters` what one can be told of."""
    async with _acting(request) as acting:
        found = await personal.ways_of(acting.tx, acting.me.tenant, acting.me.id)
    key = await personal.push_key(gateway_of(request).database, acting.me.tenant)
    matters = {name: {"ja": ja, "en": en} for name, (ja, en) in personal.MATTERS.items()}
    return answer({"key": application_key(key), "matters": matters, "ways": [personal.shown(one) for one in found]})


@router.post("/browsers", status_code=201, summary="Tell me in this browser")
async def add_browser(request: Request, body: NewBrowser) -> Response:
    """Messages are encrypted for it. Asked again, it replaces what was asked before; a browser is one person's."""
    check_target("webpush", body.endpoint, allow_private=gateway_of(request).settings.private_hosts)
    try:
        keys = msgspec.convert(body.keys, PushKeys)
    except msgspec.ValidationError as error:
        raise Invalid(str(error), field="keys") from error
    return answer(await _reach(request, "webpush", body.endpoint, body.matters, check_keys(keys)), 201)


@router.post("/mail", status_code=201, summary="Tell me by mail")
async def add_mail(request: Request, body: NewMail) -> Response:
    """To the address of my account, and to no other."""
    address = (await signed_in(request)).session.person.login
    return answer(await _reach(request, "mail", address, body.matters), 201)


@router.post("/webhooks", status_code=201, summary="Tell my own server")
async def add_webhook(request: Request, body: NewWebhook) -> Response:
    """The secret that signs the messages is shown this once. 409 where the address is told of something already."""
    check_target("webhook", body.target, allow_private=gateway_of(request).settings.private_hosts)
    secret = new_secret()
    made = await _reach(request, "webhook", body.target, body.matters, secret)
    return answer({**made, "secret": shown_secret(secret)}, 201)


@router.post("/{way}/trial", status_code=202, summary="Try it")
async def trial(request: Request, way: _Way) -> Response:
    """Queues a message that says that it is a trial."""
    async with _acting(request) as acting:
        sent = Notice(
            id=f"way.trial:{secrets.token_hex(8)}",
            kind="way.trial",
            mode=Mode.TEST,
            subject="お知らせの試し送り",
            text="このお知らせは試しに送ったものです。届いていれば設定は済んでいます。",
            body={},
            private=True,
        )
        await personal.tell_way(acting.tx, acting.me.tenant, acting.me.id, way, sent, at=acting.now)
    return answer({}, 202)


@router.delete("/{way}", status_code=204, summary="Tell me nothing more there")
async def remove(
    request: Request, way: _Way, matter: Annotated[str | None, Query(description="of this alone", max_length=60)] = None
) -> Response:
    """What waited for me there is dropped."""
    async with _acting(request) as acting:
        await personal.leave(acting.tx, acting.me.tenant, acting.me.id, way, matter)
        await note(acting.tx, request, Line("way.remove", str(way), acting.me.id))
    return Response(status_code=204)
