"""Where a request comes from: the peer, or who stood before the proxies that the city itself runs."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

_FORWARDED = b"x-forwarded-for"
_HOUSEHOLD = 64
"""The bits of an IPv6 address that a provider gives to one household: the rest is theirs to choose."""


def caller_behind(scope: Scope, proxies: Sequence[IPv4Network | IPv6Network]) -> tuple[str, int] | None:
    """The nearest address that is not one of our proxies', by X-Forwarded-For read from its end.

    What stands further left was written by strangers. A header that does not come from a proxy of ours is not read.
    """
    peer: tuple[str, int] | None = scope.get("client")
    if peer is None:
        return None
    named = b",".join(value for name, value in scope["headers"] if name == _FORWARDED).decode("latin-1").split(",")
    nearest = peer[0]
    while _is_ours(nearest, proxies) and named:
        told = _address(named.pop())
        if told is None:
            break
        nearest = str(told)
    return nearest, peer[1]


def bucket_of(address: str) -> str:
    """What attempts are counted by: the address, of IPv6 the network of 64 bits."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _HOUSEHOLD), strict=False))
    return str(parsed or address)


def _is_ours(text: str, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
