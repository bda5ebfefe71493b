"""`cityos client`: apps that may get tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from access.defaults import SCOPES
from api_gateway.oauth.clients import register_client
from cityos.commands.common import console, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="APIを使うアプリ / apps that use the API", no_args_is_help=True)


@app.command()
def add(
    name: str,
    scope: Annotated[list[str], typer.Option(help=f"one or more of: {', '.join(SCOPES)}")],
    tenant: Annotated[str, typer.Option(help="the tenant; the default one if not given")] = "",
) -> None:
    """Register an app and print its secret, once. / アプリを登録して合言葉を1回だけ表示する"""

    async def write(settings: Settings, parts: Parts) -> tuple[str, str]:
        async with parts.database.transaction() as tx:
            return await register_client(tx, tenant or settings.city.tenant, name, scope)

    client_id, secret = with_parts(write)
    console.print(f"client_id:     {client_id}", markup=False)
    console.print(f"client_secret: {secret}", markup=False)
