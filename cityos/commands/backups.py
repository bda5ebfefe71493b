"""`cityos backup` and `cityos restore`: the whole city in one file, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cityos import backup as archive
from cityos.commands.common import console, settings_here


def backup(
    target: Annotated[Path, typer.Argument(help="the file to write")],
    recipient: Annotated[str, typer.Option(help="an age public key: only its private key reads the file")] = "",
) -> None:
    """Back up state, history, log, identities and keys, while the city runs. / 都市全体をバックアップする"""
    settings = settings_here()
    manifest = asyncio.run(
        archive.backup(
            settings.city.folder,
            target,
            url=settings.database.url or None,
            log=settings.log.driver,
            recipient=recipient or None,
        )
    )
    console.print(f"{target}: {sum(manifest.counts.values()):,} rows, as of {manifest.made_at}", soft_wrap=True)


def restore(
    source: Annotated[Path, typer.Argument(help="the backup")],
    folder: Annotated[Path | None, typer.Argument(help="where the city is to be")] = None,
    database: Annotated[str, typer.Option(help="PostgreSQL as its owner; a server of the folder's own if empty")] = "",
    identity: Annotated[Path | None, typer.Option(help="the age private key of an encrypted backup")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="also where a city is already")] = False,
) -> None:
    """Restore a backup, ready for `cityos up`. / バックアップから復元する"""
    place = folder or settings_here().city.folder
    manifest = asyncio.run(archive.restore(source, place, url=database or None, replace=replace, identity=identity))
    console.print(f"{place}: {sum(manifest.counts.values()):,} rows, as of {manifest.made_at}", soft_wrap=True)
