"""Rules about accounts and redirect URIs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access.defaults import GRANTED_AT_ONCE, ROLES, SCOPES
from access.people import lock_after, password_fault, scopes_of
from access.redirects import may_redirect, redirect_fault


def test_locks_grow_and_end() -> None:
    assert [lock_after(n) for n in (0, 4)] == [None, None]
    assert [lock_after(n) for n in (5, 6, 9, 1000)] == [timedelta(minutes=m) for m in (1, 2, 15, 15)]


def test_passwords() -> None:
    assert password_fault("water rises quickly", "dev@example.jp") is None
    assert password_fault("水位が上がったら逃げましょう", "dev@example.jp") is None
    assert "12 to 128" in str(password_fault("short", "dev@example.jp"))


def test_roles_need_the_second_factor() -> None:
    assert scopes_of(["administrator"], second_factor=False) == GRANTED_AT_ONCE
    assert scopes_of(["administrator"], second_factor=True) == SCOPES.keys()
    assert scopes_of(["unknown"], second_factor=True) == GRANTED_AT_ONCE
    assert all(scopes <= SCOPES.keys() for scopes in ROLES.values())


@pytest.mark.parametrize(
    ("registered", "asked", "may"),
    [
        ("https://a.example/cb", "https://a.example/cb", True),
        ("https://a.example/cb", "https://a.example/cb/", False),
        ("https://a.example/cb", "https://a.example:444/cb", False),
        ("https://a.example/cb", "HTTPS://a.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        ("http://127.0.0.1/cb", "http://user@127.0.0.1:80/cb", False),
        ("http://localhost/cb", "http://localhost:51004/cb", False),
        ("com.example.app:/cb", "com.example.app:/cb", True),
    ],
)
def test_where_one_may_be_sent(registered: str, asked: str, may: bool) -> None:
    assert redirect_fault(registered) is None
    assert may_redirect([registered], asked) is may
