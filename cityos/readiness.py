"""Whether what a role needs answers: its database and its log."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType

from broker.ports import CHANGES
from cityos.settings import Settings
from cityos.wiring import Parts, open_parts


class Dependencies:
    """A `cityos.health_page.Check` over a connection of its own, opened when first asked and kept until the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._parts: Parts | None = None

    async def __aenter__(self) -> Dependencies:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def answer(self) -> None:
        """Return when both have answered. Raises `Unavailable` where one does not."""
        if self._parts is None:
            self._parts = await self._stack.enter_async_context(open_parts(self._settings, size=1))
        async with self._parts.database.transaction() as tx:
            await tx.fetchval("select 1")
        if self._settings.log.driver == "kafka":
            await self._parts.log.ends(CHANGES)
