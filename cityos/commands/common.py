"""What the commands share: settings of the city that runs here, an open store, and tables."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from broker.errors import Invalid
from cityos.settings import Settings, load_settings
from cityos.wiring import Parts, open_parts
from schemas.clock import JST

Result = TypeVar("Result")
console = Console()


def settings_here() -> Settings:
    """The environment's settings, with the addresses of the city that runs in this folder, where one does."""
    return load_settings(os.environ, Path(os.environ.get("CITYOS_CITY_FOLDER", "var/city")) / "running.json")


def with_parts(work: Callable[[Settings, Parts], Awaitable[Result]]) -> Result:
    """Run `work` with the store and the log open. Raises `Invalid` when no city is there to talk to."""
    settings = settings_here()
    if not settings.database.system_url:
        raise Invalid(
            f"no city runs in {settings.city.folder}: start it with `cityos up`, or set CITYOS_DATABASE_SYSTEM_URL",
            field="CITYOS_DATABASE_SYSTEM_URL",
        )

    async def run() -> Result:
        async with open_parts(settings) as parts:
            return await work(settings, parts)

    return asyncio.run(run())


def operator() -> str:
    """Who works at this machine: the operator has no account of the city's."""
    return f"operator:{getpass.getuser()}"


def parse_time(text: str) -> datetime:
    """A time as people write it: ISO 8601; without an offset it is Japan's time. Raises `Invalid`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is not a time; write 2023-07-13 or 2023-07-13T09:00+09:00", field="time") from error
    return at if at.tzinfo else at.replace(tzinfo=JST)


def print_table(rows: Iterable[Mapping[str, Any]], *, empty: str) -> None:
    """Rows as a table, or tab-separated lines where a program reads them; times in Japan's time."""
    rows = list(rows)
    if not rows:
        console.print(empty)
        return
    if not console.is_terminal:
        for line in (rows[0].keys(), *([_cell(value) for value in row.values()] for row in rows)):
            print(*line, sep="\t")
        return
    table = Table(*rows[0].keys())
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def print_kept(row: dict[str, Any], member: str, *, raw: bool) -> None:
    """One that was kept with its bytes, which are in `member`: a table and the bytes, or only those as they are."""
    kept = bytes(row.pop(member))
    if raw:
        sys.stdout.buffer.write(kept)
        return
    print_table([row], empty="")
    console.print(repr(kept), markup=False)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(JST).isoformat(" ", "seconds")
    if isinstance(value, dict):
        return " ".join(f"{name}={count}" for name, count in value.items())
    return str(value)
