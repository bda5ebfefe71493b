"""`cityos buses`: demand-responsive buses."""

from __future__ import annotations

import typer

from cityos.commands.common import console

app = typer.Typer(help="デマンドバス / demand-responsive buses", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keeps the subcommands' names even while there is only one."""


@app.command("compile")
def compile_planner() -> None:
    """Compile the planner, so that the first caller does not wait for it. / 計画の計算部を先に組み立てる"""
    from services.dispatch.ready import compile_engine

    compile_engine()
    console.print("準備できました / the planner is compiled")
