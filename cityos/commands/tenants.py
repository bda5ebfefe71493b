"""`cityos tenant`: the cities that share this installation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import Conflict, Invalid
from broker.store.tenants import add_tenant, list_tenants
from cityos import tenant_archive
from cityos.commands.common import console, print_table, settings_here, with_parts
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


@app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="the tenant")],
    target: Annotated[Path, typer.Argument(help="the file to write")],
    recipient: Annotated[str, typer.Option(help="an age public key: only its private key reads the file")] = "",
) -> None:
    """Carry one city out whole, while the platform runs. / 1つの都市をまるごと書き出す"""
    settings = settings_here()
    made = asyncio.run(
        tenant_archive.export_tenant(
            _owner(settings), name, target, log=settings.log.driver, recipient=recipient or None
        )
    )
    console.print(f"{target}: {sum(made.counts.values()):,} rows of {name}, as of {made.made_at}", soft_wrap=True)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="what `cityos tenant export` wrote")],
    identity: Annotated[Path | None, typer.Option(help="the age private key of an encrypted file")] = None,
) -> None:
    """Bring a city in; all of it or nothing. / 書き出した都市を取り込む"""
    name, made = asyncio.run(tenant_archive.import_tenant(source, _owner(settings_here()), identity=identity))
    console.print(f"{name}: {sum(made.counts.values()):,} rows", soft_wrap=True)


def _owner(settings: Settings) -> str:
    """The database's address as the schema's owner, whom row-level security does not bind."""
    if not settings.database.url:
        raise Invalid(
            f"no city runs in {settings.city.folder}: start it with `cityos up`, or set CITYOS_DATABASE_URL",
            field="CITYOS_DATABASE_URL",
        )
    return settings.database.url
