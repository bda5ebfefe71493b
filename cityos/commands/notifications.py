"""`cityos notification`: notifications of NGSI-LD and NGSIv2 subscriptions that could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.sql import load
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="届かなかった購読の通知 / notifications that were not delivered", no_args_is_help=True)

_SQL = load("broker.store", "notifications")

Tenant = Annotated[str, typer.Option(help="the tenant; the default one if not given")]


@app.command("list")
def list_(tenant: Tenant = "", limit: int = 50) -> None:
    """List the dead letters, the oldest first; they are kept 30 days. / 届かなかった通知を一覧する"""

    async def read(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return [dict(row) for row in await tx.fetch(_SQL["dead"], tenant or settings.city.tenant, limit)]

    print_table(with_parts(read), empty="every notification was delivered or is still being tried")


@app.command()
def revive(subscription: str, tenant: Tenant = "") -> None:
    """Try a subscription's dead letters again, in order. / 購読の届かなかった通知をもう一度届ける"""

    async def write(settings: Settings, parts: Parts) -> int:
        async with parts.database.transaction() as tx:
            return len(await tx.fetch(_SQL["revive"], tenant or settings.city.tenant, subscription))

    console.print(f"{with_parts(write)} notifications are tried again", markup=False)
