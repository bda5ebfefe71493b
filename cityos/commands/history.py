"""`cityos history`: what is kept of the past."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.store.history import confirm as confirm_values
from cityos.commands.common import console, parse_time, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="過去の値 / what is kept of the past", no_args_is_help=True)


@app.callback()
def history() -> None:
    """A group of commands, of which there may be one."""


@app.command()
def confirm(
    entity: Annotated[str, typer.Argument(help="urn:ngsi-ld:WaterObserved:…")],
    start: Annotated[str, typer.Option("--from", help="first time of observation (Japan's time if no offset)")],
    end: Annotated[str, typer.Option("--to", help="time of observation to stop before")],
    attribute: Annotated[str, typer.Option(help="the attribute")] = "waterLevel",
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Turn provisional values (暫定) into confirmed ones (確定). / 暫定値を確定する"""

    async def write(settings: Settings, parts: Parts) -> int:
        period = (parse_time(start), parse_time(end))
        async with parts.database.transaction() as tx:
            return await confirm_values(tx, tenant or settings.city.tenant, entity, attribute, period)

    console.print(f"{with_parts(write)} values are confirmed")
