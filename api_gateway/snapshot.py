"""The public's picture of a city, kept in memory: one body for ten thousand phones, and still there without a database.

Nobody waits for a new one while many ask: the old one goes out with its age, and one task makes the next. Who comes
after a quiet time waits for the new one, a moment at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from api_gateway.shared import Answer, packed
from broker.errors import Unavailable

Make = Callable[[str], Awaitable[Answer]]
"""Makes a tenant's picture anew."""

_LONGEST = 20.0
_OLD = 5.0
"""Seconds. Where many ask none is ever so old, unless it cannot be made."""
_PATIENCE = 1.0
_log = logging.getLogger(__name__)


class Snapshot(NamedTuple):
    """A picture, when it was made by the monotonic clock, and under which version of the city's policy."""

    answer: Answer
    made: float
    policy: str


class Snapshots:
    """One for each tenant that was ever asked for. `fresh` seconds long nobody makes a new one."""

    def __init__(self, make: Make, fresh: float = 2.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._make, self._fresh, self._monotonic = make, fresh, monotonic
        self._kept: dict[str, Snapshot] = {}
        self._making: dict[tuple[str, str], asyncio.Task[Snapshot]] = {}

    async def get(self, tenant: str, policy: str = "") -> tuple[Answer, int]:
        """The newest picture there is and its age in whole seconds. Raises what making the very first one raises.

        One of another version of the policy than `policy` is none: it may show what nobody is to see any more.
        """
        kept = self._kept.get(tenant)
        if kept is not None and kept.policy != policy:
            kept = None
        if kept is None or self._monotonic() - kept.made >= self._fresh:
            key = (tenant, policy)
            making = self._making.get(key)
            if making is None:
                making = self._making[key] = asyncio.ensure_future(self._anew(tenant, policy))
                making.add_done_callback(lambda task: self._done(key, task))
            if kept is None:
                # Shielded: others wait for it too when this one's caller has gone.
                kept = await asyncio.shield(making)
            elif self._monotonic() - kept.made >= _OLD:
                done, _ = await asyncio.wait({making}, timeout=_PATIENCE)
                if done and not making.cancelled() and making.exception() is None:
                    kept = making.result()
        return kept.answer, int(self._monotonic() - kept.made)

    async def close(self) -> None:
        """Give up what is being made."""
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _anew(self, tenant: str, policy: str) -> Snapshot:
        began = self._monotonic()
        try:
            async with asyncio.timeout(_LONGEST):
                answer = packed(await self._make(tenant))
        except TimeoutError as error:
            raise Unavailable("the city's picture could not be made in time; try again") from error
        made = self._kept[tenant] = Snapshot(answer, began, policy)
        return made

    def _done(self, key: tuple[str, str], task: asyncio.Task[Snapshot]) -> None:
        del self._making[key]
        tenant, _ = key
        if not task.cancelled() and (error := task.exception()) is not None and tenant in self._kept:
            _log.warning("the picture of %s stays as it was: %s", tenant, error)
