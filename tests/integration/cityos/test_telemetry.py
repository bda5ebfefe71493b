"""Telemetry of real processes: one page for all, a trace across them, and nothing but a gap where one has died."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cityos.telemetry import scrape_all
from tests.integration.cityos.collector import Collector

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


class Process:
    """A started process, and what it passes on."""

    def __init__(self, role: str, folder: Path, endpoint: str = "", trace: str = "") -> None:
        command = [sys.executable, "-m", "tests.integration.cityos.telemetry_process"]
        self._log = folder.parent / f"{role}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, role, str(folder), endpoint, trace],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.trace = self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self._log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    yield
    for one in processes:
        if one.process.poll() is None:
            one.end()


def samples(page: str) -> dict[tuple[str, str], float]:
    """By name and role. Fails where a family is there twice or the page is not the format."""
    names = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    families = list(text_string_to_metric_families(page))
    return {(s.name, s.labels.get("role", "")): s.value for family in families for s in family.samples}


def test_one_page_shows_all_processes_and_counts_the_dead(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    writer, endpoint = Process("writer", folder), Process("endpoint", folder)
    with running(writer, endpoint):
        found = samples(scrape_all(folder))
        assert found["cityos_processes", ""] == 2
        for role in ("writer", "endpoint"):
            assert found["cityos_accepted_total", role] == 3
            assert found["cityos_consumer_lag", role] == 7
            assert found["cityos_latency_stored_seconds_count", role] == 1
            assert found["process_resident_memory_bytes", role] > 1e6
        endpoint.process.kill()
        endpoint.process.communicate(timeout=60)
        assert len(list(folder.glob("*.port"))) == 2
        found = samples(scrape_all(folder))
        assert (found["cityos_processes", ""], found["cityos_processes_unreachable", ""]) == (1, 0)
        assert len(list(folder.glob("endpoint-*"))) == 0
        (folder / f"mute-{writer.process.pid}.port").write_text("1")
        assert samples(scrape_all(folder))["cityos_processes_unreachable", ""] == 1
    assert list(folder.glob("writer-*")) == []


def test_a_page_without_processes_is_a_page(tmp_path: Path) -> None:
    assert samples(scrape_all(tmp_path / "none")) == {
        ("cityos_processes", ""): 0,
        ("cityos_processes_unreachable", ""): 0,
    }


def test_a_trace_crosses_processes(tmp_path: Path, collector: Collector) -> None:
    first = Process("endpoint", tmp_path / "metrics", collector.url, PARENT)
    second = Process("writer", tmp_path / "metrics", collector.url, first.trace)
    with running(first, second):
        pass
    spans = dict(collector.spans)
    assert {one.trace_id.hex() for one in spans.values()} == {PARENT.split("-")[1]}
    assert spans["endpoint"].parent_span_id.hex() == PARENT.split("-")[2]
    assert spans["writer"].parent_span_id == spans["endpoint"].span_id
    assert second.trace.split("-")[2] == spans["writer"].span_id.hex()


def test_a_sampled_batch_begins_a_trace_of_its_own(tmp_path: Path, collector: Collector) -> None:
    with running(process := Process("endpoint", tmp_path / "metrics", collector.url)):
        pass
    ((_, one),) = collector.spans
    assert one.parent_span_id == b""
    assert process.trace.split("-")[1] == one.trace_id.hex()


def test_without_a_collector_the_trace_goes_on_and_logs_are_json(tmp_path: Path) -> None:
    with running(process := Process("endpoint", tmp_path / "metrics", "", PARENT)):
        assert process.trace == PARENT
    assert [(line["message"], line["role"]) for line in process.lines()] == [("in a span", "endpoint")]


def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    process = Process("endpoint", tmp_path / "metrics", "http://127.0.0.1:1", PARENT)
    assert process.trace.split("-")[1] == PARENT.split("-")[1]
    process.end()
