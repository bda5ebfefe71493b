"""The processes of one machine, forked from one that has loaded what they run.

So a role is there in a moment, where an interpreter of its own would load for seconds, and what all of them only read
is in memory once. The forking is the standard library's fork server's: a process without threads and without a loop,
which is started afresh when it dies; those that came from it live on. A container's role has an interpreter to itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from broker.errors import CityError

_PR_SET_NAME = 15
_UNKNOWN_STATUS = 255
"""What the library says of a process whose fork server died: nobody is there to be told how it ends."""

_LOOK_SECONDS = 0.1


class Nursery:
    """Starts processes with `environment` that have loaded what `roles` need. To be closed when they have ended."""

    def __init__(self, roles: Iterable[str], environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._context = multiprocessing.get_context("forkserver")
        modules = {f"cityos.roles.{part}" for role in roles for part in role.split("+")}
        # The main module too: each process would load it for itself.
        self._context.set_forkserver_preload(["__main__", __name__, "cityos.run", *sorted(modules)])
        # The library keeps a list of its processes and goes through it at each start: one thread at a time.
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="nursery")

    async def start(self, role: str, log_file: Path) -> Forked:
        """Start `role` (as `cityos run` takes it), its output appended to `log_file`. Raises OSError if it cannot."""
        process = self._context.Process(
            target=_run, args=(role, self._environment, str(log_file)), name=f"city-{role}", daemon=True
        )
        try:
            await asyncio.get_running_loop().run_in_executor(self._hand, process.start)
        except EOFError as error:
            raise OSError("the process that forks them ended at once") from error
        return Forked(process, self._hand)

    def close(self) -> None:
        """Let go of the thread that starts processes."""
        self._hand.shutdown(wait=False)


class Forked:
    """One of the nursery's processes, with the members of `asyncio.subprocess.Process` that its supervisor uses."""

    def __init__(self, process: ForkServerProcess, hand: ThreadPoolExecutor) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.returncode: int | None = None
        self._process = process
        self._hand = hand
        self._ended = asyncio.create_task(self._see_it_end(), name=f"end of process {process.pid}")

    async def wait(self) -> int:
        """Wait until it has ended; its exit status, negative for a signal, 255 where nobody was told."""
        return await asyncio.shield(self._ended)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None and _lives(self.pid):
            os.kill(self.pid, number)

    async def _see_it_end(self) -> int:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, told.set)
        try:
            await told.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        await loop.run_in_executor(self._hand, self._process.join)
        status = self._process.exitcode
        assert status is not None
        while status == _UNKNOWN_STATUS and _lives(self.pid):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(_LOOK_SECONDS)
        self._process.close()  # not before: it tells a process that lives that the city has ended
        self.returncode = status
        return status


def _lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _run(role: str, environment: dict[str, str], log_file: str) -> None:
    """In the new process: write to its own log, go by a name of its own, end with the city, and run the role."""
    # Loaded already where processes are forked; who starts them holds none of it.
    from cityos.run import run_role
    from cityos.settings import load_settings

    log = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"city-{role}".encode()[:15], 0, 0, 0)
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=_end_with_the_city, name="end with the city", daemon=True).start()
    try:
        run_role(role, load_settings(os.environ))
    except CityError as error:
        sys.exit(f"cityos: {error}")


def _end_with_the_city() -> None:
    """So that no orphan holds a port or a lease."""
    city = multiprocessing.parent_process()
    assert city is not None
    city.join()
    os.kill(os.getpid(), signal.SIGTERM)
