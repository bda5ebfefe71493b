"""Whether a process of this machine still turns, asked of its own page: what stands still does not end by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

METRICS_FOLDER = "metrics"
"""Of the city's folder: where the processes of one machine announce their pages."""

_ANSWER_SECONDS = 5.0


def announcement(folder: Path, role: str, pid: int) -> Path:
    """The file in the city's folder's `METRICS_FOLDER` in which a process leaves its page's port."""
    return folder / f"{role}-{pid}.port"


async def stood_still(announced: Path, *, every: float, times: int) -> None:
    """Return when the process has failed to say that it lives at `times` looks in a row, `every` seconds apart.

    One that has not announced its page is still starting and is not asked.
    """
    missed = 0
    while missed < times:
        await asyncio.sleep(every)
        missed = missed + 1 if await _is_silent(announced) else 0


def _port(announced: Path) -> int | None:
    try:
        return int(announced.read_text())
    except (OSError, ValueError):
        return None


async def _is_silent(announced: Path) -> bool:
    port = _port(announced)
    if port is None:
        return False
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health/live HTTP/1.0\r\n\r\n")
                return b" 200 " not in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return True
