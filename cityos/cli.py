"""The command `cityos`: which module of `cityos.commands` holds each of its commands."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from broker.errors import CityError

COMMANDS = {
    "up": "up:up",
    "run": "role:run",
    "migrate": "role:migrate",
    "replay": "replay:replay",
    "settings": "settings:show_settings",
    "accounting": "accounting:accounting",
    "backup": "backups:backup",
    "restore": "backups:restore",
    "mqtt-acl": "mqtt_acl:mqtt_acl",
    "log-replay": "rejected:log_replay",
    "rejected": "rejected:app",
    "parked": "parked:app",
    "alerts": "alerts:app",
    "forecast": "forecast:app",
    "history": "history:app",
    "device": "devices:app",
    "ca": "ca:app",
    "context": "contexts:app",
    "model": "models:app",
    "queried": "queried:app",
    "notification": "notifications:app",
    "subscriber": "subscribers:app",
    "client": "clients:app",
    "user": "users:app",
    "provider": "providers:app",
    "policy": "policy:app",
    "tenant": "tenants:app",
    "keys": "keys:app",
    "audit": "audit:app",
    "buses": "buses:app",
    "points": "points:app",
    "tags": "tags:app",
    "chargers": "chargers:app",
}
"""A command's name, and its module with the function, or with the group of commands, that it is."""


class Commands(TyperGroup):
    """Imports a command when it is called: nobody waits for, and no process keeps, what belongs to the others."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as click calls it
        """All names, in the order in which the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as click calls it
        """The command of this name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"cityos.commands.{module}"), attribute)
        if isinstance(found, typer.Typer):
            command = typer.main.get_group(found)
            command.name = cmd_name
            return command
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=Commands, help="都市OS: 街の機器・データ・サービスをつなぐ基盤", no_args_is_help=True, add_completion=False
)


@app.callback()
def everything() -> None:
    """Nothing to do before a command: it is here because a group has to have one of something."""


def main() -> NoReturn:
    """Run the command; our own errors become one clear line and exit status 2."""
    try:
        app()
    except CityError as error:
        typer.echo(f"cityos: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
