"""`cityos tenant`: the cities that share this installation."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from broker.errors import Conflict, Invalid
from broker.store.tenants import add_tenant, list_tenants
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="テナント（都市） / the cities", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_CODE = re.compile(r"[0-9]{6}")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="a small letter, then small letters, digits and _; at most 50")],
    title: Annotated[str, typer.Option(help="what people call it, such as 鯖江市")] = "",
    code: Annotated[str, typer.Option(help="全国地方公共団体コード, six digits")] = "",
    reject_unknown: Annotated[bool, typer.Option("--reject-unknown", help="no quarantine for new devices")] = False,
) -> None:
    """Make a tenant: its data are apart from every other's. / テナントを作る"""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name: write a small letter, then small letters, digits and _", field="name")
    if code and not _CODE.fullmatch(code):
        raise Invalid(f"{code!r} is no code of a local government: it has six digits", field="code")

    async def write(_settings: Settings, parts: Parts) -> bool:
        async with parts.database.transaction() as tx:
            return await add_tenant(tx, name, title=title, code=code or None, reject_unknown=reject_unknown)

    if not with_parts(write):
        raise Conflict(f"there is a tenant {name!r} already")
    console.print(f"{name} is made", markup=False)


@app.command("list")
def list_() -> None:
    """List them. / 一覧する"""

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            return await list_tenants(tx)

    print_table(with_parts(read), empty="no tenants")
