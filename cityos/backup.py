"""Backup and restore of a whole city: state, history, log, identities and keys, as of one moment, in one file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from broker.errors import Conflict, Invalid
from broker.ports import Transaction
from broker.store.migrate import migrations_of
from cityos.archive import Manifest, copy_tree, opened_archive, parse_recipient, parts_of, write_archive
from cityos.dump import count_rows, dump, empty, load, owners_database, server_version, snapshot_of
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from schemas.clock import iso, utc_now

_NOT_KEPT = frozenset({"postgres/data", "logs", "run", "metrics", "running.json", "lock"})
"""Of the city's folder: the database's files (dumped instead) and what only a running city means."""

_EMBEDDED_DATABASE = "cityos"


async def backup(
    folder: Path,
    target: Path,
    *,
    url: str | None = None,
    log: Literal["postgres", "kafka"] = "postgres",
    recipient: str | None = None,
    jobs: int = 2,
) -> Manifest:
    """Write the city in `folder` with its database into the file `target`, while it runs, and return what is in it.

    `url` is the database as its owner; None starts the folder's own server for as long as this takes (the city
    is not running). Everything acknowledged before the call is in it; all of the database is of one moment, so state,
    history, positions and (in PostgreSQL) log agree. With `recipient`, an age public key, only its private key reads
    the file. Raises `Conflict` when `target` exists, `Unavailable` when the database or the tools fail; then no
    file is left.
    """
    _check_request(target, recipient)
    with TemporaryDirectory(dir=target.parent, prefix=".backing-up-") as name:
        parts = Path(name)
        async with _database_of(folder, url) as address, snapshot_of(address) as moment:
            made_at = utc_now()
            await dump(address, moment, parts / "database", jobs)
            # The files after the database: a row that names a key is never without it.
            await asyncio.to_thread(copy_tree, folder, parts / "folder", _NOT_KEPT)
            manifest = await _manifest(moment.tx, made_at, log, parts)
        await asyncio.to_thread(write_archive, parts, manifest, target, recipient)
    return manifest


async def restore(
    source: Path,
    folder: Path,
    *,
    url: str | None = None,
    replace: bool = False,
    identity: Path | None = None,
    jobs: int = 2,
) -> Manifest:
    """Make the city of the backup `source` in `folder`, ready for `cityos up`, and return what was restored.

    The database goes to `url` (its owner's address), or into a server of the folder's own when None. Before anything
    is touched the whole archive is checked; afterwards the rows are counted. Raises `Invalid` when the archive
    is damaged, encrypted without `identity`, or from a newer version; `Conflict` when the folder or
    the database is not empty and `replace` is not set. `replace` moves an old folder aside, to a name with the time
    in it, and empties the database at `url`. The folder appears only when all is done.
    """
    folder = _place_for(folder, replace)
    with opened_archive(source, folder.parent, identity) as (manifest, parts):
        _check_known(manifest)
        made = parts.parent / "city"
        made.mkdir(mode=0o700)
        if (parts / "folder").is_dir():
            copy_tree(parts / "folder", made, frozenset())
        async with _database_of(made, url, fresh=True) as address:
            await _check_target(address, manifest, replace)
            await load(address, parts / "database", jobs)
            await _check_restored(address, manifest)
        _put_in_place(made, folder)
    return manifest


@asynccontextmanager
async def _database_of(folder: Path, url: str | None, *, fresh: bool = False) -> AsyncIterator[str]:
    """The database's address, of a server of the folder's own while the block runs if none is given."""
    if url is not None:
        yield url
        return
    server = EmbeddedPostgres(folder / "postgres")
    if not fresh and not server.data.is_dir():
        raise Invalid(f"{folder} holds no city; set CITYOS_CITY_FOLDER or CITYOS_DATABASE_URL", field="folder")
    await asyncio.to_thread(server.start)
    try:
        yield server.url(database=_EMBEDDED_DATABASE)
    finally:
        await asyncio.to_thread(server.stop)


async def _manifest(tx: Transaction, made_at: datetime, log: Literal["postgres", "kafka"], parts: Path) -> Manifest:
    migrations = await tx.fetch("select owner, name, digest from schema_migration order by owner, name")
    positions = await tx.fetch("select consumer, topic, partition, next from position order by 1, 2, 3")
    return Manifest(
        city_os=version("city-os"),
        made_at=iso(made_at),
        postgres=await server_version(tx),
        migrations=[(row["owner"], row["name"], row["digest"]) for row in migrations],
        counts=await count_rows(tx),
        positions={f"{row['consumer']}/{row['topic']}/{row['partition']}": row["next"] for row in positions},
        log=log,
        parts=await asyncio.to_thread(parts_of, parts),
    )


def _check_request(target: Path, recipient: str | None) -> None:
    if target.exists():
        raise Conflict(f"{target} exists; choose another name")
    if recipient:
        parse_recipient(recipient)
    target.parent.mkdir(parents=True, exist_ok=True)


def _place_for(folder: Path, replace: bool) -> Path:
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    if _filled(place) and not replace:
        raise Conflict(f"{place} is not empty; name another folder, or say that it is to be replaced")
    return place


def _put_in_place(made: Path, folder: Path) -> None:
    if _filled(folder):
        folder.rename(folder.with_name(f"{folder.name}.before-{utc_now():%Y%m%dT%H%M%SZ}"))
    elif folder.exists():
        folder.rmdir()
    made.rename(folder)


def _filled(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _check_known(manifest: Manifest) -> None:
    known = {(m.owner, m.name): m.digest for package in MIGRATED_PACKAGES for m in migrations_of(package)}
    for owner, name, digest in manifest.migrations:
        if known.get((owner, name)) != digest:
            raise Invalid(
                f"the backup's schema has {owner}/{name}, which this version ({version('city-os')}) does not know so:"
                f" restore it with version {manifest.city_os} or later",
                field="source",
            )


async def _check_target(url: str, manifest: Manifest, replace: bool) -> None:
    async with owners_database(url) as database, database.transaction() as tx:
        if (present := await server_version(tx)) // 10_000 < manifest.postgres // 10_000:
            raise Invalid(
                f"the backup is of PostgreSQL {manifest.postgres // 10_000} and the server is {present // 10_000}:"
                " restore to the same version or a later one",
                field="url",
            )
        if await empty(tx):
            return
        if not replace:
            raise Conflict("the database is not empty; name another one, or say that it is to be replaced")
        await tx.execute("drop schema public cascade")


async def _check_restored(url: str, manifest: Manifest) -> None:
    async with owners_database(url) as database, database.transaction() as tx:
        counts = await count_rows(tx)
        wrong = sorted(t for t in manifest.counts.keys() | counts.keys() if manifest.counts.get(t) != counts.get(t))
        if wrong:
            raise Invalid(
                f"{wrong[0]} has {counts.get(wrong[0])} rows after the restore and had {manifest.counts.get(wrong[0])}",
                field="source",
            )
        if "log_member" in counts:
            await tx.execute("delete from log_member")  # consumers of the city that was; new ones need not outwait them
