"""`cityos accounting`: what came, and what became of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from broker.store.accounting import summary
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts


def accounting(
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
    device: Annotated[str, typer.Option(help="only this device")] = "",
    days: Annotated[int, typer.Option(help="this many days back")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Received = stored + duplicate + rejected + discarded, per device and day. / 受信数の帳簿

    Exit status 1 when the books do not balance.
    """
    since = datetime.now(UTC).date() - timedelta(days=days)

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        return await _lines(parts, tenant or settings.city.tenant, device or None, since)

    lines = with_parts(read)
    if as_json:
        console.print_json(json.dumps(lines))
    else:
        print_table(lines, empty="nothing arrived")
    if not all(line["balanced"] for line in lines):
        raise typer.Exit(1)


async def _lines(parts: Parts, tenant: str, device: str | None, since: date) -> list[dict[str, Any]]:
    async with parts.database.transaction() as tx:
        return await summary(tx, tenant=tenant, device=device, since=since)
