"""What must hold when the log's server is killed: whatever was acknowledged is there, each key in its order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from broker.errors import Unavailable
from broker.ports import OBSERVATIONS, Log, NewRecord
from tests.integration.log.contract import by_key, read_all

KEYS = [f"gauge-{number}" for number in range(20)]


class Senders:
    """Twenty devices, each sending its next reading when the last was acknowledged, and the same again if not."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._stop = asyncio.Event()
        self.acknowledged = dict.fromkeys(KEYS, 0)
        self.refused = 0
        self._tasks = [asyncio.create_task(self._send(key)) for key in KEYS]

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def until_acknowledged(self, more: int, *, seconds: float = 60.0) -> None:
        """Wait until every sender got `more` acknowledgements from now on."""
        goal = {key: count + more for key, count in self.acknowledged.items()}
        deadline = time.monotonic() + seconds
        while any(self.acknowledged[key] < goal[key] for key in KEYS):
            assert time.monotonic() < deadline, f"no progress in {seconds} s: {self.acknowledged}"
            await asyncio.sleep(0.02)

    async def _send(self, key: str) -> None:
        while not self._stop.is_set():
            try:
                await self._log.append(OBSERVATIONS, [NewRecord(key.encode(), b"%d" % self.acknowledged[key])])
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(0.1)
            else:
                self.acknowledged[key] += 1


async def endure(log: Log, kill_and_restart: Callable[[], Awaitable[None]], *, kills: int = 2) -> Senders:
    """Kill the server `kills` times under load, then check everything acknowledged against what is read."""
    senders = Senders(log)
    for _ in range(kills):
        await senders.until_acknowledged(20)
        await kill_and_restart()
    await senders.until_acknowledged(20)
    await senders.stop()
    found = by_key(await read_all(log))
    for key in KEYS:
        numbers = [int(value) for value in found[key.encode()]]
        assert numbers == sorted(numbers), f"{key} was reordered"
        assert set(numbers) == set(range(senders.acknowledged[key])), f"{key} lost something acknowledged"
    return senders
