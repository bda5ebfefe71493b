"""Migrations that run themselves: numbered SQL files, each applied once, in one transaction, under a lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple

from broker.errors import Invalid
from broker.ports import Database, Transaction

_LOCK = 0x63697479  # "city"
ROLES = ("cityos_app", "cityos_system", "cityos_tail")
"""The database's roles: a request as one tenant, the system as all of them, and a reader of the log alone."""
_GUEST = "cityos_guest"
"""What a request becomes when it reads another city's data by delegation. Nobody logs in as it."""
_FAMILY = "cityos_family"
"""What a request becomes for the tables of watch tags, to which the application has no other right."""


class Migration(NamedTuple):
    """One file: the package that owns it, its name, and its SQL."""

    owner: str
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """The files of `package`'s folder ``migrations``, in order of name."""
    folder = files(package) / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [Migration(package, entry.name, entry.read_text("utf-8")) for entry in sorted(found, key=lambda e: e.name)]


async def migrate(owner: Database, packages: Sequence[str], passwords: dict[str, str]) -> list[str]:
    """Bring the database to this code's schema and return the names applied.

    `owner` connects as the schema's owner; `packages` are migrated in the order given; `passwords` are set for
    `ROLES`, which are made where they are missing. Raises `Invalid` when a file
    that was already applied has changed since (history is not rewritten, a new file is added) or is of a newer version
    of this program; then nothing is done.
    """
    applied: list[str] = []
    async with owner.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await make_roles(tx, passwords)
        await tx.execute(
            "create table if not exists schema_migration (owner text, name text, digest text not null,"
            " applied_at timestamptz not null default now(), primary key (owner, name))"
        )
        known = {(r["owner"], r["name"]): r["digest"] for r in await tx.fetch("select * from schema_migration")}
        ours = [migration for package in packages for migration in migrations_of(package)]
        _check_not_newer(known, ours)
        for migration in ours:
            digest = known.get((migration.owner, migration.name))
            if digest is None:
                await tx.execute(migration.sql)
                await tx.execute(
                    "insert into schema_migration (owner, name, digest) values ($1, $2, $3)",
                    migration.owner,
                    migration.name,
                    migration.digest,
                )
                applied.append(f"{migration.owner}/{migration.name}")
            elif digest != migration.digest:
                raise Invalid(
                    f"{migration.owner}/{migration.name} was changed after it had been applied",
                    field="migration",
                )
    return applied


def _check_not_newer(known: Iterable[tuple[str, str]], ours: Sequence[Migration]) -> None:
    newer = sorted(set(known) - {(migration.owner, migration.name) for migration in ours})
    if newer:
        owner, name = newer[-1]
        raise Invalid(
            f"the database was made by a newer version of this program (it has {owner}/{name}): start that version,"
            " or restore a backup made before the upgrade",
            field="migration",
        )


async def make_roles(tx: Transaction, passwords: dict[str, str]) -> None:
    """Make our database roles where they are missing and set the passwords given; roles are the server's, not the
    database's, so a restored database needs them first."""
    for role in ROLES:
        if not await tx.fetchval("select 1 from pg_roles where rolname = $1", role):
            await tx.execute(f"create role {role} login nosuperuser nocreatedb nocreaterole nobypassrls")
        if role in passwords:
            statement = await tx.fetchval(
                "select format('alter role %I password %L', $1::text, $2::text)", role, passwords[role]
            )
            await tx.execute(statement)
    await _make_becomable(tx)


async def _make_becomable(tx: Transaction) -> None:
    """The application's role may become these, and inherits nothing of them: row-level policies tell them apart."""
    if await tx.fetchval("select rolinherit from pg_roles where rolname = 'cityos_app'"):
        await tx.execute("alter role cityos_app noinherit")
    for role in (_GUEST, _FAMILY):
        if not await tx.fetchval("select 1 from pg_roles where rolname = $1", role):
            await tx.execute(f"create role {role} nologin nosuperuser nocreatedb nocreaterole nobypassrls")
        if not await tx.fetchval(
            "select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles a on a.oid = m.member"
            " where r.rolname = $1 and a.rolname = 'cityos_app'",
            role,
        ):
            await tx.execute(f"grant {role} to cityos_app")
