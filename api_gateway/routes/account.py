"""Accounts as the portal's pages use them: sign up, log in, the second factor, what apps ask, and one's own apps.

These routes take the session's cookie, and a CSRF token for whatever changes something; all other routes take bearer
tokens and never a cookie, so no other site can make a browser use them.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api_gateway.answers import answer
from api_gateway.audit import Line, note, note_alone
from api_gateway.context import gateway_of
from api_gateway.errors import Unauthenticated
from api_gateway.oauth import registration
from api_gateway.oauth.accounts import Session
from api_gateway.oauth.recovery import Recovery
from api_gateway.oauth.server import PORTAL, OAuthServer, Wish
from api_gateway.openapi import PROBLEMS
from api_gateway.outside.logins import OutsideLogins
from api_gateway.session import (
    accounts_of,
    clear_cookie,
    find_session,
    refuse_other_sites,
    set_cookie,
    signed_in,
)
from api_gateway.usage.attempts import Attempts
from broker.errors import Invalid, UnknownTenant

router = APIRouter(prefix="/account", tags=["account"], responses=PROBLEMS)

_Short = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignUp(_Body):
    login: _Short
    name: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    password: _Short
    tenant: _Short | None = None


class LogIn(_Body):
    login: _Short
    password: _Short
    code: Annotated[str, Field(max_length=10)] | None = None
    tenant: _Short | None = None


class Code(_Body):
    code: Annotated[str, Field(max_length=10)]


class Choice(_Body):
    query: dict[str, Annotated[str, Field(max_length=4000)]] = Field(max_length=20)
    allow: bool


class TokenWish(_Body):
    scope: _Short = ""


async def guard(request: Request) -> None:
    """For what strangers may try: only from our own pages, and not too often. Raises `Forbidden` or `TooMany`."""
    refuse_other_sites(request)
    attempts: Attempts = request.app.state.attempts
    await attempts.count(request)


def tenant_of(request: Request, named: str | None) -> str:
    """The tenant named, or the default one."""
    return named or gateway_of(request).settings.default_tenant


@router.post("/signup", status_code=201, summary="Make an account")
async def sign_up(request: Request, body: SignUp) -> Response:
    """For developers and residents. Roles are given by the municipality, never asked for.

    Where the city confirms addresses, the answer is the same whether or not the address has an account already (`id`
    null), and a link comes by mail.
    """
    await guard(request)
    tenant = tenant_of(request, body.tenant)
    if gateway_of(request).settings.confirm_mail:
        recovery: Recovery = request.app.state.recovery
        await recovery.sign_up(tenant, body.login, body.name, body.password)
        await note_alone(request, tenant, Line("signup", body.login.strip().lower()))
        return answer({"id": None}, 201)
    user_id = await accounts_of(request).create(tenant, body.login, body.name, body.password)
    await note_alone(request, tenant, Line("signup", user_id, user_id))
    return answer({"id": user_id}, 201)


@router.post("/login", summary="Log in")
async def log_in(request: Request, body: LogIn) -> Response:
    """Sets the session's cookie. `error` is code_needed where only the one-time code is missing."""
    await guard(request)
    tenant = tenant_of(request, body.tenant)
    try:
        cookie = await accounts_of(request).log_in(tenant, body.login, body.password, body.code)
    except Unauthenticated as error:
        if error.error == "refused":
            await _note_refusal(request, tenant, body.login)
        return answer({"error": error.error, "detail": str(error)}, 401)
    session = await accounts_of(request).session(cookie)
    assert session is not None, "a session just opened is open"
    await note_alone(request, tenant, Line("login", session.person.id, session.person.id))
    response = answer(_about(session))
    set_cookie(request, response, cookie)
    return response


async def _note_refusal(request: Request, tenant: str, login: str) -> None:
    """For the audit, unless the tenant itself is made up (there is nobody to tell)."""
    try:
        await note_alone(request, tenant, Line("login", login.strip().lower(), allowed=False))
    except UnknownTenant:
        return


@router.get("/session", summary="Who is logged in")
async def session(request: Request) -> Response:
    """`person` null where nobody is. `csrf` goes into the header X-CSRF-Token of whatever changes something."""
    found = await find_session(request)
    return answer(_about(found.session) if found else {"person": None})


@router.post("/logout", summary="Log out")
async def log_out(request: Request) -> Response:
    """Ends the session and calls back the portal's tokens.

    `redirect` is where the browser ends its session at the outside provider too, null where there is none.
    """
    found = await signed_in(request)
    await accounts_of(request).log_out(found.session, found.cookie)
    person = found.session.person
    await note_alone(request, person.tenant, Line("logout", person.id, person.id))
    outside: OutsideLogins = request.app.state.outside
    place = await outside.after_logout(found.session)
    response = answer({"redirect": place})
    clear_cookie(request, response)
    return response


@router.post("/second-factor", summary="Begin to use an authenticator")
async def offer_second_factor(request: Request) -> Response:
    """Returns an otpauth: address, to be shown as a code or typed in; it counts once confirmed."""
    found = await signed_in(request)
    return answer({"address": await accounts_of(request).offer_second_factor(found.session)})


@router.post("/second-factor/confirm", summary="Show that the authenticator works")
async def confirm_second_factor(request: Request, body: Code) -> Response:
    """From now on logging in takes a code too, and this session counts as one with it."""
    found = await signed_in(request)
    await accounts_of(request).confirm_second_factor(found.session, found.cookie, body.code)
    person = found.session.person
    await note_alone(request, person.tenant, Line("second-factor", person.id, person.id))
    return answer({})


@router.post("/second-factor/show", summary="Show the one-time code after logging in elsewhere")
async def show_second_factor(request: Request, body: Code) -> Response:
    """For a session that an outside provider opened: it counts as one with both factors from now on."""
    await guard(request)
    found = await signed_in(request)
    await accounts_of(request).show_second_factor(found.session, found.cookie, body.code)
    return answer({})


@router.post("/token", summary="An access token for the portal's own pages")
async def token(request: Request, body: TokenWish) -> Response:
    """With all that the person may do, or with the scopes asked for of them. It ends with the session."""
    found = await signed_in(request)
    wanted = frozenset(body.scope.split()) or found.session.scopes
    return answer(_server(request).portal_token(found.session, wanted))


@router.get("/authorization", summary="What an app asks this person to allow")
async def authorization(request: Request) -> Response:
    """Takes the query of an authorisation request. Scopes that the person does not have are marked as not given."""
    wish = await _server(request).wish(dict(request.query_params))
    if not isinstance(wish, Wish):
        return answer({"redirect": dict(wish.headers).get("Location"), "error": wish.body or None})
    found = await find_session(request)
    theirs = found.session.scopes if found else frozenset()
    scopes = [{"scope": scope, "given": scope in theirs} for scope in wish.scopes]
    person = _about(found.session)["person"] if found else None
    csrf = found.session.csrf if found else None
    return answer({"client": wish.client_name, "redirectUri": wish.redirect_uri, "scopes": scopes,
                     "person": person, "csrf": csrf})  # fmt: skip


@router.post("/authorization", summary="Allow it, or not")
async def decide_authorization(request: Request, body: Choice) -> Response:
    """Returns where to send the browser: back to the app with a code, or with the error access_denied."""
    found = await signed_in(request)
    person = found.session.person
    decided = await _server(request).decide(body.query, found.session, allow=body.allow)
    location = dict(decided.headers).get("Location")
    if location is None:
        raise Invalid(str(decided.body.get("error_description") or decided.body.get("error")), field="query")
    client = body.query.get("client_id", "")
    line = Line("authorize", client, person.id, f"{person.tenant}.{PORTAL}", allowed=body.allow,
                detail=body.query.get("scope", ""))  # fmt: skip
    await note_alone(request, person.tenant, line)
    return answer({"redirect": location})


@router.get("/apps", summary="The apps I registered")
async def apps(request: Request) -> Response:
    """Without their secrets, with what each may ask and has asked this month."""
    person = (await signed_in(request)).session.person
    async with gateway_of(request).database.transaction(person.tenant) as tx:
        mine = await registration.apps_of(tx, person.id)
    meter = request.app.state.meter
    return answer({"apps": [app | {"quota": meter.allowance(person.tenant, app["client_id"])} for app in mine]})


@router.post("/apps", status_code=201, summary="Register an app")
async def register(request: Request, body: dict[str, Any]) -> Response:
    """As RFC 7591 has it, with me as the owner. The secret is shown this once."""
    person = (await signed_in(request)).session.person
    metadata = registration.read_metadata(body)
    async with gateway_of(request).database.transaction(person.tenant) as tx:
        made = await registration.register_app(tx, person.tenant, metadata, person.id)
        line = Line("app.register", made["client_id"], person.id, detail=metadata.scope)
        await note(tx, request, line)
    return answer(made, 201)


@router.post("/apps/{client_id}/secret", summary="A new secret for my app")
async def new_secret(request: Request, client_id: str) -> Response:
    """The old one is good no more. The new one is shown this once."""
    person = (await signed_in(request)).session.person
    async with gateway_of(request).database.transaction(person.tenant) as tx:
        secret = await registration.new_secret(tx, person.id, client_id)
        await note(tx, request, Line("app.secret", client_id, person.id))
    return answer({"client_id": client_id, "client_secret": secret})


def _server(request: Request) -> OAuthServer:
    server: OAuthServer = request.app.state.oauth
    return server


def _about(session: Session) -> dict[str, Any]:
    person = session.person
    return {
        "person": {
            "id": person.id,
            "tenant": person.tenant,
            "login": person.login,
            "name": person.name,
            "roles": sorted(person.roles),
            "hasSecondFactor": person.has_second_factor,
        },
        "csrf": session.csrf,
        "secondFactorDue": session.second_factor_due,
        "scopes": sorted(session.scopes),
    }
