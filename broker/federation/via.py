"""The header Via (RFC 9110, 7.6.3), by which brokers that forward to each other see loops (ETSI GS CIM 009, 6.3.18)."""

from __future__ import annotations

MAX_HOPS = 16
"""More brokers than this in a row are a loop that changes its names."""


def passed_through(via: str | None) -> tuple[str, ...]:
    """The brokers that the request has passed, by their pseudonyms, the first one first."""
    if not via:
        return ()
    hops = (entry.split() for entry in via.split(","))
    return tuple(parts[1] for parts in hops if len(parts) >= 2)


def extended(via: str | None, alias: str) -> str:
    """The header of a request that `alias` forwards."""
    own = f"1.1 {alias}"
    return f"{via}, {own}" if via else own
