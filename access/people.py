"""Rules about people's accounts: which passwords are good, when guessing is stopped, what a role brings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from access.defaults import GRANTED_AT_ONCE, ROLES

_SHORTEST, _LONGEST = 12, 128
_FREE_ATTEMPTS = 5
_FIRST_LOCK = timedelta(minutes=1)
_LONGEST_LOCK = timedelta(minutes=15)
_LEAST_VARIETY = 5


def password_fault(password: str, login: str) -> str | None:
    """What is wrong with a new password, or None. Length counts; classes of characters are not asked for (ASVS 2.1)."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        return f"a password has {_SHORTEST} to {_LONGEST} characters; this one has {len(password)}"
    if len(set(password.lower())) < _LEAST_VARIETY:
        return f"a password needs at least {_LEAST_VARIETY} different characters"
    name = login.partition("@")[0].lower()
    if len(name) >= 4 and name in password.lower():
        return "a password must not contain your own name"
    return None


def lock_after(failures: int) -> timedelta | None:
    """How long an account is locked after so many failures in a row: from the fifth on a minute, doubling to 15."""
    if failures < _FREE_ATTEMPTS:
        return None
    doublings = min(failures - _FREE_ATTEMPTS, 10)
    return min(_FIRST_LOCK * (1 << doublings), _LONGEST_LOCK)


def is_staff(roles: Iterable[str]) -> bool:
    """Whether one of these roles works for the municipality, and so needs a second factor."""
    return any(role in ROLES for role in roles)


def scopes_of(roles: Iterable[str], *, second_factor: bool) -> frozenset[str]:
    """What a person may hand to an app: their own matters, and with a second factor what their roles bring."""
    if not second_factor:
        return GRANTED_AT_ONCE
    return GRANTED_AT_ONCE.union(*(ROLES.get(role, frozenset()) for role in roles))
