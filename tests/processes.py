"""What Linux says of processes that are not this one's children."""

from __future__ import annotations

import os
from pathlib import Path


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody asked about does not."""
    return bool(fields := _fields(pid)) and fields[0] != "Z"


def parent(pid: int) -> int | None:
    """Its parent's id; None where there is no such process."""
    return int(fields[1]) if (fields := _fields(pid)) else None


def children(pid: int) -> list[int]:
    """The processes that it made itself."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and parent(int(entry)) == pid]


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the process's state on; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
