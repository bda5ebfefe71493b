"""Logging in with an outside provider, linking one's account with it, and its word that somebody has logged out."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from api_gateway.audit import Line, note, note_alone
from api_gateway.body import read_body
from api_gateway.context import gateway_of
from api_gateway.openapi import PROBLEMS
from api_gateway.outside.logins import Begun, OutsideLogins, Turned, links_of, unlink
from api_gateway.outside.provider import NotProved
from api_gateway.routes.account import guard, tenant_of
from api_gateway.session import cookie_name, find_session, secure, set_cookie, signed_in
from api_gateway.usage.attempts import Attempts
from broker.errors import Forbidden, Unavailable

router = APIRouter(prefix="/account/outside", tags=["account"], responses=PROBLEMS)

_COOKIE = "outside"
_SECONDS = 600
_MOST_BYTES = 16 * 1024
_NO_STORE = {"Cache-Control": "no-store"}
_TOKEN = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string"}},
                }
            }
        },
    }
}


class Place(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    next: str = Field("/account.html", max_length=2000, pattern=r"^[^\x00]*$")


@router.get("", summary="With which outside providers one can log in")
async def providers(
    request: Request, tenant: Annotated[str | None, Query(max_length=50, pattern=r"^[a-z][a-z0-9_]*$")] = None
) -> JSONResponse:
    """`providers` with their titles, and `links`: those with which the account logged in is linked."""
    found = await find_session(request)
    links: list[Any] = []
    if found is not None:
        async with gateway_of(request).database.transaction(found.session.person.tenant) as tx:
            links = [
                {**row, "linkedAt": row["linkedAt"].isoformat()} for row in await links_of(tx, found.session.person.id)
            ]
    chosen = found.session.person.tenant if found else tenant_of(request, tenant)
    return JSONResponse({"providers": await _logins(request).providers(chosen), "links": links}, headers=_NO_STORE)


@router.get("/{provider_id}", summary="Log in there", status_code=302)
async def begin(
    request: Request, provider_id: str, next: Annotated[str, Query(max_length=2000, pattern=r"^[^\x00]*$")] = ""
) -> Response:
    """Sends the browser to the provider, which sends it back to `…/callback`."""
    await guard(request)
    try:
        begun = await _logins(request).begin(provider_id, _browser(request), _inside(next), None)
    except Turned as turned:
        return await _turned(request, provider_id, turned)
    return _sent(request, begun, RedirectResponse(begun.url, 302, _NO_STORE))


@router.post("/{provider_id}/link", summary="Link my account with a person there")
async def link(request: Request, provider_id: str, body: Place) -> Response:
    """Returns where to send the browser; who comes back from there logs in to this account from then on."""
    found = await signed_in(request)
    if found.session.second_factor_due:
        raise Forbidden("show your one-time code first: staff link accounts with both factors")
    person = found.session.person
    if provider_id.partition(".")[0] != person.tenant:
        raise Forbidden("this provider belongs to another municipality than your account")
    try:
        begun = await _logins(request).begin(provider_id, _browser(request), _inside(body.next), person.id)
    except Turned as turned:
        raise Unavailable(str(turned)) from turned
    return _sent(request, begun, JSONResponse({"redirect": begun.url}, headers=_NO_STORE))


@router.post("/{provider_id}/unlink", summary="Take that link away")
async def take_away(request: Request, provider_id: str) -> JSONResponse:
    """Refused where nothing else opens the account."""
    person = (await signed_in(request)).session.person
    async with gateway_of(request).database.transaction(person.tenant) as tx:
        await unlink(tx, person.id, provider_id)
        await note(tx, request, Line("outside.unlink", provider_id, person.id))
    return JSONResponse({}, headers=_NO_STORE)


@router.get("/{provider_id}/callback", summary="Come back from there", status_code=302)
async def callback(request: Request, provider_id: str) -> Response:
    """Opens a session, or makes the link. Whatever goes wrong is said on the page that asks to log in."""
    attempts: Attempts = request.app.state.attempts
    await attempts.count(request)
    found = await find_session(request)
    pairs = request.query_params.multi_items()
    try:
        if len(dict(pairs)) != len(pairs):
            raise Turned("failed", "a parameter is given twice")
        session = found.session if found else None
        entered = await _logins(request).finish(provider_id, dict(pairs), _browser(request), session)
    except Turned as turned:
        return await _turned(request, provider_id, turned)
    tenant = entered.user_id.partition(".")[0]
    action = "login" if entered.cookie is not None else "outside.link"
    await note_alone(request, tenant, Line(action, entered.user_id, entered.user_id, detail=provider_id))
    place = entered.next or "/login.html"
    response = RedirectResponse(place, 302, _NO_STORE)
    response.delete_cookie(cookie_name(request, _COOKIE), path="/", secure=secure(request), httponly=True)
    if entered.cookie is not None:
        set_cookie(request, response, entered.cookie)
    return response


@router.post("/{provider_id}/logout", summary="A provider says that somebody has logged out", openapi_extra=_TOKEN)
async def logged_out(request: Request, provider_id: str) -> JSONResponse:
    """OpenID Connect Back-Channel Logout 1.0, 2.5: ends the sessions that began there, and what came of them."""
    body = (await read_body(request, _MOST_BYTES)).decode(errors="replace")
    try:
        form = dict(parse_qsl(body, max_num_fields=20))
        whose = await _logins(request).logged_out(provider_id, form.get("logout_token", ""))
    except (NotProved, ValueError) as error:
        answer = {"error": "invalid_request", "error_description": str(error)}
        return JSONResponse(answer, 400, _NO_STORE)
    for user_id in whose:
        await note_alone(request, provider_id.partition(".")[0], Line("logout", user_id, detail=provider_id))
    return JSONResponse({}, headers=_NO_STORE)


async def _turned(request: Request, provider_id: str, turned: Turned) -> Response:
    tenant = provider_id.partition(".")[0]
    await note_alone(request, tenant, Line("login", provider_id, allowed=False, detail=str(turned)))
    return RedirectResponse(f"/login.html?{urlencode({'outside': turned.reason})}", 302, _NO_STORE)


def _inside(place: str) -> str:
    """A place on this site, or none: nobody is sent elsewhere (open redirect)."""
    return place if place.startswith("/") and not place.startswith(("//", "/\\")) else ""


def _browser(request: Request) -> str:
    return request.cookies.get(cookie_name(request, _COOKIE), "")[:100]


def _sent(request: Request, begun: Begun, response: Response) -> Response:
    """With the cookie that ties what comes back to this browser; lax, since the way back begins at another site."""
    response.set_cookie(cookie_name(request, _COOKIE), begun.browser, max_age=_SECONDS, path="/",
                        secure=secure(request), httponly=True, samesite="lax")  # fmt: skip
    return response


def _logins(request: Request) -> OutsideLogins:
    logins: OutsideLogins = request.app.state.outside
    return logins
