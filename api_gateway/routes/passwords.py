"""Passwords changed and forgotten, and addresses confirmed, as the portal's pages do it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api_gateway.audit import Line, note_alone
from api_gateway.oauth.recovery import Recovery
from api_gateway.openapi import PROBLEMS
from api_gateway.routes.account import guard, tenant_of
from api_gateway.session import clear_cookie, signed_in

router = APIRouter(prefix="/account", tags=["account"], responses=PROBLEMS)

_Short = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]
_NO_STORE = {"Cache-Control": "no-store"}


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PasswordChange(_Body):
    current: _Short
    password: _Short


class Forgotten(_Body):
    login: _Short
    tenant: _Short | None = None


class Renewal(_Body):
    token: _Short
    password: _Short


class Link(_Body):
    token: _Short


@router.post("/password", summary="Change my password")
async def change_password(request: Request, body: PasswordChange) -> Response:
    """Ends every session, this one too, and what apps were allowed."""
    await guard(request)
    found = await signed_in(request)
    await _recovery(request).change(found.session, body.current, body.password)
    person = found.session.person
    await note_alone(request, person.tenant, Line("password.change", person.id, person.id))
    response = JSONResponse({}, headers=_NO_STORE)
    clear_cookie(request, response)
    return response


@router.post("/password/forgotten", status_code=202, summary="Ask for a link to set a new password")
async def forgotten(request: Request, body: Forgotten) -> JSONResponse:
    """The answer is the same whether or not the address has an account."""
    await guard(request)
    await _recovery(request).send_link(tenant_of(request, body.tenant), body.login, "reset")
    return JSONResponse({}, 202, _NO_STORE)


@router.post("/password/renew", summary="Set a new password by the link")
async def renew(request: Request, body: Renewal) -> JSONResponse:
    """The link is good once, for an hour. Ends every session; a second factor stays."""
    await guard(request)
    user_id = await _recovery(request).renew(body.token, body.password)
    await note_alone(request, user_id.partition(".")[0], Line("password.renew", user_id, user_id))
    return JSONResponse({}, headers=_NO_STORE)


@router.post("/confirm", summary="Confirm my address by the link")
async def confirm(request: Request, body: Link) -> JSONResponse:
    """The link is good once, for a day. From then on one can log in."""
    await guard(request)
    user_id = await _recovery(request).confirm(body.token)
    await note_alone(request, user_id.partition(".")[0], Line("address.confirm", user_id, user_id))
    return JSONResponse({}, headers=_NO_STORE)


def _recovery(request: Request) -> Recovery:
    recovery: Recovery = request.app.state.recovery
    return recovery
