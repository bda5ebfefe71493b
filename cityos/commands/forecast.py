"""`cityos forecast`: learn from floods how levels go on, and say honestly how well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.errors import Invalid
from cityos.commands.common import console, print_table, with_parts
from cityos.records import read_record
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now
from services.forecast import store

if TYPE_CHECKING:
    from services.forecast.judging import Judged, Verdict

app = typer.Typer(help="水位の予測 / level forecasts", no_args_is_help=True)


@app.callback()
def forecast() -> None:
    """A group of commands, of which there may be one."""


@app.command()
def train(
    readings: Annotated[list[Path], typer.Option(help="CSV files of readings (also .gz) to learn from")],
    test: Annotated[list[Path], typer.Option(help="CSV files of other floods to judge by")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
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
        learned = model.train([read_record(path, gauges) for path in readings], gauges.places)
        judged = [(path.name, judging.judge(learned, read_record(path, gauges))) for path in test]
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
