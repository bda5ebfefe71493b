"""Where a request comes from, behind proxies of ours and of strangers."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from api_gateway.address import bucket_of, caller_behind

OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("192.0.2.1", ("203.0.113.9",), "192.0.2.1"),
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.9, 10.1.1.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1", "203.0.113.9"), "203.0.113.9"),
        ("fd00::1", ("2001:db8::7",), "2001:db8::7"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
    ],
)
def test_only_our_own_proxies_are_believed(peer: str, forwarded: tuple[str, ...], told: str) -> None:
    found = caller_behind(scope(peer, *forwarded), OURS)
    assert found is not None
    assert found[0] == told


def test_a_household_has_one_bucket() -> None:
    assert bucket_of("2001:db8:1:2:3::1") == bucket_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert bucket_of("192.0.2.1") == bucket_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert bucket_of("testclient") == "testclient"
