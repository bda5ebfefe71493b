"""What the central system needs from the rest of the city."""

from __future__ import annotations

from typing import Protocol

from schemas.charging import Booked, StationSaid, Verdict


class Books(Protocol):
    """Where the city keeps what its charging stations say of sessions, connectors and themselves."""

    async def book(self, tenant: str, said: StationSaid) -> Booked:
        """Return once it is durable; the same again has the same outcome. Raises `Unavailable`, then say nothing."""

    async def authorize(self, tenant: str, token: str) -> Verdict:
        """Whether a card may charge."""
