"""A PostgreSQL database out to files and back, with the server's own tools, as of one moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from broker.errors import Invalid, Unavailable
from broker.ports import Database, Transaction
from broker.store.migrate import make_roles
from broker.store.postgres import open_database
from cityos.tools import tools_for

_LONGEST_STATEMENT = 6 * 3600.0


class Snapshot(NamedTuple):
    """One moment of the database: a transaction that sees it, and the name under which others see the same."""

    tx: Transaction
    name: str


@asynccontextmanager
async def owners_database(url: str) -> AsyncIterator[Database]:
    """The database as its owner, for statements that may take hours."""
    database = await open_database(url, system=True, size=2, statement_seconds=_LONGEST_STATEMENT)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def snapshot_of(url: str) -> AsyncIterator[Snapshot]:
    """Hold one moment while the city goes on."""
    async with owners_database(url) as database, database.transaction() as tx:
        await tx.execute("set transaction isolation level repeatable read, read only")
        yield Snapshot(tx, await tx.fetchval("select pg_export_snapshot()"))


async def count_rows(tx: Transaction) -> dict[str, int]:
    """The rows of every table (partitions one by one)."""
    tables = await tx.fetch(
        "select c.relname as name, format('select count(*) from public.%I', c.relname) as query"
        " from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1"
    )
    return {table["name"]: await tx.fetchval(table["query"]) for table in tables}


async def server_version(tx: Transaction) -> int:
    """`server_version_num`, such as 180001."""
    return int(await tx.fetchval("select current_setting('server_version_num')::int"))


async def dump(url: str, snapshot: Snapshot, target: Path, jobs: int) -> None:
    """Write the database as of `snapshot` into the new folder `target`, `jobs` tables at a time, compressed."""
    await _run(
        url, "pg_dump", "--format=directory", f"--file={target}", f"--jobs={jobs}", f"--snapshot={snapshot.name}",
        "--compress=1", "--no-owner", "--schema=public",
    )  # fmt: skip
    await _check_readable(url, target)


async def _check_readable(url: str, source: Path) -> None:
    """Refuse a dump that no server would take back: `pg_dump` older than the server's latest corrections copies a mark
    that the server keeps for itself."""
    script = await _run(url, "pg_restore", "--section=pre-data", "--file=-", str(source))
    if b" SET (pg_attver=" in script:
        raise Unavailable(
            "pg_dump is older than the server and its dump could not be restored: update PostgreSQL's tools"
        )


async def load(url: str, source: Path, jobs: int) -> None:
    """Fill the empty database at `url` from what `dump` wrote. Makes the roles that its rights are given to."""
    async with owners_database(url) as database, database.transaction() as tx:
        await make_roles(tx, {})
        await tx.execute("drop schema if exists public")
    name = environment_of(url)["PGDATABASE"]
    await _run(url, "pg_restore", f"--jobs={jobs}", "--exit-on-error", "--no-owner", f"--dbname={name}", str(source))
    async with owners_database(url) as database, database.transaction() as tx:
        await tx.execute("analyze")


async def empty(tx: Transaction) -> bool:
    """Whether the database holds no table of ours."""
    query = (
        "select not exists (select from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p'))"
    )
    return bool(await tx.fetchval(query))


def environment_of(url: str) -> Mapping[str, str]:
    """The variables that give the tools the address: a password in their arguments would be seen by all."""
    parts = urlsplit(url)
    values = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.removeprefix("/")),
    }
    if not values["PGHOST"] or not values["PGDATABASE"]:
        raise Invalid("the database's address names no host or no database", field="url")
    return values


async def _run(url: str, program: str, *arguments: str) -> bytes:
    """Run one of the server's own tools and return what it printed. Raises `Unavailable` with its words."""
    async with owners_database(url) as database, database.transaction() as tx:
        tools = await asyncio.to_thread(tools_for, await server_version(tx))
    environment = {**os.environ, **environment_of(url), "PGCONNECT_TIMEOUT": "10", "PGTZ": "UTC"}
    process = await asyncio.create_subprocess_exec(
        str(tools / program),
        "--no-password",
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        raise Unavailable(f"{program} failed: {words.decode(errors='replace').strip()[-1000:]}")
    return printed
