"""The authorisation server's endpoints (RFC 6749, 7009, 7517, 7591, 7592, 7662, 8414; OpenID Connect)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api_gateway.audit import Line, note, note_alone
from api_gateway.auth import gate_of
from api_gateway.body import read_body, read_json
from api_gateway.context import gateway_of
from api_gateway.errors import Unauthenticated
from api_gateway.oauth import registration
from api_gateway.oauth.logout import read_wish
from api_gateway.oauth.server import GRANTS, OAuthServer, Wish
from api_gateway.openapi import PROBLEMS
from api_gateway.session import accounts_of, clear_cookie, find_session
from api_gateway.usage.attempts import Attempts
from broker.errors import Forbidden

router = APIRouter(tags=["access"])

_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 16 * 1024
_LOGOUT_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
_TOKEN_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": list(GRANTS)},
                        "scope": {"type": "string", "example": "entities:write"},
                        "client_id": {"type": "string", "description": "unless sent by HTTP Basic"},
                        "client_secret": {"type": "string", "description": "unless sent by HTTP Basic"},
                        "code": {"type": "string", "description": "of authorization_code"},
                        "redirect_uri": {"type": "string", "description": "of authorization_code"},
                        "code_verifier": {"type": "string", "description": "of authorization_code (PKCE)"},
                        "refresh_token": {"type": "string", "description": "of refresh_token; good once"},
                    },
                }
            }
        },
    },
}
_TOKEN_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": {"token_type": "Bearer", "access_token": "eyJ…",
                                                       "expires_in": 3600, "scope": "entities:write"}}}},
    400: {"description": "an error of RFC 6749, 5.2"},
    401: {"description": "the client did not prove who it is"},
}  # fmt: skip

_TOKEN_PARAMETER = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["token"],
                    "properties": {"token": {"type": "string"}, "token_type_hint": {"type": "string"}},
                }
            }
        },
    }
}
_CLIENT_ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "an error of RFC 6749, 5.2"},
    401: {"description": "the client did not prove who it is"},
}


def _server(request: Request) -> OAuthServer:
    server: OAuthServer = request.app.state.oauth
    return server


@router.post("/oauth/token", summary="Get an access token", openapi_extra=_TOKEN_FORM, responses=_TOKEN_ANSWERS)
async def token(request: Request) -> JSONResponse:
    """Client credentials, authorization code with PKCE, or refresh. Errors are those of RFC 6749, 5.2."""
    form = await _form(request)
    if isinstance(form, JSONResponse):
        return form
    answer = await _server(request).token(form, _headers(request))
    return JSONResponse(answer.body, answer.status, dict(answer.headers))


async def _form(request: Request) -> dict[str, str] | JSONResponse:
    """The form's parameters, or the answer that refuses them."""
    body = await read_body(request, _MOST_BYTES)
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        return _invalid(f"send the parameters as {_FORM}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return _invalid("the form cannot be read")
    form = dict(pairs)
    return form if len(form) == len(pairs) else _invalid("a parameter is given twice")


def _headers(request: Request) -> dict[str, str]:
    return {name.title(): value for name, value in request.headers.items()}


def _invalid(why: str) -> JSONResponse:
    return JSONResponse({"error": "invalid_request", "error_description": why}, 400, {"Cache-Control": "no-store"})


@router.get("/.well-known/oauth-authorization-server", summary="Where and how to get tokens")
async def metadata(request: Request) -> dict[str, Any]:
    """The authorisation server's metadata (RFC 8414)."""
    return _server(request).metadata()


@router.get("/.well-known/openid-configuration", summary="The same for OpenID Connect")
async def openid_configuration(request: Request) -> dict[str, Any]:
    """The provider's metadata (OpenID Connect Discovery 1.0)."""
    return _server(request).metadata()


@router.get("/oauth/jwks", summary="The keys that tokens are signed with")
async def jwks(request: Request) -> JSONResponse:
    """The public keys as a JWK Set, active and retired ones whose tokens may still live."""
    return JSONResponse(gateway_of(request).keys.ring.jwks(), headers={"Cache-Control": "public, max-age=300"})


@router.get("/oauth/authorize", summary="Ask a person to allow an app something", status_code=302)
async def authorize(request: Request) -> Response:
    """Authorization code with PKCE (RFC 6749, 4.1; RFC 7636). Sends the browser to the page that asks the person.

    A wrong client or redirect URI is answered here: nobody is ever sent to an address that is not registered.
    """
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        return _invalid("a parameter is given twice")
    wish = await _server(request).wish(query)
    if isinstance(wish, Wish):
        location = f"/authorize.html?{urlencode(query)}"
        return RedirectResponse(location, 302, {"Cache-Control": "no-store"})
    if wish.status == 302:
        return RedirectResponse(dict(wish.headers)["Location"], 302, {"Cache-Control": "no-store"})
    return JSONResponse(wish.body, 400, {"Cache-Control": "no-store"})


@router.post("/oauth/revoke", summary="Give a token back", openapi_extra=_TOKEN_PARAMETER, responses=_CLIENT_ANSWERS)
async def revoke(request: Request) -> JSONResponse:
    """RFC 7009. A refresh token ends all that came of the same consent, access tokens included."""
    return await _endpoint(request, "revocation")


@router.post(
    "/oauth/introspect", summary="What a token is good for", openapi_extra=_TOKEN_PARAMETER, responses=_CLIENT_ANSWERS
)
async def introspect(request: Request) -> JSONResponse:
    """RFC 7662, for apps of the token's own municipality that can keep a secret."""
    return await _endpoint(request, "introspection")


async def _endpoint(request: Request, name: str) -> JSONResponse:
    form = await _form(request)
    if isinstance(form, JSONResponse):
        return form
    answer = await _server(request).endpoint(name, form, _headers(request))
    return JSONResponse(answer.body, answer.status, {**dict(answer.headers), "Cache-Control": "no-store"})


@router.get("/oauth/logout", summary="Ask a person to log out here too", status_code=302)
@router.post("/oauth/logout", summary="The same by POST", operation_id="logout_by_post", status_code=302)
async def end_session(request: Request) -> Response:
    """OpenID Connect RP-Initiated Logout 1.0. A session that the app's ID token names ends at once; else the person is
    asked. Nobody is sent to an address that the app has not registered."""
    query = dict(request.query_params)
    if request.method == "POST":
        form = await _form(request)
        if isinstance(form, JSONResponse):
            return form
        query = form
    services = gateway_of(request)
    wish = await read_wish(services.database, services.keys.ring, services.settings.issuer, query)
    found = await find_session(request)
    place = wish.redirect or "/login.html"
    if found is not None and wish.session_id != found.session.session_id:
        named = {name: value for name, value in query.items() if name in _LOGOUT_PARAMETERS}
        return RedirectResponse(f"/logout.html?{urlencode(named)}", 302, {"Cache-Control": "no-store"})
    response = RedirectResponse(place, 302, {"Cache-Control": "no-store"})
    if found is not None:
        await accounts_of(request).log_out(found.session, found.cookie)
        person = found.session.person
        await note_alone(
            request, person.tenant, Line("logout", person.id, person.id, detail=query.get("client_id", ""))
        )
        clear_cookie(request, response)
    return response


@router.get("/oauth/logout/wish", summary="Where an app wants the browser to go after logging out")
async def logout_wish(request: Request) -> JSONResponse:
    """For the page that asks the person; takes the query of the end-session endpoint."""
    services = gateway_of(request)
    query = dict(request.query_params)
    wish = await read_wish(services.database, services.keys.ring, services.settings.issuer, query)
    return JSONResponse({"redirect": wish.redirect}, headers={"Cache-Control": "no-store"})


@router.get("/oauth/userinfo", summary="Who allowed this app", responses=PROBLEMS)
@router.post("/oauth/userinfo", summary="The same by POST", operation_id="userinfo_by_post", responses=PROBLEMS)
async def userinfo(request: Request) -> JSONResponse:
    """OpenID Connect Core 1.0, 5.3: what the token's scopes (openid, profile, email) allow to be told."""
    caller = await gate_of(request).caller(request)
    subject = caller.subject
    if subject.kind != "person" or "openid" not in subject.scopes:
        raise Forbidden("userinfo needs a token that a person allowed with the scope openid")
    person = await accounts_of(request).find(caller.tenant, subject.id)
    if person is None:
        raise Unauthenticated("the account is closed", error="invalid_token")
    about: dict[str, Any] = {"sub": person.id, "tenant": person.tenant}
    if "profile" in subject.scopes:
        about["name"] = person.name
    if "email" in subject.scopes:
        about |= {"email": person.login, "email_verified": person.email_verified}
    return JSONResponse(about, headers={"Cache-Control": "no-store"})


@router.post("/oauth/register", status_code=201, summary="Register an app by a program", responses=PROBLEMS)
async def register(request: Request) -> JSONResponse:
    """RFC 7591. What is open is granted at once; other scopes wait for the municipality (`pending_scope`)."""
    attempts: Attempts = request.app.state.attempts
    await attempts.count(request)
    data = await read_json(request, _MOST_BYTES)
    tenant = (await gate_of(request).caller(request)).tenant
    try:
        metadata = registration.read_metadata(data)
    except registration.RegistrationRefused as error:
        return _refused(error)
    async with gateway_of(request).database.transaction(tenant) as tx:
        made = await registration.register_app(tx, tenant, metadata, None)
        await note(tx, request, Line("app.register", made["client_id"], detail=metadata.scope))
    return JSONResponse(made | _place(request, made["client_id"]), 201, {"Cache-Control": "no-store"})


@router.get("/oauth/register/{client_id}", summary="What is registered of an app", responses=PROBLEMS)
async def registered(request: Request, client_id: str) -> JSONResponse:
    """RFC 7592, with the registration access token."""
    token, tenant = _registration_token(request), client_id.partition(".")[0]
    async with gateway_of(request).database.transaction(tenant) as tx:
        about = await registration.read_app(tx, client_id, token)
    return JSONResponse(about | _place(request, client_id), headers={"Cache-Control": "no-store"})


@router.put("/oauth/register/{client_id}", summary="Change what is registered of an app", responses=PROBLEMS)
async def change_registration(request: Request, client_id: str) -> JSONResponse:
    """RFC 7592, with the registration access token. The whole metadata is sent again."""
    token, tenant = _registration_token(request), client_id.partition(".")[0]
    data = await read_json(request, _MOST_BYTES)
    try:
        metadata = registration.read_metadata(data)
        async with gateway_of(request).database.transaction(tenant) as tx:
            about = await registration.update_app(tx, client_id, token, metadata)
            await note(tx, request, Line("app.change", client_id, detail=metadata.scope))
    except registration.RegistrationRefused as error:
        return _refused(error)
    return JSONResponse(about | _place(request, client_id), headers={"Cache-Control": "no-store"})


def _registration_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send the registration access token as: Bearer TOKEN")
    return token.strip()


def _refused(error: registration.RegistrationRefused) -> JSONResponse:
    body = {"error": error.code, "error_description": str(error)}
    return JSONResponse(body, 400, {"Cache-Control": "no-store"})


def _place(request: Request, client_id: str) -> dict[str, str]:
    return {"registration_client_uri": f"{gateway_of(request).settings.issuer}/oauth/register/{client_id}"}
