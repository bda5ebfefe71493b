"""Signed statements prove themselves, and only as they were signed."""

from __future__ import annotations

import base64
import json

import pytest

from access.evidence import read_statement, sign_statement
from access.keys import KeyRing, new_key

STATEMENT = {"kind": "consent.grant", "person": "fukui.hanako", "terms": {"category": "居場所"}}


def test_a_statement_is_read_back_by_whoever_has_only_the_statement() -> None:
    ring = KeyRing([new_key()])
    assert read_statement(sign_statement(ring, STATEMENT)) == (ring.active.id, STATEMENT)


def _altered(signed: str) -> str:
    header, payload, signature = signed.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    said["person"] = "fukui.somebody"
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip('=')}.{signature}"


def _foreign_key(signed: str) -> str:
    """The same words signed by another, who keeps the city's name for the key."""
    header = json.loads(base64.urlsafe_b64decode(signed.split(".")[0] + "=="))
    other = sign_statement(KeyRing([new_key()]), STATEMENT)
    theirs = json.loads(base64.urlsafe_b64decode(other.split(".")[0] + "=="))
    said = base64.urlsafe_b64encode(json.dumps({**theirs, "kid": header["kid"]}).encode()).decode().rstrip("=")
    return ".".join([said, *other.split(".")[1:]])


@pytest.mark.parametrize("spoil", [_altered, _foreign_key, lambda _: "", lambda _: "a.b.c", lambda s: s + "é"])
def test_what_was_altered_is_refused(spoil: object) -> None:
    signed = sign_statement(KeyRing([new_key()]), STATEMENT)
    with pytest.raises(ValueError, match=r"signature|signed"):
        read_statement(spoil(signed))  # type: ignore[operator]
