"""Every log line is one JSON object that says who said it, and in which trace."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from broker.telemetry import span
from cityos.structured_logs import JsonFormatter

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
