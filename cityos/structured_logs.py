"""Log lines as JSON, one per event, with the role and the trace they belong to.

No line may hold what identifies a person: messages name devices, entities and settings, never payloads, addresses
or tokens. Access logs, which hold addresses, are switched off; the gateway counts requests instead.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from schemas.clock import iso

_LONGEST_MESSAGE = 4_000


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, role, pid, logger, message, and trace and error where there are any."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role
        self._pid = os.getpid()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "role": self._role,
            "pid": self._pid,
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST_MESSAGE],
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace"] = trace.format_trace_id(context.trace_id)
            line["span"] = trace.format_span_id(context.span_id)
        elif isinstance(said := getattr(record, "trace", None), str):
            line["trace"] = said
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_as_json(role: str, level: str) -> None:
    """Send every log line of this process to standard error as JSON, from `level` up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.captureWarnings(True)
