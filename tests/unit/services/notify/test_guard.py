"""Webhooks reach the public internet only, and a receiver can tell a forgery."""

from __future__ import annotations

import pytest

from services.notify.channel import NotDelivered
from services.notify.guard import is_public, resolve
from services.notify.signature import headers, new_secret, shown, verify


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_addresses_of_inside_are_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2400:4000::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_outside_are_taken(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "final"),
    [
        ("ftp://city.example/x", True),
        ("https://user:secret@city.example/", True),
        ("http://city.example/", True),
        ("https:///nowhere", True),
        ("https://127.0.0.1/hook", False),
        ("https://[::1]/hook", False),
        ("https://2130706433/hook", False),
        ("https://city.example:99999/", True),
    ],
)
async def test_addresses_that_are_not_for_webhooks(url: str, final: bool) -> None:
    with pytest.raises(NotDelivered) as caught:
        await resolve(url, allow_private=False, within=5)
    assert caught.value.final is final


async def test_a_test_may_allow_its_own_machine() -> None:
    assert await resolve("http://127.0.0.1:8080/x", allow_private=True, within=5) == "127.0.0.1"


def test_a_signature_holds_for_this_id_time_body_and_key_only() -> None:
    secret = new_secret()
    signed = headers(secret, "a-1", 1_700_000_000, b"{}")
    assert verify(secret, signed, b"{}", now=1_700_000_010)
    assert not verify(secret, signed, b"{ }", now=1_700_000_010)
    assert not verify(secret, signed, b"{}", now=1_700_001_000)
    assert not verify(new_secret(), signed, b"{}", now=1_700_000_010)
    assert not verify(secret, {**signed, "webhook-id": "a-2"}, b"{}", now=1_700_000_010)
    assert not verify(secret, {}, b"{}", now=1_700_000_010)
    assert shown(secret).startswith("whsec_")


def test_a_signature_known_from_the_convention() -> None:
    """Computed once with openssl over the id, the time and the body, joined by full stops."""
    signed = headers(b"0123456789abcdef", "msg_1", 1_700_000_000, b'{"a":1}')
    assert signed["webhook-signature"] == "v1,41C4mdfM4X7k7EqLRBhc2OjUAQFwQVsqMUoL0CbTfxc="
