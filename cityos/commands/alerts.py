"""`cityos alerts`: the alerting rules, tried on the past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.errors import Invalid
from cityos.commands.common import parse_time, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from services.alerting.backtest import Report
from services.alerting.backtest_report import as_table, backtest_store, write_report
from services.alerting.rulebook import load_rules

app = typer.Typer(help="警報のルール / the alerting rules", no_args_is_help=True)


@app.command()
def backtest(
    rules: Annotated[Path, typer.Option(help="the rules file to try")],
    start: Annotated[str, typer.Option("--from", help="first time of observation (Japan's time if no offset)")],
    end: Annotated[str, typer.Option("--to", help="time of observation to stop before")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
    out: Annotated[Path | None, typer.Option(help="folder for backtest.csv and backtest.json")] = None,
) -> None:
    """Run history through rules: alarms, false alarms, misses, lead time. / ルールを過去のデータで試す"""
    try:
        book = load_rules(rules.read_text("utf-8"))
    except OSError as error:
        raise Invalid(f"{rules} cannot be read: {error}", field="rules") from error

    async def run(settings: Settings, parts: Parts) -> Report:
        name = tenant or settings.city.tenant
        return await backtest_store(parts.database, name, book, parse_time(start), parse_time(end))

    report = with_parts(run)
    typer.echo(as_table(report))
    if out is not None:
        for path in write_report(report, out):
            typer.echo(path)
