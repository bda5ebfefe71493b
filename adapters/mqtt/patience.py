"""Waiting for something that tells nobody when it happens, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_LOOK = 0.01


async def until(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait until `condition` holds, at most `within` seconds. Whether it does."""
    for _ in range(int(within / _LOOK)):
        if condition():
            return True
        await asyncio.sleep(_LOOK)
    return condition()
