"""`cityos run` and `cityos migrate`: what a container of one role calls."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cityos.city import prepare
from cityos.commands.common import console, settings_here
from cityos.roles import ROLES
from cityos.run import run_role


def run(role: Annotated[str, typer.Argument(help=f"one of {', '.join(ROLES)}; several in one process as a+b")]) -> None:
    """Run one role until it is told to stop. / 役割を1つ動かす"""
    run_role(role, settings_here())


def migrate() -> None:
    """Bring the database to this version's schema. / データベースを更新する"""
    for name in asyncio.run(prepare(settings_here())):
        console.print(name)
