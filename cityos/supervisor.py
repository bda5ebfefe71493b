"""One machine runs it all: the roles as processes, started in order, started again when they die, stopped together."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from broker.waiting import Parts
from cityos.files import write_whole
from cityos.liveness import METRICS_FOLDER, announcement, stood_still

_log = logging.getLogger(__name__)
_HEALTHY_SECONDS = 10.0
_LONGEST_PAUSE = 10.0
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 10.0
_SILENT_LOOKS = 6


class Process(Protocol):
    """One that was started: `asyncio.subprocess.Process`, or one of the nursery's."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


Starter = Callable[[str, Path], Awaitable[Process]]
"""Starts a role by its name, its output appended to the file. Raises OSError where none can be started now."""


class Supervised:
    """One role's process: kept running until told to stop. A process that dies young is restarted more slowly.

    One that lives and does not say so at six looks in a row, `look_seconds` apart, is killed and started again.
    """

    def __init__(self, role: str, start: Starter, folder: Path, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self.role = role
        self._start_process = start
        self._log_file = folder / "logs" / f"{role}.log"
        self._pid_file = folder / "run" / f"{role}.pid"
        self._pages = folder / METRICS_FOLDER
        self._look_seconds = look_seconds
        self._process: Process | None = None
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
            why = await self._run(stop)
            if stop.is_set():
                break
            pause = 0.2 if time.monotonic() - started > _HEALTHY_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1
            _log.warning("%s %s; starting it again in %.1f s", self.role, why, pause)
            await _sleep_or(stop, pause)
        await self._end()

    async def _run(self, stop: asyncio.Event) -> str:
        """Start the role and wait until it ends or `stop`; what is to be said of its end."""
        try:
            await self._start()
        except OSError as error:  # a full disk, or no process to be had: that passes
            return f"could not be started ({error})"
        return await self._ended_or(stop)

    async def _start(self) -> None:
        for path in (self._log_file, self._pid_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._log_file.touch()  # what hinders it is told here: the process will have nowhere else to say it
        self._process = await self._start_process(self.role, self._log_file)
        try:
            write_whole(self._pid_file, str(self._process.pid))
        except OSError as error:
            _log.warning("%s runs, and its process id could not be noted: %s", self.role, error)

    async def _ended_or(self, stop: asyncio.Event) -> str:
        """Wait until the process ends, stands still (then it is killed) or `stop`; what is to be said of its end."""
        assert self._process is not None
        page = announcement(self._pages, self.role, self._process.pid)
        still = asyncio.ensure_future(stood_still(page, every=self._look_seconds, times=_SILENT_LOOKS))
        waiters = {asyncio.ensure_future(self._process.wait()), asyncio.ensure_future(stop.wait()), still}
        done, pending = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in pending:
            waiter.cancel()
        if done != {still}:
            return f"ended by itself ({self._status()})"
        self._process.kill()
        await self._process.wait()
        return "stood still and was killed"

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
    async with Parts() as group:
        for role in roles:
            group.add(role.keep_running(stop))


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
