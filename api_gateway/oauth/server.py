"""The authorisation server: Authlib's synchronous grants run in worker threads; this is their asynchronous face."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import anyio.from_thread
import anyio.to_thread
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request

from access.defaults import SCOPES
from access.keys import ALGORITHM, KeyRing
from access.people import scopes_of
from access.tokens import Claims, TokenVerifier, issue, sign
from api_gateway.oauth.accounts import Accounts, Person, Session
from api_gateway.oauth.clients import AUTH_METHODS, Client, find_client
from api_gateway.oauth.grants import (
    AuthorizationCode,
    ClientCredentials,
    Consented,
    Introspection,
    OnlyS256,
    PrivateKeyJwt,
    Refresh,
    Request,
    Revocation,
)
from api_gateway.oauth.keys import SigningKeys
from api_gateway.oauth.vault import Grant, Vault
from broker.errors import Invalid
from broker.ports import Database
from schemas.clock import Clock

GRANTS = (ClientCredentials.GRANT_TYPE, AuthorizationCode.GRANT_TYPE, Refresh.GRANT_TYPE)
PORTAL = "portal"
"""The pages served by this gateway, as an app; its client id is ``TENANT.portal``."""


class Answer(NamedTuple):
    """What the endpoint says, before it becomes a response."""

    status: int
    body: Any
    headers: list[tuple[str, str]]


class Wish(NamedTuple):
    """What an app wants a person to allow: shown before the person decides."""

    client_id: str
    client_name: str
    redirect_uri: str
    scopes: tuple[str, ...]


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """The city's authorisation server."""

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        verifier: TokenVerifier,
        accounts: Accounts,
        issuer: str,
        token_seconds: int,
        clock: Clock,
    ) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self._database = database
        self._keys = keys
        self._token_seconds = token_seconds
        self._clock = clock
        self.issuer = issuer
        self.verifier = verifier
        self.accounts = accounts
        self.vault = Vault(database, clock)
        self.register_grant(ClientCredentials)
        self.register_grant(AuthorizationCode, [OnlyS256(required=True)])
        self.register_grant(Refresh)
        self.register_token_generator("default", self._generate)
        audiences = [issuer, f"{issuer}/oauth/token"]
        self.register_client_auth_method("private_key_jwt", PrivateKeyJwt(audiences, self.vault))
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    async def token(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer a token request (RFC 6749, 3.2)."""
        return await anyio.to_thread.run_sync(self._token, form, headers)

    async def endpoint(self, name: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer a request to the endpoint `revocation` or `introspection`."""
        answer: Answer = await anyio.to_thread.run_sync(self.create_endpoint_response, name, Request(form, headers))
        return answer

    async def wish(self, query: Mapping[str, str]) -> Wish | Answer:
        """What an authorisation request asks for, or its refusal: a redirect back where that is safe, else 400."""
        return await anyio.to_thread.run_sync(self._wish, query)

    async def decide(self, query: Mapping[str, str], session: Session, *, allow: bool) -> Answer:
        """The answer once the person has decided: a redirect with a code, or with the error."""
        return await anyio.to_thread.run_sync(self._decide, query, session, allow)

    def portal_token(self, session: Session, scopes: frozenset[str]) -> dict[str, Any]:
        """An access token for the portal's own pages, ended with the session."""
        person = session.person
        scope = " ".join(sorted(scopes & session.scopes))
        roles = _roles_of(person, session.second_factor)
        return self._bearer(person.tenant, person.id, f"{person.tenant}.{PORTAL}", scope, session.grant, roles)

    def metadata(self) -> dict[str, Any]:
        """The server's description (RFC 8414, 2; OpenID Connect Discovery 1.0, 3)."""
        base = f"{self.issuer}/oauth"
        methods = list(AUTH_METHODS)
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke",
            "introspection_endpoint": f"{base}/introspect",
            "registration_endpoint": f"{base}/register",
            "userinfo_endpoint": f"{base}/userinfo",
            "end_session_endpoint": f"{base}/logout",
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "jwks_uri": f"{base}/jwks",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(GRANTS),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": [name for name in methods if name != "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
            "access_token_signing_alg_values_supported": [ALGORITHM],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "subject_types_supported": ["public"],
            "claims_supported": ["sub", "name", "email", "email_verified", "tenant", "auth_time", "amr", "sid"],
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": f"{self.issuer}/openapi.json",
        }

    def query_client(self, client_id: str) -> Client:
        return anyio.from_thread.run(find_client, self._database, client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Access tokens carry everything in themselves; refresh tokens were kept when they were made."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens to Authlib's signals here."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        return Answer(status, body, headers)

    def _token(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        answer: Answer = self.create_token_response(Request(form, headers))
        return answer

    def _wish(self, query: Mapping[str, str]) -> Wish | Answer:
        request = Request(query, {}, "GET")
        try:
            grant = self.get_consent_grant(request)
        except OAuth2Error as error:
            return self._refused(request, error)
        client: Client = grant.request.client
        scopes = tuple(sorted(set((request.payload.scope or "").split()) or client.scopes))
        return Wish(client.client_id, client.name, request.payload.redirect_uri, scopes)

    def _decide(self, query: Mapping[str, str], session: Session, allow: bool) -> Answer:
        request = Request(query, {}, "GET")
        try:
            grant = self.get_consent_grant(request, session.person)
        except OAuth2Error as error:
            return self._refused(request, error)
        if request.client.tenant != session.person.tenant:
            raise Invalid("this app belongs to another municipality than your account", field="client_id")
        request.session = session
        person = session.person if allow else None
        answer: Answer = self.create_authorization_response(request, grant_user=person, grant=grant)
        return self._with_issuer(answer)

    def _refused(self, request: Request, error: OAuth2Error) -> Answer:
        return self._with_issuer(self.handle_error_response(request, error))

    def _with_issuer(self, answer: Answer) -> Answer:
        """Name the issuer in a redirect (RFC 9207), so that an app of several servers is not mixed up."""
        if answer.status != 302:
            return answer
        issuer = self.issuer.replace(":", "%3A").replace("/", "%2F")
        headers = [
            (n, f"{v}{'&' if '?' in v else '?'}iss={issuer}" if n == "Location" else v) for n, v in answer.headers
        ]
        return answer._replace(headers=headers)

    def _generate(
        self, client: Client, user: Consented | None = None, scope: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """The answer to a good token request: for an app by itself, or with the grant that a person gave it."""
        if user is None:
            granted = client.get_allowed_scope(scope)
            return self._bearer(client.tenant, client.client_id, client.client_id, granted)
        person, grant = user
        theirs = scopes_of(person.roles, second_factor=True)
        scope = " ".join(sorted(set((scope or "").split()) & client.scopes & theirs))
        roles = _roles_of(person, grant.second_factor)
        token = self._bearer(client.tenant, person.id, client.client_id, scope, grant.id, roles)
        if options.get("include_refresh_token"):
            token["refresh_token"] = anyio.from_thread.run(self.vault.add_refresh, grant)
        if "openid" in scope.split():
            token["id_token"] = self._id_token(client, person, grant)
        return token

    def _bearer(
        self, tenant: str, subject: str, client_id: str, scope: str, grant: str = "", roles: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        now = int(self._clock().timestamp())
        claims = Claims(
            iss=self.issuer,
            sub=subject,
            aud=self.issuer,
            exp=now + self._token_seconds,
            iat=now,
            jti=secrets.token_urlsafe(16),
            client_id=client_id,
            tenant=tenant,
            scope=scope,
            grant=grant,
            roles=roles,
        )
        token = issue(self._ring, claims)
        return {"token_type": "Bearer", "access_token": token, "expires_in": self._token_seconds, "scope": scope}

    def _id_token(self, client: Client, person: Person, grant: Grant) -> str:
        """Who logged in, when and how (OpenID Connect Core 1.0, 2; `amr` in the words of RFC 8176)."""
        now = int(self._clock().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": person.id,
            "aud": client.client_id,
            "exp": now + self._token_seconds,
            "iat": now,
            "auth_time": int(grant.authenticated_at.timestamp()),
        }
        if grant.second_factor:
            claims["amr"] = ["otp", "mfa"]
        if grant.session_id is not None:
            claims["sid"] = grant.session_id
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return sign(self._ring, "JWT", claims)

    @property
    def _ring(self) -> KeyRing:
        return self._keys.ring


def _roles_of(person: Person, second_factor: bool) -> tuple[str, ...]:
    """The roles that a token says: as with scopes, staff have none of them before a one-time code."""
    return tuple(sorted(person.roles)) if second_factor else ()
