"""`cityos audit`: sealing the trail of who did what, proving it, and carrying it away."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from api_gateway.audit import exported
from broker.errors import Invalid
from broker.sealing import Finding, seal_all, verify
from cityos.commands.common import console, parse_time, print_table, with_parts
from cityos.journals import JOURNALS
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="操作の記録 / the audit trail", no_args_is_help=True)
_AT_ONCE = 5000
_COLUMNS = ("id", "at", "actor", "client", "action", "object", "purpose", "address", "allowed", "detail")


@app.command("seal")
def seal_now() -> None:
    """Seal what was added since the last seal (the writer does so by itself every minute). / 封をする"""

    async def write(_: Settings, parts: Parts) -> int:
        return await seal_all(parts.database, JOURNALS, datetime.now(UTC))

    console.print(f"{with_parts(write)} seals")


@app.command("verify")
def verify_all() -> None:
    """Prove that no sealed line was changed, added or removed; exit status 1 where one was. / 検証する"""

    async def read(_: Settings, parts: Parts) -> list[Finding]:
        return await verify(parts.database, JOURNALS)

    findings = with_parts(read)
    print_table([finding._asdict() for finding in findings], empty="no tenants")
    if any(finding.broken is not None for finding in findings):
        raise typer.Exit(1)


@app.command("export")
def export(
    since: Annotated[str, typer.Option(help="from this time on")],
    until: Annotated[str, typer.Option(help="until before this time; now if not given")] = "",
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Write the lines of a time as CSV to standard output. / CSVで書き出す"""
    start, end = parse_time(since), parse_time(until) if until else datetime.now(UTC)
    if start >= end:
        raise Invalid("the time ends before it begins", field="until")

    async def write(settings: Settings, parts: Parts) -> None:
        out = csv.DictWriter(sys.stdout, _COLUMNS)
        out.writeheader()
        after = 0
        while True:
            async with parts.database.transaction() as tx:
                rows = await exported(tx, tenant or settings.city.tenant, start, end, after, _AT_ONCE)
            out.writerows({**row, "at": row["at"].isoformat()} for row in rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1]["id"]

    with_parts(write)
