"""`cityos queried`: attributes whose values are kept in an index, so that rare matches of a query are found at once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.entities.parse import check_name
from broker.errors import NotFound
from broker.jsonld.context import CORE
from broker.store import values
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="値で検索する属性 / attributes that are queried by value", no_args_is_help=True)

_TENANT = Annotated[str | None, typer.Option("--tenant", help="the municipality; the default one if left out")]
_NAME = Annotated[str, typer.Argument(metavar="ATTRIBUTE", help="its name, or its full IRI")]


@app.command("list")
def list_() -> None:
    """List the attributes, and how many values are kept. / 一覧する"""

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await values.declared(tx)

    print_table(with_parts(read), empty="no attribute is declared: queries read the entities of a type in order")


@app.command()
def add(attribute: _NAME, tenant: _TENANT = None) -> None:
    """Keep the values of ATTRIBUTE in an index. / 索引を作る"""
    name = CORE.expand(check_name(attribute, "attribute"))

    async def keep(settings: Settings, parts: Parts) -> None:
        await values.declare(parts.database, tenant or settings.city.tenant, name)

    with_parts(keep)
    console.print(f"queried by value: {attribute}")


@app.command()
def remove(attribute: _NAME, tenant: _TENANT = None) -> None:
    """Keep its values no longer. / 索引をやめる"""
    name = CORE.expand(check_name(attribute, "attribute"))

    async def forget(settings: Settings, parts: Parts) -> bool:
        async with parts.database.transaction() as tx:
            return await values.forget(tx, tenant or settings.city.tenant, name)

    if not with_parts(forget):
        raise NotFound(f"{attribute} was not declared")
    console.print(f"removed: {attribute}")
