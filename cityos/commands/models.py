"""`cityos model`: the published models that entities of a type are held to (strict mode)."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import Invalid, NotFound
from broker.jsonld.context import CORE
from broker.models.model import Model
from broker.store import models
from cityos.commands.common import console, print_table, with_parts
from cityos.settings import Settings
from cityos.wiring import Parts

app = typer.Typer(help="データモデルの検査 / models that entities are held to", no_args_is_help=True)

_TENANT = Annotated[str | None, typer.Option("--tenant", help="the municipality; the default one if left out")]


@app.command("list")
def list_(tenant: _TENANT = None) -> None:
    """List the models in force. / 一覧する"""

    async def read(_settings: Settings, parts: Parts) -> list[dict[str, Any]]:
        async with parts.database.transaction() as tx:
            kept = await models.listed(tx, tenant)
        return [
            {"tenant": m.tenant, "type": m.type, "title": m.doc["schema"].get("title", ""), "since": m.created_at}
            for m in kept
        ]

    print_table(with_parts(read), empty="no models: entities of every type are taken as they are")


@app.command()
def add(
    type_: Annotated[str, typer.Argument(metavar="TYPE")],
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False)] = None,
    ref: Annotated[list[str] | None, typer.Option("--ref", metavar="URI=FILE")] = None,
    context: Annotated[str, typer.Option("--context", help="URI of the @context of the model's names")] = "",
    tenant: _TENANT = None,
) -> None:
    """Hold entities of TYPE to the JSON Schema in FILE, or to the model of ours with that name. / 検査を始める"""
    schema = _read(file) if file is not None else _ours(type_)
    refs = {uri: _read(Path(name)) for uri, _, name in (one.partition("=") for one in ref or ())}
    Model(type_, schema, refs, CORE)

    async def keep(settings: Settings, parts: Parts) -> None:
        async with parts.database.transaction() as tx:
            doc = {"schema": schema, "refs": refs, "context": context}
            await models.keep(tx, tenant or settings.city.tenant, type_, doc)

    with_parts(keep)
    console.print(f"in force: {type_}")


@app.command()
def remove(type_: Annotated[str, typer.Argument(metavar="TYPE")], tenant: _TENANT = None) -> None:
    """Take entities of TYPE as they are again. / 検査をやめる"""

    async def forget(settings: Settings, parts: Parts) -> bool:
        async with parts.database.transaction() as tx:
            return await models.remove(tx, tenant or settings.city.tenant, type_)

    if not with_parts(forget):
        raise NotFound(f"there is no model of {type_}")
    console.print(f"removed: {type_}")


def _read(file: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"{file} cannot be read as JSON: {error}", field="file") from error
    return document


def _ours(type_: str) -> dict[str, Any]:
    there = sorted(item.name.removesuffix(".json") for item in files("schemas").joinpath("models").iterdir())
    if type_ not in there:
        raise Invalid(f"give the model's file; of ours there are {', '.join(there)}", field="file")
    return _read(Path(str(files("schemas").joinpath("models", f"{type_}.json"))))
