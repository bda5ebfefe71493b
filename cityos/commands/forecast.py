"""`cityos forecast`: learn from floods how levels go on, and say honestly how well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.errors import Invalid
from broker.ports import Transaction
from cityos.commands.common import console, print_table, with_parts
from cityos.records import read_rain, read_record
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now
from services.forecast import store
from services.forecast.series import Record, Series

if TYPE_CHECKING:
    from services.forecast.judging import Judged, Verdict

_BEFORE = timedelta(hours=6)
app = typer.Typer(help="水位の予測 / level forecasts", no_args_is_help=True)


@app.callback()
def forecast() -> None:
    """A group of commands, of which there may be one."""


@app.command()
def train(
    readings: Annotated[list[Path], typer.Option(help="CSV files of readings (also .gz) to learn from")],
    test: Annotated[list[Path], typer.Option(help="CSV files of other floods to judge by")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
    rain: Annotated[list[Path] | None, typer.Option(help="CSV files of hourly rain, beside the city's history")] = None,
    keep: Annotated[bool, typer.Option(help="use the model from now on")] = True,
) -> None:
    """Learn from floods, judge by others, and use what beats persistence while levels rise. / 洪水の記録から学ばせる"""
    from services.forecast import judging, model

    if {path.resolve() for path in readings} & {path.resolve() for path in test}:
        raise Invalid("a flood that was learned from cannot judge: name other files", field="test")

    async def run(settings: Settings, parts: Parts) -> tuple[list[tuple[str, Judged]], list[Verdict]]:
        name = tenant or settings.city.tenant
        async with parts.database.transaction() as tx:
            gauges = await store.load_gauges(tx, name)
            learn, others = [
                [await _with_rain(tx, name, gauges, read_record(path, gauges), rain or []) for path in paths]
                for paths in (readings, test)
            ]
        learned = model.train(learn, gauges.everywhere)
        judged = [(path.name, judging.judge(learned, record)) for path, record in zip(test, others, strict=True)]
        floods = [one for _, one in judged]
        shown = judging.worth_showing(floods, learned.traits)
        if keep and shown:
            body = model.dump(learned)
            async with parts.database.transaction() as tx:
                await store.save_model(tx, name, learned._replace(shown=shown), body, floods, utc_now())
        return judged, judging.verdicts(floods, learned.traits)

    judged, verdicts = with_parts(run)
    _print(judged)
    _print_shown(verdicts)


async def _with_rain(
    tx: Transaction, tenant: str, gauges: store.Gauges, record: Record, files: Sequence[Path]
) -> Record:
    """The record with the rain that the city's history and the files know of its days."""
    moments = [at for series in record.levels.values() for at in (series.at[:1].tolist() + series.at[-1:].tolist())]
    if not gauges.rain or not moments:
        return record
    start, end = datetime.fromtimestamp(min(moments), UTC) - _BEFORE, datetime.fromtimestamp(max(moments), UTC)
    found = await store.load_rain(tx, tenant, gauges, start, end)
    for path in files:
        for name, series in read_rain(path, gauges).items():
            within = (series.at > start.timestamp()) & (series.at <= end.timestamp())
            if within.any():
                found[name] = Series(series.at[within], series.level[within])
    return record._replace(rain=found)


def _print(judged: Sequence[tuple[str, Judged]]) -> None:
    print_table(
        [
            {
                "flood": name,
                "lead h": skill.lead,
                "cases": skill.cases,
                "error m": f"{skill.error:.3f}",
                "persistence m": f"{skill.stays:.3f}",
                "skill": f"{skill.skill:+.2f}",
                "moving": f"{skill.moving:+.2f}",
                "rising": f"{skill.rising:+.2f}",
                "inside 80%": f"{skill.inside:.0%}",
            }
            for name, one in judged
            for skill in one.skills
        ],
        empty="the test files hold no readings of gauges that were learned",
    )


def _print_shown(verdicts: Sequence[Verdict]) -> None:
    """Lead by lead and group by group: of how many gauges it is shown, and why."""
    from services.forecast.judging import said

    for verdict in verdicts:
        console.print(said(verdict), soft_wrap=True)
    if not any(verdict.shown for verdict in verdicts):
        console.print("nothing beats persistence while levels rise: nothing will be shown")
