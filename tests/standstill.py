"""Processes that stand still without ending, which is worse for who waits for them than their death."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import children


@contextmanager
def standing_still(postmaster: int) -> Iterator[None]:
    """Stop a PostgreSQL server and the servers of all its connections (SIGSTOP); afterwards they go on."""
    os.kill(postmaster, signal.SIGSTOP)
    stopped = [postmaster]
    try:
        for pid in children(postmaster):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
