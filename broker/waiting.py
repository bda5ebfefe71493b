"""Waiting for whichever of several events comes first, and looking again at every notice without missing one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from broker.errors import CityError

Result = TypeVar("Result")


async def first_of(*events: asyncio.Event, within: float) -> None:
    """Wait until one of `events` is set, at most `within` seconds."""
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


async def rounds(*news: asyncio.Event, stop: asyncio.Event | None = None, every: float) -> AsyncIterator[None]:
    """One round at once, one whenever an event of `news` is set, and one every so many seconds, until `stop`; without
    one until cancelled.

    The events are cleared before each round: what is told while it lasts is looked for in the next.
    """
    stop = stop or asyncio.Event()
    while not stop.is_set():
        for event in news:
            event.clear()
        yield
        await first_of(*news, stop, within=every)


async def again(
    work: Callable[[], Awaitable[object]], *, stop: asyncio.Event, every: float, log: logging.Logger, otherwise: str
) -> None:
    """Do `work` at once and every so many seconds, until `stop`.

    A round that fails is logged (`otherwise`: what waits) and made up for in the next.
    """
    async for _ in rounds(stop=stop, every=every):
        try:
            await work()
        except CityError as error:
            log.warning("%s: %s", otherwise, error)


async def lasting(work: Callable[[], Awaitable[None]], *, log: logging.Logger, name: str, pause: float = 1.0) -> None:
    """Run `work` until it returns or this is cancelled; one that fails is logged and begins again after a `pause`.

    For what a process does beside its task: where it ended unheard, the process would go on with what it knew then.
    """
    while True:
        try:
            return await work()
        except Exception:
            log.exception("%s failed and begins again", name)
        await asyncio.sleep(pause)


def told_to_end() -> bool:
    """Whether somebody has cancelled the current task; where not, a cancellation that it meets comes from within."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Parts(asyncio.TaskGroup):
    """A task group of what runs side by side for as long as a process does.

    asyncio's own goes on without a task that ends by a cancellation, whoever cancelled it; a library that does so
    within would leave a process that looks alive and does nothing. Here it ends all, with RuntimeError.
    """

    def add(self, part: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run `part` from now on."""
        return self.create_task(_unless_cancelled_within(part))


async def _unless_cancelled_within(part: Coroutine[Any, Any, Result]) -> Result:
    try:
        return await part
    except asyncio.CancelledError as error:
        if told_to_end():
            raise
        raise RuntimeError(f"{part!r} was cancelled by nobody here") from error
