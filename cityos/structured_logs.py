"""Log lines as JSON, one per event, with the role and the trace they belong to.

No line may hold what identifies a person: messages name devices, entities and settings, never payloads, addresses
or tokens. Access logs, which hold addresses, are switched off; the gateway counts requests instead.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from opentelemetry import trace

from schemas.clock import iso

_LONGEST_MESSAGE = 4_000
_TALKATIVE = "aiokafka"
_ONCE_IN_S = 60.0
_OLDER_FILES = 4


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


class Seldom(logging.Filter):
    """Lets each message of one library through once a minute, with the number of those kept back since.

    A Kafka that is away makes its client say so some sixty times a second in every process, until the disk is full.
    """

    def __init__(self, library: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._library = library
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is told."""
        if record.name.split(".")[0] != self._library:
            return True
        now, message = self._clock(), (record.name, str(record.msg))
        since, kept_back = self._told.get(message, (-_ONCE_IN_S, 0))
        if now - since < _ONCE_IN_S:
            self._told[message] = since, kept_back + 1
            return False
        self._told[message] = now, 0
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} ({kept_back} more like it since the last)", None
        return True


class TurningFile(RotatingFileHandler):
    """Writes to the file that this process's standard output and error go to, and begins a new one when it is large.

    What is written past logging (an interpreter that dies) follows into the new file.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=_OLDER_FILES, encoding="utf-8")
        self._with = [fd for fd in (1, 2) if _file_behind(fd) == path]

    def doRollover(self) -> None:
        """Set the full file aside as ``.1``, the one before as ``.2`` and so on; the oldest goes."""
        super().doRollover()
        if self.stream is not None:
            for descriptor in self._with:
                os.dup2(self.stream.fileno(), descriptor)


def _file_behind(descriptor: int) -> Path | None:
    """The regular file that the descriptor writes to; None for a terminal, a pipe or what has no name (Linux)."""
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:
        return None
    return path if regular and path.exists() else None


def log_as_json(role: str, level: str, *, most_bytes: int) -> None:
    """Send every log line of this process to standard error as JSON, from `level` up.

    Where that is a file, it is set aside when it has `most_bytes`, and four older ones are kept.
    """
    path = _file_behind(2)
    handler = logging.StreamHandler() if path is None else TurningFile(path, most_bytes)
    handler.setFormatter(JsonFormatter(role))
    handler.addFilter(Seldom(_TALKATIVE))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    # It tells the address of every request, and with it whatever secret a receiver has put there.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(True)
