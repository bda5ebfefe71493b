"""On what machine, under what load, figures were measured; memory of processes; percentiles."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"


def machine() -> dict[str, Any]:
    """Processor, cores, kernel, Python and the load before the measurement."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie; NaN for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def memory_mb(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Proportional set size (shared pages counted once among those who share them) of each part, in MB."""
    return {name: round(sum(_pss_kb(pid) for pid in ids) / 1024, 1) for name, ids in pids.items()}


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time, user and system, that processes have used; what they waited for has no part in it."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    found = [pid]
    for line in _lines(f"/proc/{pid}/task/{pid}/children"):
        for child in line.split():
            found += children(int(child))
    return found


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Keep figures as JSON in bench/out/."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False))


def _ticks(pid: int) -> int:
    stat = "".join(_lines(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(field) for field in stat[11:15]) if stat else 0


def _pss_kb(pid: int) -> int:
    for line in _lines(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
