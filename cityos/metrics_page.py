"""One page of metrics for all processes of one machine: each serves its own, the gateway shows them together."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from cityos.files import write_whole
from cityos.liveness import announcement

_SECONDS = 1.0
_MOST_BYTES = 4 * 2**20


class Process(NamedTuple):
    """A process that says it serves metrics: the role, its process id, and its page's address."""

    role: str
    pid: int
    url: str


def announce(folder: Path, role: str, port: int) -> Path:
    """Leave the port of this process's page where `scrape_all` finds it; the file to delete at the end."""
    path = announcement(folder, role, os.getpid())
    write_whole(path, str(port))
    return path


def scrape_all(folder: Path) -> str:
    """The pages of all processes announced in `folder`, merged, each sample with the labels `role` and `pid`.

    A process that does not answer within a second is left out and counted in ``cityos_processes_unreachable``; the
    announcement of one that has ended is removed. Waits; call it in a thread. Never raises for what others serve.
    """
    processes = [process for path in sorted(folder.glob("*.port")) if (process := _read(path)) is not None]
    with ThreadPoolExecutor(max_workers=max(1, len(processes))) as pool:
        pages = list(pool.map(_page, processes))
    merged = _Merged(dict(zip(processes, pages, strict=True)))
    registry = CollectorRegistry()
    registry.register(merged)
    return generate_latest(registry).decode()


def _read(path: Path) -> Process | None:
    role, _, pid = path.stem.rpartition("-")
    try:
        port = int(path.read_text())
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        path.unlink(missing_ok=True)
        return None
    except FileNotFoundError:
        return None
    except PermissionError:
        pass  # it lives, as another user
    return Process(role, int(pid), f"http://127.0.0.1:{port}/metrics")


def _page(process: Process) -> list[Metric] | None:
    try:
        with urllib.request.urlopen(process.url, timeout=_SECONDS) as answer:  # noqa: S310 - our own, on loopback
            return list(text_string_to_metric_families(answer.read(_MOST_BYTES).decode()))
    except (OSError, ValueError):
        return None


class _Merged:
    """Families of one name together, as the exposition format wants them."""

    def __init__(self, pages: Mapping[Process, list[Metric] | None]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for process, page in self._pages.items():
            for family in page or ():
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples.extend(_labelled(family.samples, process))
        yield from families.values()
        unreachable = Metric("cityos_processes_unreachable", "processes whose metrics could not be had", "gauge")
        unreachable.add_sample(unreachable.name, {}, sum(page is None for page in self._pages.values()))
        yield unreachable
        answered = Metric("cityos_processes", "processes whose metrics are here", "gauge")
        answered.add_sample(answered.name, {}, sum(page is not None for page in self._pages.values()))
        yield answered


def _labelled(samples: Iterable[Sample], process: Process) -> Iterator[Sample]:
    for sample in samples:
        labels = {**sample.labels, "role": process.role, "pid": str(process.pid)}
        yield Sample(sample.name, labels, sample.value, sample.timestamp, sample.exemplar)
