"""Carrying one city out of a shared platform and into another, whole: every row that is the city's, in one file.

Which tables those are, the database says: whatever has a tenant. So a table made tomorrow is carried without a word
here, and numbers that rows refer to each other by are given anew where they would collide.
"""

from __future__ import annotations

import asyncio
from graphlib import TopologicalSorter
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import msgspec

from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from cityos.archive import Manifest, opened_archive, parse_recipient, parts_of, write_archive
from cityos.dump import owners_database, server_version
from schemas.clock import iso, utc_now

_SQL = load("cityos", "tenant_archive")
_AT_ONCE = 1000
STAYS = {
    "login_session": "people log in again",
    "session_client": "goes with the log-ins",
    "external_login": "log-ins under way at a provider",
    "authorization_code": "good for a minute",
    "assertion_seen": "good for minutes, and only against this platform's issuer",
    "delegation": "was given to others on this platform",
    "tag_cell": "where the wearers of watch tags were is kept for days only",
    "tag_flow": "pseudonyms that wait to be counted",
}
"""What is not carried, and why."""

_REFERENCES = {
    "history": {"series_id": "series"},
    "history_withdrawn": {"series_id": "series"},
    "history_hour": {"series_id": "series"},
    "history_day": {"series_id": "series"},
    "rollup_due": {"series_id": "series"},
    "delivery": {"subscriber_id": "subscriber"},
    "person_subscriber": {"subscriber_id": "subscriber"},
}
"""Columns that hold the number of another table's row, where that number is the platform's and not the city's."""

_NUMBERED = frozenset(table for columns in _REFERENCES.values() for table in columns.values())


class Table(NamedTuple):
    """A table with tenants' rows. `counter` is the column that numbers its rows, if one does."""

    name: str
    columns: tuple[str, ...]
    counter: str | None
    key: frozenset[str]
    parents: tuple[str, ...]

    @property
    def keeps_numbers(self) -> bool:
        """Whether its numbers are the city's own: then they are carried (sealed journals name them)."""
        return self.counter is not None and "tenant_id" in self.key


class _Tenant(msgspec.Struct, frozen=True):
    """The tenant itself, as it stands in the archive."""

    name: str
    title: str
    code: str | None
    unknown_devices: str
    sealed_as: int


async def export_tenant(
    url: str, tenant: str, target: Path, *, log: Literal["postgres", "kafka"], recipient: str | None = None
) -> Manifest:
    """Write the city `tenant` of the database at `url` (as its owner) into the file `target`, as of one moment.

    The platform goes on meanwhile; what it acknowledges to that city later is not in the file, so suspend the city's
    devices first. Raises `NotFound` for an unknown tenant, `Conflict` when `target` exists.
    """
    _check_target(target, recipient)
    with TemporaryDirectory(dir=target.parent, prefix=".carrying-out-") as name:
        folder = Path(name)
        async with owners_database(url) as database, database.transaction() as tx:
            await tx.execute("set transaction isolation level repeatable read, read only")
            row = await tx.fetchrow(_SQL["tenant"], tenant)
            if row is None:
                raise NotFound(f"there is no tenant named {tenant!r}")
            counts = {t.name: await _write_out(tx, t.name, row["id"], folder) for t in await tables(tx)}
            city = _Tenant(row["name"], row["title"], row["code"], row["unknown_devices"], row["sealed_as"])
            (folder / "tenant.json").write_bytes(msgspec.json.encode(city))
            manifest = await _manifest(tx, counts, log, folder)
        await asyncio.to_thread(write_archive, folder, manifest, target, recipient)
    return manifest


async def import_tenant(source: Path, url: str, *, identity: Path | None = None) -> tuple[str, Manifest]:
    """Bring the city in `source` into the database at `url` (as its owner); all of it or nothing.

    Raises `Invalid` when the file is damaged or of another schema than this database, `Conflict` when there is a tenant
    of that name. Signing keys are each platform's own: apps ask for new tokens, people log in again.
    """
    with opened_archive(source, source.parent, identity) as (manifest, folder):
        if not (folder / "tenant.json").is_file():
            raise Invalid(f"{source} holds no single city; `cityos restore` reads whole platforms", field="source")
        city = msgspec.json.decode((folder / "tenant.json").read_bytes(), type=_Tenant)
        async with owners_database(url) as database, database.transaction() as tx:
            await _check_schema(tx, manifest, source)
            number = await tx.fetchval(_SQL["add_tenant"], *msgspec.structs.astuple(city))
            if number is None:
                raise Conflict(f"there is a tenant {city.name!r} already")
            for table in _in_order(await tables(tx)):
                await _read_in(tx, table, number, folder)
            await _check_counts(tx, manifest, number)
    return city.name, manifest


async def tables(tx: Transaction) -> list[Table]:
    """Every table that is carried."""
    rows = await tx.fetch(_SQL["tables"])
    found = [
        Table(r["name"], tuple(r["columns"]), r["counter"], frozenset(r["key"]), tuple(r["parents"])) for r in rows
    ]
    return [table for table in found if table.name not in STAYS]


def _in_order(found: list[Table]) -> list[Table]:
    """What others refer to comes first."""
    by_name = {table.name: table for table in found}
    before = {
        table.name: {*table.parents, *_REFERENCES.get(table.name, {}).values()} & by_name.keys() for table in found
    }
    return [by_name[name] for name in TopologicalSorter(before).static_order()]


def _check_target(target: Path, recipient: str | None) -> None:
    if target.exists():
        raise Conflict(f"{target} exists; choose another name")
    if recipient:
        parse_recipient(recipient)
    target.parent.mkdir(parents=True, exist_ok=True)


async def _write_out(tx: Transaction, table: str, tenant: int, folder: Path) -> int:
    written = 0
    await tx.execute(_SQL["read"].format(table=table, tenant=tenant))
    with (folder / f"{table}.jsonl").open("w", encoding="utf-8") as file:
        while rows := await tx.fetch(f"fetch {_AT_ONCE} from carried"):
            file.writelines(f"{row['line']}\n" for row in rows)
            written += len(rows)
    await tx.execute("close carried")
    return written


async def _read_in(tx: Transaction, table: Table, tenant: int, folder: Path) -> None:
    if table.name in _NUMBERED:
        await tx.execute(_SQL["moved"].format(table=table.name))
    path = folder / f"{table.name}.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        while lines := list(islice(file, _AT_ONCE)):
            rows = f"[{','.join(lines)}]"
            if table.name in _NUMBERED:
                await tx.execute(_SQL["move"].format(table=table.name, counter=table.counter), rows)
            await tx.execute(_insert(table, tenant), rows)
    if table.keeps_numbers and path.stat().st_size:
        await tx.execute(_SQL["advance"].format(table=table.name, counter=table.counter, tenant=tenant))


def _insert(table: Table, tenant: int) -> str:
    """The statement that puts rows of this table in, with the numbers they have here."""
    moved = dict(_REFERENCES.get(table.name, {}))
    if table.name in _NUMBERED and table.counter is not None:
        moved[table.counter] = table.name
    fresh = table.counter if table.counter not in moved and not table.keeps_numbers else None
    columns = [column for column in table.columns if column != fresh]
    values = {column: f"m_{column}.new" for column in moved} | {"tenant_id": str(tenant)}
    joins = " ".join(f"join moved_{of} m_{column} on m_{column}.old = t.{column}" for column, of in moved.items())
    return _SQL["write"].format(
        table=table.name,
        columns=", ".join(f'"{column}"' for column in columns),
        values=", ".join(values.get(column, f't."{column}"') for column in columns),
        joins=joins,
    )


async def _manifest(
    tx: Transaction, counts: dict[str, int], log: Literal["postgres", "kafka"], folder: Path
) -> Manifest:
    return Manifest(
        city_os=version("city-os"),
        made_at=iso(utc_now()),
        postgres=await server_version(tx),
        migrations=await _migrations(tx),
        counts=counts,
        positions={},
        log=log,
        parts=await asyncio.to_thread(parts_of, folder),
    )


async def _migrations(tx: Transaction) -> list[tuple[str, str, str]]:
    rows = await tx.fetch("select owner, name, digest from schema_migration order by owner, name")
    return [(row["owner"], row["name"], row["digest"]) for row in rows]


async def _check_schema(tx: Transaction, manifest: Manifest, source: Path) -> None:
    theirs, ours = set(manifest.migrations), set(await _migrations(tx))
    if theirs != ours:
        owner, name, _ = min(theirs ^ ours)
        raise Invalid(
            f"{source} was written by version {manifest.city_os} with another schema ({owner}/{name} differs):"
            " bring both platforms to the same version first",
            field="source",
        )


async def _check_counts(tx: Transaction, manifest: Manifest, tenant: int) -> None:
    found = {t.name: await tx.fetchval(_SQL["count"].format(table=t.name), tenant) for t in await tables(tx)}
    counts = manifest.counts
    for name in sorted(name for name in found.keys() | counts.keys() if found.get(name) != counts.get(name)):
        raise Invalid(f"{name} has {found.get(name)} rows after the import and had {counts.get(name)}", field="source")
