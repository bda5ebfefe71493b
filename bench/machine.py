"""On what machine, how fast, under what load figures were measured; memory of processes; percentiles."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"


def machine() -> dict[str, Any]:
    """Processor, cores, kernel, Python, the load before the measurement, and the machine's `yardstick`."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        **yardstick(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def yardstick() -> dict[str, float]:
    """How long a fixed piece of work takes when every core does it at once, and how much of them others took meanwhile.

    A rented machine gives more one hour than the next: figures of two runs compare by the ratio of their
    `yardstick_ms`, not as they stand. `stolen` is the share of processor time that its host gave to others.
    """
    cores = os.cpu_count() or 1
    before, busy = _stolen()
    with Pool(cores) as pool:
        times = pool.map(_fixed_work, [None] * cores * 4, chunksize=1)
    after, busy_after = _stolen()
    return {
        "yardstick_ms": round(statistics.median(times) * 1000, 1),
        "stolen": round((after - before) / max(busy_after - busy, 1), 3),
    }


def _fixed_work(_: None) -> float:
    began = time.perf_counter()
    for turn in range(4000):
        kept = json.loads(json.dumps([{"id": f"urn:{turn}:{n}", "value": n / 7} for n in range(10)]))
        hashlib.sha256(repr(sorted(one["value"] for one in kept)).encode()).digest()
    return time.perf_counter() - began


def _stolen() -> tuple[int, int]:
    """Ticks stolen from this machine so far, and all ticks."""
    ticks = [int(field) for field in _lines("/proc/stat")[0].split()[1:9]]
    return ticks[7], sum(ticks)


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
    for thread in Path(f"/proc/{pid}/task").glob("*"):  # whichever of its threads made them
        for line in _lines(f"{thread}/children"):
            found += [each for child in line.split() for each in children(int(child))]
    return found


def parts(city_folder: Path) -> dict[str, list[int]]:
    """The processes of each part of a city on this machine, by the ids that it leaves in `run/`."""
    return {path.stem: children(int(path.read_text())) for path in (city_folder / "run").glob("*.pid")}


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
