"""Attempts to log in, sign up and register, by network address: all gateway processes count them in one place."""

from __future__ import annotations

from starlette.requests import Request

from api_gateway.address import bucket_of
from api_gateway.errors import TooMany
from broker.ports import Database
from broker.sql import load
from schemas.clock import Clock

_SQL = load("api_gateway.usage", "usage")
_PER_SECOND, _AT_ONCE = 5.0, 60.0


class Attempts:
    """Five a second, sixty at once, for each address; accounts have their own lock beside. Whoever goes on while
    refused stays refused."""

    def __init__(self, database: Database, tenant: str, clock: Clock) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock

    async def count(self, request: Request) -> None:
        """Raises `TooMany`, and `Unavailable` where the count cannot be kept: nobody guesses while we do not look."""
        address = bucket_of(request.client.host if request.client else "")
        async with self._database.transaction(self._tenant) as tx:
            good = await tx.fetchval(_SQL["attempt"], address, _PER_SECOND, _AT_ONCE, self._clock())
        if not good:
            raise TooMany("too many attempts from this address; wait a little", seconds=5)
