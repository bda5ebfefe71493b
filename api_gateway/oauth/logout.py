"""What an app may ask for when a person logs out there (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from access.keys import ALGORITHM, KeyRing
from access.redirects import may_redirect
from api_gateway.oauth.clients import find_client
from broker.errors import Invalid
from broker.ports import Database

_LONGEST_STATE = 2000


class LogoutWish(NamedTuple):
    """A log-out that an app asks for: whose session, where it named one, and where the browser goes afterwards."""

    session_id: str | None
    subject: str | None
    redirect: str | None


class _Hint(msgspec.Struct, frozen=True):
    """What we read of an ID token of our own; it may have expired (RP-Initiated Logout 1.0, 2)."""

    iss: str
    sub: str
    aud: str
    sid: str | None = None


async def read_wish(database: Database, keys: KeyRing, issuer: str, query: Mapping[str, str]) -> LogoutWish:
    """What a request to the end-session endpoint asks for. Raises `Invalid` where it would send a browser astray."""
    hint = _hint(keys, issuer, query["id_token_hint"]) if "id_token_hint" in query else None
    named = query.get("client_id")
    if hint is not None and named is not None and named != hint.aud:
        raise Invalid("the ID token was issued to another app than client_id names", field="client_id")
    client_id = named or (hint.aud if hint else None)
    redirect = query.get("post_logout_redirect_uri")
    if redirect is None:
        return LogoutWish(hint.sid if hint else None, hint.sub if hint else None, None)
    if client_id is None:
        raise Invalid("to be sent back, name the app: client_id or id_token_hint", field="client_id")
    client = await find_client(database, client_id)
    if not may_redirect(client.logout_uris, redirect):
        raise Invalid("the app has not registered this post_logout_redirect_uri", field="post_logout_redirect_uri")
    if state := query.get("state", "")[:_LONGEST_STATE]:
        redirect += ("&" if "?" in redirect else "?") + urlencode({"state": state})
    return LogoutWish(hint.sid if hint else None, hint.sub if hint else None, redirect)


def _hint(keys: KeyRing, issuer: str, token: str) -> _Hint:
    wrong = Invalid("id_token_hint is no ID token of ours", field="id_token_hint")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
        key = keys.find(str(header.get("kid")))
        if key is None or header.get("typ") != "JWT":
            raise wrong
        payload = jws.deserialize_compact(token.encode("ascii"), key.key, [ALGORITHM]).payload
        hint = msgspec.json.decode(payload or b"", type=_Hint)
    except (JoseError, ValueError, msgspec.DecodeError) as error:
        raise wrong from error
    if hint.iss != issuer:
        raise wrong
    return hint
