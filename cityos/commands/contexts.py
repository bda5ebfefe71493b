"""`cityos context`: copies of public JSON-LD contexts, brought by hand where the city cannot fetch them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import Invalid, NotFound
from broker.jsonld.context import sources_of
from broker.store import contexts
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="JSON-LDの@contextの写し / copies of JSON-LD contexts", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the copies. / 一覧する"""

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            kept = await contexts.listed(tx, "Cached")
        return [{"url": c.url, "since": c.created_at, "last use": c.last_usage, "uses": c.hits} for c in kept]

    print_table(with_parts(read), empty="no copies of contexts")


@app.command()
def add(url: str, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Keep FILE as the copy of the context at URL. / URLの@contextの写しとして保存する"""
    try:
        document = json.loads(file.read_text("utf-8"))
        sources_of(document["@context"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{file} holds no JSON-LD context: {error}", field="file") from error

    async def keep(_settings: Settings, parts: Parts) -> None:
        async with parts.database.transaction() as tx:
            await contexts.keep_copy(tx, url, json.dumps(document))

    with_parts(keep)
    console.print(f"kept: {url}")


@app.command()
def remove(url: str) -> None:
    """Forget the copy; it is fetched again when it is needed. / 写しを削除する"""

    async def forget(_settings: Settings, parts: Parts) -> bool:
        async with parts.database.transaction() as tx:
            return await contexts.delete(tx, url)

    if not with_parts(forget):
        raise NotFound(f"there is no copy of {url}")
    console.print(f"removed: {url}")
