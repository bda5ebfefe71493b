"""Whether what a role needs answers: its database and its log."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType

from broker.ports import CHANGES
from broker.store.parked import any_parked
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

    async def answer(self) -> str | None:
        """What a person should look at, once both have answered. Raises `Unavailable` where one does not."""
        if self._parts is None:
            self._parts = await self._stack.enter_async_context(open_parts(self._settings, size=1))
        async with self._parts.database.transaction() as tx:
            aside = await any_parked(tx)
        if self._settings.log.driver == "kafka":
            await self._parts.log.ends(CHANGES)
        return "records are set aside because their handling failed: cityos parked list" if aside else None
