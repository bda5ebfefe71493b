"""Playing a recorded flood again through the real way in: MQTT at QoS 1, at a chosen speed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from adapters.mqtt.publisher import Publisher, PublisherSettings, Refused
from broker.errors import Invalid, Unavailable
from cityos.flood import Reading, due_after, in_time_order, read_readings, shift_to, to_message
from schemas.clock import Clock, utc_now

DEMO_FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "demo"


class Progress(NamedTuple):
    """How far a replay is: rows sent and acknowledged of `total`, and the flood's own time."""

    sent: int
    acknowledged: int
    total: int
    at: datetime | None


class Summary(NamedTuple):
    """What a replay did. `next_row` is the first row not settled: start there to go on. `failure` says what
    broke it off, None if nothing did (a wish to stop is no failure)."""

    total: int
    sent: int
    acknowledged: int
    refused: int
    seconds: float
    next_row: int
    failure: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every row has been answered."""
        return self.next_row == self.total


def flood_file(name: str, folder: Path = DEMO_FOLDER) -> Path:
    """The readings of the flood called `name` (``2023-07``). Raises `Invalid` naming those that there are."""
    path = folder / f"readings-{name}.csv.gz"
    known = floods(folder)
    if name not in known:
        raise Invalid(f"there is no flood {name!r}; there are {', '.join(known) or 'none'}", field="flood")
    return path


def floods(folder: Path = DEMO_FOLDER) -> list[str]:
    """The names of the recorded floods in `folder`."""
    return sorted(path.name[len("readings-") : -len(".csv.gz")] for path in folder.glob("readings-*.csv.gz"))


def load_readings(files: Sequence[Path]) -> list[Reading]:
    """All rows of `files` (CSV, gzipped where the name ends in ``.gz``) in the order of their event times.

    Raises `Invalid` that names the file and the line, or that a file is missing.
    """
    readings: list[Reading] = []
    for path in files:
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rt", encoding="utf-8-sig", newline="") as lines:
                readings += read_readings(lines)
        except (Invalid, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise Invalid(f"{path}: {error}", field="files") from error
    return in_time_order(readings)


async def replay(
    readings: Sequence[Reading],
    settings: PublisherSettings,
    *,
    speed: float | None = None,
    shift: bool = False,
    start: int = 0,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    clock: Clock = utc_now,
) -> Summary:
    """Publish ordered `readings` from row `start` on, `speed` times as fast as they happened (None: as fast as they
    are acknowledged). With `shift` the times move so that the flood ends at the present of `clock`.

    Setting `stop` ends it after the messages under way are acknowledged. A connection that breaks is made again; one
    that stays away ends the replay with a `failure`. Raises `Unavailable` or `Forbidden` when the first connection
    cannot be made.
    """
    run = _Run(readings, start, on_progress)
    moved = shift_to(clock(), readings) if shift and readings else None
    began = time.monotonic()
    failure: str | None = None
    async with Publisher(settings) as publisher:
        try:
            await run.send_all(publisher, speed, moved, stop or asyncio.Event())
            await publisher.drain()
        except Unavailable as error:
            failure = str(error)
    return run.summary(time.monotonic() - began, failure)


class _Run:
    """The counts of one replay."""

    def __init__(self, readings: Sequence[Reading], start: int, on_progress: Callable[[Progress], None]) -> None:
        self._readings = readings
        self._next = self._start = min(max(start, 0), len(readings))
        self._open: set[int] = set()
        self._acknowledged = self._refused = 0
        self._on_progress = on_progress

    async def send_all(
        self, publisher: Publisher, speed: float | None, shift: timedelta | None, stop: asyncio.Event
    ) -> None:
        began = time.monotonic()
        while self._next < len(self._readings) and not stop.is_set():
            reading = self._readings[self._next]
            delay = began + due_after(reading, self._readings[self._start], speed) - time.monotonic()
            if delay > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay)
                    return
            await self._send(publisher, reading, shift)

    async def _send(self, publisher: Publisher, reading: Reading, shift: timedelta | None) -> None:
        row = self._next
        answer = await publisher.publish(*to_message(reading, shift))
        self._open.add(row)
        self._next += 1
        answer.add_done_callback(lambda future: self._answered(row, future))
        self._report()

    def _answered(self, row: int, future: asyncio.Future[None]) -> None:
        error = future.exception()
        if error is None:
            self._acknowledged += 1
        elif isinstance(error, Refused):
            self._refused += 1
        else:
            return
        self._open.discard(row)
        self._report()

    def _report(self) -> None:
        at = self._readings[self._next - 1].at if self._next > self._start else None
        self._on_progress(Progress(self._next - self._start, self._acknowledged, self._total, at))

    @property
    def _total(self) -> int:
        return len(self._readings) - self._start

    def summary(self, seconds: float, failure: str | None) -> Summary:
        settled_to = min(self._open, default=self._next)
        sent = self._next - self._start
        return Summary(len(self._readings), sent, self._acknowledged, self._refused, seconds, settled_to, failure)
