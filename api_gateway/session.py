"""A person's session in the browser: its cookie, and the checks that keep other sites out."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.context import gateway_of
from api_gateway.errors import Unauthenticated
from api_gateway.oauth.accounts import Accounts, Session, check_csrf
from broker.errors import Forbidden

_SESSION = "session"


class SignedIn(NamedTuple):
    """A session, and the cookie that opened it."""

    session: Session
    cookie: str


def accounts_of(request: Request) -> Accounts:
    """The accounts of the application that serves this request."""
    accounts: Accounts = request.app.state.accounts
    return accounts


async def find_session(request: Request) -> SignedIn | None:
    """Who is logged in in this browser, or None."""
    cookie = request.cookies.get(cookie_name(request, _SESSION), "")
    session = await accounts_of(request).session(cookie)
    return None if session is None else SignedIn(session, cookie)


async def signed_in(request: Request) -> SignedIn:
    """Who is logged in. Raises `Unauthenticated`; for what changes something `Forbidden` without the CSRF token."""
    found = await find_session(request)
    if found is None:
        raise Unauthenticated("log in first", error="login_required")
    if request.method not in ("GET", "HEAD"):
        refuse_other_sites(request)
        check_csrf(found.session, request.headers.get("x-csrf-token"))
    return found


def refuse_other_sites(request: Request) -> None:
    """Raises `Forbidden` for a request that a browser sends from another site's page (log-in CSRF among them)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this is only for the city's own pages")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this is only for the city's own pages")


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Give the browser its session: unreadable to scripts, never sent from other sites' forms, https only."""
    name = cookie_name(request, _SESSION)
    response.set_cookie(name, cookie, path="/", secure=secure(request), httponly=True, samesite="lax")


def clear_cookie(request: Request, response: Response) -> None:
    """Take it away."""
    name = cookie_name(request, _SESSION)
    response.delete_cookie(name, path="/", secure=secure(request), httponly=True, samesite="lax")


def secure(request: Request) -> bool:
    """Whether cookies are for https alone: everywhere but on loopback."""
    return gateway_of(request).settings.issuer.startswith("https")


def cookie_name(request: Request, name: str) -> str:
    """With https the prefix makes browsers refuse a cookie that another host of the domain tries to plant."""
    return f"__Host-{name}" if secure(request) else name
