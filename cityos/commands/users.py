"""`cityos user`: the municipality's own people."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from access.defaults import ROLES
from api_gateway.oauth.accounts import Accounts
from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts
from schemas.clock import utc_now

app = typer.Typer(help="職員の利用者 / the municipality's people", no_args_is_help=True)


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="e-mail address")],
    role: Annotated[list[str], typer.Option(help=f"one or more of: {', '.join(ROLES)}")],
    name: Annotated[str, typer.Option(help="the person's name")] = "",
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Make an account with roles and print its password, once. / 役割を持つ利用者を作る"""
    password = secrets.token_urlsafe(18)

    async def write(settings: Settings, parts: Parts) -> str:
        accounts = Accounts(parts.database, utc_now)
        return await accounts.create(tenant or settings.city.tenant, login, name, password, role)

    user_id = with_parts(write)
    console.print(f"user:     {user_id}", markup=False)
    console.print(f"password: {password}", markup=False)
