"""The public's picture of a city, kept in memory: one body for ten thousand phones, and still there without a database.

Nobody waits for a new one while there is an old one: the old one goes out with its age, and one task makes the next.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from api_gateway.shared import tag_of
from broker.errors import Unavailable

Make = Callable[[str], Awaitable[bytes]]
"""Makes a tenant's picture anew."""

_LONGEST = 20.0
_log = logging.getLogger(__name__)


class Snapshot(NamedTuple):
    """A picture as JSON, the same packed with gzip, its entity tag, and when it was made by the monotonic clock."""

    body: bytes
    packed: bytes
    etag: str
    made: float


class Snapshots:
    """One for each tenant that was ever asked for. `fresh` seconds long nobody makes a new one."""

    def __init__(self, make: Make, fresh: float = 2.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._make, self._fresh, self._monotonic = make, fresh, monotonic
        self._kept: dict[str, Snapshot] = {}
        self._making: dict[str, asyncio.Task[Snapshot]] = {}

    async def get(self, tenant: str) -> tuple[Snapshot, int]:
        """The newest picture there is and its age in whole seconds. Raises what making the very first one raises."""
        kept = self._kept.get(tenant)
        if kept is None or self._monotonic() - kept.made >= self._fresh:
            making = self._making.get(tenant)
            if making is None:
                making = self._making[tenant] = asyncio.ensure_future(self._anew(tenant))
                making.add_done_callback(lambda task: self._done(tenant, task))
            if kept is None:
                # Shielded: others wait for it too when this one's caller has gone.
                kept = await asyncio.shield(making)
        return kept, int(self._monotonic() - kept.made)

    async def close(self) -> None:
        """Give up what is being made."""
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _anew(self, tenant: str) -> Snapshot:
        began = self._monotonic()
        try:
            async with asyncio.timeout(_LONGEST):
                body = await self._make(tenant)
        except TimeoutError as error:
            raise Unavailable("the city's picture could not be made in time; try again") from error
        made = self._kept[tenant] = Snapshot(body, gzip.compress(body, 6), tag_of(body), began)
        return made

    def _done(self, tenant: str, task: asyncio.Task[Snapshot]) -> None:
        del self._making[tenant]
        if not task.cancelled() and (error := task.exception()) is not None and tenant in self._kept:
            _log.warning("the picture of %s stays as it was: %s", tenant, error)
