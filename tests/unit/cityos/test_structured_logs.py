"""Every log line is one JSON object that says who said it, and in which trace."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from broker.telemetry import span
from cityos.structured_logs import JsonFormatter, Seldom, log_as_json

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def line(message: str, *args: object, error: bool = False, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("broker.consume", logging.WARNING, __file__, 1, message, args, None)
    record.__dict__.update(extra)
    if error:
        record.exc_info = sys.exc_info()
    text = JsonFormatter("writer").format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_says_who_and_what() -> None:
    said = line("gauge %s\nis silent", "足羽川")
    assert (said["role"], said["level"], said["message"]) == ("writer", "WARNING", "gauge 足羽川\nis silent")
    assert said["time"].endswith("Z")
    assert "trace" not in said


def test_a_line_within_a_span_names_its_trace() -> None:
    with span("store", PARENT):
        assert line("stored")["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert line("answered", trace="4bf92f3577b34da6a3ce929d0e0e4736")["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_an_error_is_in_the_line() -> None:
    try:
        raise KeyError("waterLevel")
    except KeyError:
        said = line("failed", error=True)
    assert said["error"].endswith("KeyError: 'waterLevel'")
    assert "KeyError" not in said["message"]


def test_a_very_long_message_is_cut() -> None:
    assert len(line("x" * 100_000)["message"]) == 4_000


def test_addresses_of_receivers_are_not_told() -> None:
    """They may hold a secret: ``https://receiver.example/hook?key=…``."""
    root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
    try:
        log_as_json("notifier", "INFO", most_bytes=1_000_000)
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert logging.getLogger("services.notify").isEnabledFor(logging.INFO)
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        logging.captureWarnings(False)


def test_a_library_that_says_the_same_for_ever_is_heard_once_a_minute() -> None:
    now = 0.0
    seldom = Seldom("aiokafka", lambda: now)

    def told(name: str, message: str, *args: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
        return record.getMessage() if seldom.filter(record) else None

    assert told("aiokafka.client", "no node %s", 1) == "no node 1"
    for moment in (0.1, 30.0, 59.9):
        now = moment
        assert told("aiokafka.client", "no node %s", 2) is None
    assert told("aiokafka.client", "another matter") == "another matter"
    assert told("broker.consume", "no node %s", 2) == told("broker.consume", "no node %s", 2) == "no node 2"
    now = 60.0
    assert told("aiokafka.client", "no node %s", 3) == "no node 3 (3 more like it since the last)"
    now = 120.0
    assert told("aiokafka.client", "no node %s", 4) == "no node 4"


def test_a_log_file_is_set_aside_when_it_is_large(tmp_path: Path) -> None:
    log = tmp_path / "writer.log"
    talk = (
        "import logging, os, sys; from cityos.structured_logs import log_as_json;"
        "log_as_json('writer', 'INFO', most_bytes=20_000);"
        "[logging.info('line %d', n) for n in range(2000)]; os.write(2, b'raw error'); os.write(1, b'raw output')"
    )
    with log.open("ab") as file:
        subprocess.run([sys.executable, "-c", talk], stdout=file, stderr=file, check=True, timeout=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["writer.log", *(f"writer.log.{n}" for n in range(1, 5))]
    assert all(path.stat().st_size <= 21_000 for path in tmp_path.iterdir())
    lines = log.read_text().splitlines()
    assert (json.loads(lines[-2])["message"], lines[-1]) == ("line 1999", "raw errorraw output")


def test_a_pipe_is_only_written_to() -> None:
    talk = (
        "import logging; from cityos.structured_logs import log_as_json;"
        "log_as_json('writer', 'INFO', most_bytes=1); logging.info('a'); logging.info('b')"
    )
    said = subprocess.run([sys.executable, "-c", talk], capture_output=True, check=True, timeout=60)
    assert [json.loads(line)["message"] for line in said.stderr.splitlines()] == ["a", "b"]
