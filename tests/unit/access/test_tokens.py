"""Tokens: what is believed, and every way in which one is not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from access.keys import KeyRing, SigningKey, load_key, new_key
from access.policy import Subject
from access.tokens import Claims, Refusal, TokenVerifier, Why, issue

ISSUER = "https://city.example"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key()


def claims(**other: Any) -> Claims:
    good = Claims(
        iss=ISSUER,
        sub="fukui.app",
        aud=ISSUER,
        exp=int(NOW.timestamp()) + 3600,
        iat=int(NOW.timestamp()),
        jti="1",
        client_id="fukui.app",
        tenant="fukui",
        scope="entities:write entities:read",
    )
    return msgspec.structs.replace(good, **other)


def verifier(key: SigningKey, clock: Clock | None = None) -> TokenVerifier:
    return TokenVerifier(ISSUER, ISSUER, KeyRing([key]), clock or Clock())


def why(found: Subject | Refusal) -> Why:
    assert isinstance(found, Refusal), found
    return found.why


def test_a_good_token_names_its_bearer(key: SigningKey) -> None:
    subject = verifier(key).subject(issue(KeyRing([key]), claims()))
    assert subject == Subject(
        "app", "fukui.app", "fukui", frozenset({"entities:write", "entities:read"}), client="fukui.app"
    )


def test_a_person_is_no_app(key: SigningKey) -> None:
    subject = verifier(key).subject(issue(KeyRing([key]), claims(sub="hanako")))
    assert isinstance(subject, Subject)
    assert subject.kind == "person"


def test_a_token_remembered_as_good_still_expires(key: SigningKey) -> None:
    clock = Clock()
    verify = verifier(key, clock)
    token = issue(KeyRing([key]), claims())
    assert isinstance(verify.subject(token), Subject)
    clock.now = NOW + timedelta(seconds=3599)
    assert isinstance(verify.subject(token), Subject)
    clock.now = NOW + timedelta(seconds=3600)
    assert why(verify.subject(token)) is Why.EXPIRED


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, Why.ISSUER),
        ({"aud": "https://other-api.example"}, Why.AUDIENCE),
        ({"exp": int(NOW.timestamp())}, Why.EXPIRED),
        ({"iat": int(NOW.timestamp()) + 61}, Why.NOT_YET),
    ],
)
def test_wrong_claims(key: SigningKey, other: dict[str, Any], reason: Why) -> None:
    assert why(verifier(key).subject(issue(KeyRing([key]), claims(**other)))) is reason


def test_a_token_of_another_key_with_our_key_id_is_forged(key: SigningKey) -> None:
    forger = SigningKey(key.id, new_key().key)
    assert why(verifier(key).subject(issue(KeyRing([forger]), claims()))) is Why.SIGNATURE


def test_a_key_taken_off_the_ring_takes_its_tokens_along(key: SigningKey) -> None:
    verify = verifier(key)
    token = issue(KeyRing([key]), claims())
    assert isinstance(verify.subject(token), Subject)
    verify.use(KeyRing([new_key()]))
    assert why(verify.subject(token)) is Why.UNKNOWN_KEY


def test_after_a_rotation_both_keys_verify(key: SigningKey) -> None:
    verify = verifier(key)
    newer = new_key()
    verify.use(KeyRing([newer, key]))
    for ring in (KeyRing([key]), KeyRing([newer])):
        assert isinstance(verify.subject(issue(ring, claims())), Subject)


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _body() -> bytes:
    return msgspec.json.encode(claims())


def test_alg_none_is_refused(key: SigningKey) -> None:
    head = _part({"alg": "none", "typ": "at+jwt", "kid": key.id})
    body = base64.urlsafe_b64encode(_body()).rstrip(b"=").decode()
    assert why(verifier(key).subject(f"{head}.{body}.")) is Why.ALGORITHM


def test_our_public_key_as_a_shared_secret_is_refused(key: SigningKey) -> None:
    secret = OctKey.import_key(json.dumps(key.public()))
    head = {"alg": "HS256", "typ": "at+jwt", "kid": key.id}
    assert why(verifier(key).subject(jws.serialize_compact(head, _body(), secret, ["HS256"]))) is Why.ALGORITHM


def test_another_algorithm_is_refused_whatever_the_key(key: SigningKey) -> None:
    rsa = RSAKey.generate_key(2048)
    head = {"alg": "RS256", "typ": "at+jwt", "kid": key.id}
    assert why(verifier(key).subject(jws.serialize_compact(head, _body(), rsa, ["RS256"]))) is Why.ALGORITHM


def test_an_id_token_is_no_access_token(key: SigningKey) -> None:
    head = {"alg": "ES256", "typ": "JWT", "kid": key.id}
    assert why(verifier(key).subject(jws.serialize_compact(head, _body(), key.key, ["ES256"]))) is Why.ALGORITHM


def test_changed_claims_break_the_signature(key: SigningKey) -> None:
    head, _, signature = issue(KeyRing([key]), claims()).split(".")
    richer = base64.urlsafe_b64encode(msgspec.json.encode(claims(tenant="neighbour"))).rstrip(b"=").decode()
    assert why(verifier(key).subject(f"{head}.{richer}.{signature}")) is Why.SIGNATURE


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "....", "x" * 9000, "\x00", "e30.e30.e30"])
def test_what_is_no_token_is_refused_without_a_fuss(key: SigningKey, text: str) -> None:
    assert why(verifier(key).subject(text)) in (Why.MALFORMED, Why.ALGORITHM)


def test_claims_that_lack_the_tenant_are_refused(key: SigningKey) -> None:
    bare = {name: value for name, value in msgspec.to_builtins(claims()).items() if name != "tenant"}
    head = {"alg": "ES256", "typ": "at+jwt", "kid": key.id}
    token = jws.serialize_compact(head, json.dumps(bare).encode(), key.key, ["ES256"])
    found = verifier(key).subject(token)
    assert why(found) is Why.MALFORMED
    assert isinstance(found, Refusal)
    assert "tenant" in found.explanation


def test_a_stored_key_is_the_same_key(key: SigningKey) -> None:
    assert load_key(json.loads(json.dumps(key.private()))).id == key.id
    assert "d" not in key.public()


def test_the_key_set_shows_no_secret(key: SigningKey) -> None:
    assert all("d" not in shown and shown["kid"] for shown in KeyRing([key, new_key()]).jwks()["keys"])
