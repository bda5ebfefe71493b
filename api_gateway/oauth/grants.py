"""Authlib's grants and endpoints over our stores. They run in worker threads and reach back over a bridge."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

import anyio.from_thread
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, InvalidScopeError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from access.tokens import Claims, Refusal, TokenVerifier
from api_gateway.oauth.accounts import Accounts, Person, Session
from api_gateway.oauth.clients import AUTH_METHODS, Client
from api_gateway.oauth.vault import Grant, Vault

_METHODS: list[str] = list(AUTH_METHODS)
_CONFIDENTIAL = [method for method in AUTH_METHODS if method != "none"]
_LONGEST_ASSERTION = 300


class Request(OAuth2Request):  # type: ignore[misc]
    """A request to the authorisation server. Authlib refuses plain http by the URI it is told; we judge transport at
    our own edge (settings refuse a public address in plain http beyond loopback), so it is told of https."""

    def __init__(self, parameters: Mapping[str, str], headers: Mapping[str, str], method: str = "POST") -> None:
        super().__init__(method, "https://city-os/oauth", headers=dict(headers))
        self.payload = BasicOAuth2Payload(dict(parameters))
        self._form = dict(parameters)
        self.session: Session | None = None

    @property
    def form(self) -> dict[str, str]:
        return self._form

    @property
    def args(self) -> dict[str, str]:
        return self._form


class Consented(NamedTuple):
    """A person, and what they allowed the app: Authlib's "user"."""

    person: Person
    grant: Grant


def _refuse_ungranted(client: Client, asked: str | None) -> None:
    """Refuse what was not granted to the client, instead of quietly giving less (RFC 6749, 3.3 allows both)."""
    if not set((asked or "").split()) <= client.scopes:
        raise InvalidScopeError("a scope was asked for that is not granted to this client")


class ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = _CONFIDENTIAL

    def validate_requested_scope(self) -> None:
        _refuse_ungranted(self.request.client, self.request.payload.scope)


class OnlyS256(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, and only with S256 (OAuth 2.1, 4.1.1 and 7.5)."""

    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar[list[str]] = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        given = grant.request.payload.data
        if not given.get("code_challenge") or given.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is needed: code_challenge with code_challenge_method=S256")
        super().validate_code_challenge(grant, redirect_uri)


class AuthorizationCode(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = _METHODS

    def validate_requested_scope(self) -> None:
        _refuse_ungranted(self.request.client, self.request.payload.scope)

    def generate_authorization_code(self) -> str:
        return f"{self.request.client.tenant}.{secrets.token_urlsafe(32)}"

    def save_authorization_code(self, code: str, request: Request) -> None:
        """Keep the code with what the person can hand over at all: never more than their own."""
        session, client, data = request.session, request.client, request.payload.data
        assert session is not None, "only a person who is logged in allows anything"
        asked = set((request.payload.scope or "").split()) or client.scopes
        grant = Grant(
            tenant=client.tenant,
            id=secrets.token_urlsafe(16),
            client_id=client.client_id,
            user_id=session.person.id,
            scope=" ".join(sorted(asked & client.scopes & session.scopes)),
            authenticated_at=session.since,
            digest=b"",
            redirect_uri=request.payload.redirect_uri,
            code_challenge=data["code_challenge"],
            nonce=data.get("nonce"),
            session_id=session.session_id,
            second_factor=session.second_factor,
        )
        anyio.from_thread.run(self.server.vault.add_code, code, grant)

    def query_authorization_code(self, code: str, client: Client) -> Grant | None:
        vault: Vault = self.server.vault
        return anyio.from_thread.run(vault.find_code, code, client.client_id)

    def authenticate_user(self, authorization_code: Grant) -> Consented | None:
        """The person, with the code used up: of two who come at once only one gets through."""
        if not anyio.from_thread.run(self.server.vault.use_code, authorization_code):
            return None
        return _consented(self.server.accounts, authorization_code)

    def delete_authorization_code(self, authorization_code: Grant) -> None:
        """Used codes stay for a while, so that a second use is noticed."""


class Refresh(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = _METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
        """What the token stands for. One that was used before is a stolen one, or its thief's: the grant ends."""
        vault: Vault = self.server.vault
        grant = anyio.from_thread.run(vault.find_refresh, refresh_token)
        if grant is None or grant.client_id != self.request.client.client_id:
            return None
        if grant.ended:
            anyio.from_thread.run(vault.end, grant.tenant, grant.id)
            return None
        return grant

    def authenticate_user(self, refresh_token: Grant) -> Consented | None:
        if not anyio.from_thread.run(self.server.vault.use_refresh, refresh_token):
            return None
        return _consented(self.server.accounts, refresh_token)

    def revoke_old_credential(self, refresh_token: Grant) -> None:
        """It was used up when the person was looked up."""


def _consented(accounts: Accounts, grant: Grant) -> Consented | None:
    person = anyio.from_thread.run(accounts.find, grant.tenant, grant.user_id)
    return None if person is None else Consented(person, grant)


class PrivateKeyJwt(JWTBearerClientAssertion):  # type: ignore[misc]
    """private_key_jwt (RFC 7523, OpenID Connect Core 9): signed with a key registered in the client's JWK Set."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, audiences: list[str], vault: Vault) -> None:
        super().__init__()
        self._audiences = audiences
        self._vault = vault

    def get_audiences(self) -> list[str]:
        return self._audiences

    def resolve_client_public_key(self, client: Client) -> KeySet:
        if client.jwks is None:
            raise InvalidClientError(description="the client has no registered keys")
        return KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        expires, now = claims["exp"], datetime.now(UTC).timestamp()
        if not isinstance(jti, str) or not 0 < len(jti) <= 200 or expires > now + _LONGEST_ASSERTION:
            raise InvalidClientError(description=f"an assertion has a jti and lives {_LONGEST_ASSERTION} s at most")
        until = datetime.fromtimestamp(expires, UTC)
        return bool(anyio.from_thread.run(self._vault.see_assertion, claims["sub"], jti, until))


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009. A refresh token takes its whole grant along; an access token goes alone."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = _METHODS

    def query_token(self, token_string: str, _hint: str | None) -> Grant | _AccessToken | None:
        return _find(self.server.vault, self.server.verifier, token_string)

    def revoke_token(self, token: Grant | _AccessToken, _request: Any) -> None:
        vault: Vault = self.server.vault
        if isinstance(token, Grant):
            anyio.from_thread.run(vault.end, token.tenant, token.id)
        else:
            anyio.from_thread.run(vault.revoke_token, token.claims.tenant, token.claims.jti)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662, for clients of the token's own tenant that hold a secret or key."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = _CONFIDENTIAL

    def check_permission(self, token: Grant | _AccessToken, client: Client, _request: Any) -> bool:
        return token.tenant == client.tenant

    def query_token(self, token_string: str, _hint: str | None) -> Grant | _AccessToken | None:
        found = _find(self.server.vault, self.server.verifier, token_string)
        return None if isinstance(found, Grant) and found.ended else found

    def create_introspection_payload(self, token: Grant | _AccessToken | None) -> dict[str, Any]:
        if token is None:
            return {"active": False}
        if isinstance(token, Grant):
            expires = int(token.expires_at.timestamp()) if token.expires_at else 0
            about = {"client_id": token.client_id, "sub": token.user_id, "scope": token.scope, "exp": expires}
            return {"active": True, "token_type": "refresh_token", "iss": self.server.issuer, **about}
        claims = token.claims
        about = {"client_id": claims.client_id, "sub": claims.sub, "scope": claims.scope, "exp": claims.exp}
        more = {"iat": claims.iat, "aud": claims.aud, "iss": claims.iss, "jti": claims.jti, "tenant": claims.tenant}
        return {"active": True, "token_type": "Bearer", **about, **more}


class _AccessToken:
    """A good access token, as Authlib's endpoints ask about it."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.tenant = claims.tenant

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.claims.client_id


def _find(vault: Vault, verifier: TokenVerifier, token: str) -> Grant | _AccessToken | None:
    if token.count(".") == 2:
        claims = verifier.claims(token)
        return None if isinstance(claims, Refusal) else _AccessToken(claims)
    return anyio.from_thread.run(vault.find_refresh, token)


def parse_jwks(text: Any) -> dict[str, Any]:
    """A client's JWK Set of public ES256 or RS256 keys. Raises ValueError saying what is wrong."""
    try:
        keys = KeySet.import_key_set(text)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this is no JWK Set: {error}") from error
    if not 1 <= len(keys.keys) <= 10:
        raise ValueError("a JWK Set for a client has one to ten keys")
    if any(key.key_type not in ("EC", "RSA", "OKP") or key.is_private for key in keys.keys):
        raise ValueError("a client's keys are public EC, RSA or OKP keys; never send a private or symmetric one")
    made: dict[str, Any] = json.loads(json.dumps(keys.as_dict(private=False)))
    return made
