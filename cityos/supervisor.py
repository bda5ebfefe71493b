"""One machine runs it all: the roles as processes, started in order, started again when they die, stopped together."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cityos.files import write_whole

_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_HEALTHY_SECONDS = 10.0
_LONGEST_PAUSE = 10.0
_STOP_SECONDS = 15.0


class Supervised:
    """One role's process: kept running until told to stop. A process that dies young is restarted more slowly."""

    def __init__(self, role: str, environment: Mapping[str, str], folder: Path) -> None:
        self.role = role
        self._environment = dict(environment)
        self._log_file = folder / "logs" / f"{role}.log"
        self._pid_file = folder / "run" / f"{role}.pid"
        self._process: asyncio.subprocess.Process | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def keep_running(self, stop: asyncio.Event) -> None:
        """Run the role until `stop`, then end it: politely first, by force after fifteen seconds."""
        pause = 0.2
        while not stop.is_set():
            started = time.monotonic()
            await self._start()
            await self._ended_or(stop)
            if stop.is_set():
                break
            pause = 0.2 if time.monotonic() - started > _HEALTHY_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1
            _log.warning("%s ended by itself (%s); starting it again in %.1f s", self.role, self._status(), pause)
            await _sleep_or(stop, pause)
        await self._end()

    async def _start(self) -> None:
        for path in (self._log_file, self._pid_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cityos.run",
                self.role,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )
        write_whole(self._pid_file, str(self._process.pid))

    async def _ended_or(self, stop: asyncio.Event) -> None:
        assert self._process is not None
        waiters = [asyncio.ensure_future(self._process.wait()), asyncio.ensure_future(stop.wait())]
        _, pending = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in pending:
            waiter.cancel()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            _log.warning("%s did not stop within %.0f s and is killed", self.role, _STOP_SECONDS)
            process.kill()
            await process.wait()

    def _status(self) -> str:
        return f"exit status {self._process.returncode}" if self._process else "never started"


async def supervise(roles: Sequence[Supervised], stop: asyncio.Event) -> None:
    """Keep all `roles` running until `stop`; return when the last has ended."""
    async with asyncio.TaskGroup() as group:
        for role in roles:
            group.create_task(role.keep_running(stop))


def end_with_parent() -> None:
    """In a child before exec: be told to end if the parent dies, so that no orphan holds a port or a lease."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _sleep_or(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
