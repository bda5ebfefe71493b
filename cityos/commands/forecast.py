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
    from services.forecast.model import Skill

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
    """Learn from floods, judge by others, and use what beats persistence. / 洪水の記録から学ばせる"""
    from services.forecast import model

    if {path.resolve() for path in readings} & {path.resolve() for path in test}:
        raise Invalid("a flood that was learned from cannot judge: name other files", field="test")

    async def run(settings: Settings, parts: Parts) -> list[tuple[str, list[Skill]]]:
        name = tenant or settings.city.tenant
        async with parts.database.transaction() as tx:
            gauges = await store.load_gauges(tx, name)
        learned = model.train([read_record(path, gauges) for path in readings], gauges.places)
        judged = [(path.name, model.judge(learned, read_record(path, gauges))) for path in test]
        shown = model.worth_showing([skills for _, skills in judged])
        if keep and shown:
            body = model.dump(learned)
            async with parts.database.transaction() as tx:
                every = [skill for _, skills in judged for skill in skills]
                await store.save_model(tx, name, learned._replace(shown=shown), body, every, utc_now())
        return judged

    judged = with_parts(run)
    _print(judged)
    shown = model.worth_showing([skills for _, skills in judged])
    told = ", ".join(f"{lead} h" for lead in shown)
    console.print(f"shown: {told}" if shown else "no lead beats persistence on every flood: nothing will be shown")


def _print(judged: Sequence[tuple[str, Sequence[Skill]]]) -> None:
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
            for name, skills in judged
            for skill in skills
        ],
        empty="the test files hold no readings of gauges that were learned",
    )
