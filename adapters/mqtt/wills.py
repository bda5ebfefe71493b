"""Last wills: what a device asked to have said for it when its connection breaks (MQTT 5.0, 3.1.2.5)."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from adapters.mqtt.counters import EndpointCounters
from adapters.mqtt.patience import until
from adapters.mqtt.session import Session
from broker.ingest.ports import Inbound, Intake

_TRIES = 5
_PAUSE = 1.0


class Wills:
    """Offers wills to the intake as if their devices had sent them. A will waits for room; it is tried five times."""

    def __init__(self, intake: Intake, counters: EndpointCounters) -> None:
        self._intake = intake
        self._counters = counters
        self._due: deque[tuple[Inbound, int]] = deque()
        self._some = asyncio.Event()
        self._delayed: dict[Session, asyncio.TimerHandle] = {}

    def publish(self, will: Inbound, session: Session, delay: float) -> None:
        """Say `will` after `delay` seconds, unless the session's device is back by then (5.0, 3.1.3.2.2)."""
        if delay <= 0:
            self._enqueue(will, 0)
            return
        self.cancel(session)
        self._delayed[session] = asyncio.get_running_loop().call_later(delay, self._ripe, will, session)

    def cancel(self, session: Session) -> None:
        """The device is back: the delayed will of this session is not said."""
        timer = self._delayed.pop(session, None)
        if timer is not None:
            timer.cancel()

    async def run(self) -> None:
        """Offer wills as they fall due, for ever."""
        while True:
            await self._some.wait()
            will, tries = self._due[0]
            if not self._intake.offer(will, partial(self._done, will, tries)):
                await self._intake.room()
                await asyncio.sleep(0)
                continue
            self._due.popleft()
            if not self._due:
                self._some.clear()

    async def close(self) -> None:
        """Forget the delayed: a process that stops does not know whether their devices are gone."""
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        await until(lambda: not self._due, within=_PAUSE)

    def _ripe(self, will: Inbound, session: Session) -> None:
        self._delayed.pop(session, None)
        self._enqueue(will, 0)

    def _enqueue(self, will: Inbound, tries: int) -> None:
        self._due.append((will, tries))
        self._some.set()

    def _done(self, will: Inbound, tries: int, error: BaseException | None) -> None:
        if error is None:
            self._counters.wills += 1
        elif tries + 1 < _TRIES:
            asyncio.get_running_loop().call_later(_PAUSE * 2**tries, self._enqueue, will, tries + 1)
        else:
            self._counters.wills_lost += 1
