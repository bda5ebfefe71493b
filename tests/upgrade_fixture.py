"""Make the dump of a released schema that the upgrade test starts from.

    python -m tests.upgrade_fixture NAME [MIGRATION …]

writes `tests/data/upgrade/NAME.sql`: a database with all migrations of the code at hand (or only those named, as
``broker.store/0001_core.sql``) and the rows of `tests/data/upgrade/sample.sql`. Made once for each release and
never again; see docs/operations/upgrade.md.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from broker.ports import Database, Transaction
from broker.store.migrate import make_roles, migrations_of
from broker.store.postgres import open_database
from cityos.dump import environment_of
from cityos.embedded import EmbeddedPostgres, binary
from cityos.schema import MIGRATED_PACKAGES

FOLDER = Path(__file__).parent / "data" / "upgrade"


async def fill(database: Database, only: Sequence[str]) -> None:
    """Apply the migrations as `migrate` does, but only those named where any are, and insert the sample."""
    async with database.transaction() as tx:
        await make_roles(tx, {})
        await tx.execute(
            "create table schema_migration (owner text, name text, digest text not null,"
            " applied_at timestamptz not null default now(), primary key (owner, name))"
        )
        for migration in (m for package in MIGRATED_PACKAGES for m in migrations_of(package)):
            if not only or f"{migration.owner}/{migration.name}" in only:
                await _apply(tx, migration.sql, migration.owner, migration.name, migration.digest)
        await tx.execute((FOLDER / "sample.sql").read_text("utf-8"))


async def _apply(tx: Transaction, sql: str, owner: str, name: str, digest: str) -> None:
    await tx.execute(sql)
    await tx.execute("insert into schema_migration (owner, name, digest) values ($1, $2, $3)", owner, name, digest)


def dump(url: str) -> str:
    """The database as SQL, without what only the newest servers understand."""
    result = subprocess.run(
        [binary("pg_dump"), "--no-owner", "--no-comments"],
        env={**os.environ, **environment_of(url)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line for line in result.stdout.splitlines() if line and not line.startswith("--"))
    later = ("SET transaction_timeout", "\\restrict", "\\unrestrict")
    return "\n".join(line for line in lines if not line.startswith(later)) + "\n"


async def main(name: str, *only: str) -> None:
    """Start a server of our own, fill it, and write the dump."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder), options={"fsync": "off"})
        server.start()
        try:
            database = await open_database(server.url(), system=True, size=1)
            await fill(database, only)
            await database.close()
            (FOLDER / f"{name}.sql").write_text(dump(server.url()), "utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
