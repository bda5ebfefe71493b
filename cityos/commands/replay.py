"""`cityos replay`: a recorded flood through MQTT, with a progress bar; Ctrl-C ends it cleanly, to be taken up again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from adapters.mqtt.publisher import PublisherSettings
from broker.errors import Invalid
from cityos import replay as player
from cityos.commands.common import settings_here
from cityos.flood import Reading, span
from cityos.provision import NETWORK, TENANT
from cityos.settings import Settings
from schemas.clock import JST

MAX_SPEED = 3_600.0


def replay(
    files: Annotated[list[Path] | None, typer.Argument(help="CSV files of readings in place of a flood")] = None,
    flood: Annotated[str, typer.Option(help=f"which recorded flood: {', '.join(player.floods())}")] = "2023-07",
    speed: Annotated[str, typer.Option(help="how many times faster than it was: 1 to 3600, or max")] = "600",
    shift: Annotated[bool, typer.Option("--shift", help="move the times so that the flood ends now")] = False,
    start: Annotated[int, typer.Option(help="the row to start at")] = 0,
) -> None:
    """Replay a recorded flood over MQTT. / 記録された洪水を再生する"""
    raise typer.Exit(run_demo_replay(settings_here(), files, flood, speed=speed, shift=shift, start=start))


def parse_speed(text: str) -> float | None:
    """How many times as fast as it happened: a number from 1 to `MAX_SPEED`, or ``max`` (None). Raises `Invalid`."""
    if text == "max":
        return None
    try:
        speed = float(text.removeprefix("x").removeprefix("×"))
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= MAX_SPEED:
        raise Invalid(f"a speed of {text!r}: give a number from 1 to {MAX_SPEED:g}, or max", field="speed")
    return speed


def run_replay(
    files: Sequence[Path],
    settings: PublisherSettings,
    *,
    speed: str = "600",
    shift: bool = False,
    start: int = 0,
    console: Console | None = None,
) -> int:
    """Replay `files` and print what was done. The exit status: 0 when all is acknowledged, 1 when something was
    refused or broke, 130 when a person stopped it. Raises what `cityos.replay` raises."""
    console = console or Console()
    pace = parse_speed(speed)
    readings = player.load_readings(files)
    if not 0 <= start < len(readings):
        raise Invalid(f"row {start} of {len(readings)}: give 0 to {len(readings) - 1}", field="start")
    _announce(console, readings[start:], pace)
    summary = asyncio.run(_play(console, readings, settings, pace, shift, start))
    _report(console, summary)
    if summary.failure or summary.refused:
        return 1
    return 0 if summary.complete else 130


def run_demo_replay(
    settings: Settings, files: Sequence[Path] | None, flood: str, *, speed: str, shift: bool, start: int
) -> int:
    """Replay `files`, or the recorded `flood`, as the demonstration's network; the exit status of `run_replay`."""
    secret = settings.city.folder / "demo.secret"
    if not secret.exists():
        raise Invalid(f"{secret} is not there: register the demonstration with `cityos up --demo`", field="secret")
    publisher = PublisherSettings(
        host=settings.mqtt.host,
        port=settings.mqtt.port or 1883,
        username=f"{TENANT}/{NETWORK}",
        password=SecretStr(secret.read_text().strip()),
    )
    return run_replay(files or [player.flood_file(flood)], publisher, speed=speed, shift=shift, start=start)


def _announce(console: Console, readings: Sequence[Reading], pace: float | None) -> None:
    first, last = (reading.at.astimezone(JST).strftime("%Y-%m-%d %H:%M") for reading in (readings[0], readings[-1]))
    length = f"×{pace:g}, {span(readings).total_seconds() / pace:,.0f} s" if pace else "as fast as it is acknowledged"
    console.print(f"{len(readings):,} readings, {first} to {last} JST, {length}")


async def _play(
    console: Console,
    readings: Sequence[Reading],
    settings: PublisherSettings,
    pace: float | None,
    shift: bool,
    start: int,
) -> player.Summary:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        """The first Ctrl-C lets what is under way be acknowledged; a second one does what Ctrl-C always does."""
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=len(readings) - start)

        def show(progress: player.Progress) -> None:
            at = progress.at.astimezone(JST).strftime("%m-%d %H:%M") if progress.at else ""
            bar.update(task, completed=progress.acknowledged, description=at)

        return await player.replay(
            readings, settings, speed=pace, shift=shift, start=start, stop=stop, on_progress=show
        )


def _report(console: Console, summary: player.Summary) -> None:
    rate = summary.acknowledged / summary.seconds if summary.seconds else 0.0
    console.print(
        f"sent {summary.sent:,}, acknowledged {summary.acknowledged:,}, refused {summary.refused:,} "
        f"in {summary.seconds:.1f} s ({rate:,.0f}/s)"
    )
    if summary.failure:
        console.print(f"broken off: {summary.failure}")
    if not summary.complete:
        console.print(f"row {summary.next_row} is next: go on with --start {summary.next_row}")
