"""The drill: a backup while the city writes, a restore elsewhere, and every reading there once."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from broker.consume import Consumption, Subscription
from broker.errors import Conflict, Invalid, Unavailable
from broker.ingest.writer import GROUP, ObservationWriter
from broker.log.postgres import PostgresLog, PostgresOutlet
from broker.ports import CHANGES, OBSERVATIONS, Database, NewRecord
from broker.store.devices import DeviceRegistry
from broker.store.entities import EntityWriter
from broker.store.migrate import migrate
from broker.store.partitions import make_months
from broker.store.postgres import open_database
from cityos.backup import backup, restore
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from schemas.clock import utc_now
from schemas.observation import Observation, Received, encode_arrival
from tests.conftest import CityDatabase

START = datetime(2023, 7, 13, 0, 0, tzinfo=UTC)
PARTITIONS = {OBSERVATIONS: 4, CHANGES: 4}


def record(number: int) -> NewRecord:
    device = f"gauge-{number % 7}"
    at = START + timedelta(seconds=number)
    observation = Observation(device=device, property="waterLevel", value=number / 100, observed_at=at, unit="MTR")
    arrival = Received(
        tenant="fukui",
        device=device,
        topic=f"city/river/{device}/up",
        payload=b"{}",
        received_at=utc_now(),
        way="endpoint",
        observations=(observation,),
    )
    return NewRecord(f"fukui/{device}".encode(), encode_arrival(arrival))


class Stream:
    """A city's data path: records are appended without pause, and what the log acknowledged is remembered."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.log = PostgresLog(database, partitions=PARTITIONS)
        self.acknowledged = 0

    async def feed(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            numbers = range(self.acknowledged, self.acknowledged + 20)
            await self.log.append(OBSERVATIONS, [record(number) for number in numbers])
            self.acknowledged += 20
            await asyncio.sleep(0.002)

    async def consume(self, stop: asyncio.Event) -> None:
        registry = DeviceRegistry(self.database)
        await registry.refresh()
        writer = ObservationWriter(EntityWriter(PostgresOutlet(PARTITIONS)), registry, utc_now)
        subscription = Subscription(OBSERVATIONS, GROUP, wait=0.1)
        await Consumption(self.log, self.database, subscription, writer.handle).run(stop)

    async def figures(self) -> dict[str, int]:
        async with self.database.transaction() as tx:
            rows = await tx.fetch("select outcome, sum(count)::int as count from accounting group by outcome")
            history = await tx.fetchval("select count(*) from history")
        return {"history": history, **{row["outcome"]: row["count"] for row in rows}}


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, system=True)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def city_in(folder: Path) -> AsyncIterator[Database]:
    """What `cityos up` does first with a folder: server, migrations, the system's role with its own password."""
    server = EmbeddedPostgres(folder / "postgres")
    await asyncio.to_thread(server.start)
    try:
        async with database_at(server.url()) as owner:
            await migrate(owner, MIGRATED_PACKAGES, {r: server.password(r) for r in ("cityos_app", "cityos_system")})
        async with database_at(server.url("cityos_system")) as system:
            yield system
    finally:
        await asyncio.to_thread(server.stop)


@pytest.fixture
def owner_url(database: CityDatabase, postgres: EmbeddedPostgres) -> str:
    return postgres.url(database=database.system_url.rpartition("/")[2])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A city's folder with what a backup must keep and what it must leave."""
    city = tmp_path / "city"
    for name in ("keys/token.pem", "postgres/cityos.password", "logs/writer.log", "running.json", "postgres/data/base"):
        (city / name).parent.mkdir(parents=True, exist_ok=True)
        (city / name).write_text(f"held-in-{Path(name).name}")
        (city / name).chmod(0o600)
    return city


async def test_a_backup_under_load_restores_every_acknowledged_reading_once(
    database: CityDatabase, owner_url: str, folder: Path, tmp_path: Path
) -> None:
    async with database.system.transaction() as tx:
        await make_months(tx, [START.date()])
    stream, stop = Stream(database.system), asyncio.Event()
    tasks = [asyncio.create_task(stream.feed(stop)), asyncio.create_task(stream.consume(stop))]
    async with asyncio.timeout(60):
        while stream.acknowledged < 1_000:  # noqa: ASYNC110 - the stream tells nobody
            await asyncio.sleep(0.05)
    before = stream.acknowledged
    manifest = await backup(folder, tmp_path / "city.backup", url=owner_url)
    after = stream.acknowledged
    stop.set()
    await asyncio.gather(*tasks)
    await stream.log.close()
    assert after > before, "the city wrote during the backup"

    await restore(tmp_path / "city.backup", tmp_path / "restored")
    async with city_in(tmp_path / "restored") as system:
        city = Stream(system)
        ends = await city.log.ends(OBSERVATIONS)
        in_log = sum(ends.values())
        assert before <= in_log <= after
        at_backup = (await city.figures()).get("stored", 0)
        assert at_backup == sum(v for k, v in manifest.positions.items() if k.startswith(f"{GROUP}/{OBSERVATIONS}/"))
        await drain(city, in_log)
        assert await city.figures() == {"history": in_log, "received": in_log, "stored": in_log}
        await city.log.append(OBSERVATIONS, [record(in_log)])
        assert sum((await city.log.ends(OBSERVATIONS)).values()) == in_log + 1
        await city.log.close()


async def drain(city: Stream, count: int) -> None:
    """Consume until `count` observations are stored."""
    stop = asyncio.Event()
    consuming = asyncio.create_task(city.consume(stop))
    for _ in range(900):
        if (await city.figures()).get("received", 0) >= count:
            break
        await asyncio.sleep(0.1)
    stop.set()
    await consuming


def names_in(folder: Path, pattern: str) -> list[str]:
    return [path.name for path in folder.glob(pattern)]


async def test_files_return_with_their_modes_and_running_state_does_not(
    owner_url: str, folder: Path, tmp_path: Path
) -> None:
    await backup(folder, tmp_path / "b", url=owner_url)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path, ".*") == []
    with tarfile.open(tmp_path / "b") as tar:
        files = {name for name in tar.getnames() if name.startswith("folder/")}
    assert files == {"folder/keys/token.pem", "folder/postgres/cityos.password"}
    restored = tmp_path / "restored"
    await restore(tmp_path / "b", restored)
    assert (restored / "keys/token.pem").read_text() == "held-in-token.pem"
    assert (restored / "keys/token.pem").stat().st_mode & 0o777 == 0o600
    async with city_in(restored) as system, system.transaction() as tx:
        assert [r["name"] for r in await tx.fetch("select name from tenant order by 1")] == ["fukui", "neighbour"]


async def test_a_city_at_rest_is_backed_up_with_its_own_server(owner_url: str, folder: Path, tmp_path: Path) -> None:
    await backup(folder, tmp_path / "b", url=owner_url)
    await restore(tmp_path / "b", tmp_path / "second")
    manifest = await backup(tmp_path / "second", tmp_path / "b2")
    assert manifest.counts["tenant"] == 2


async def test_nothing_is_overwritten_unless_told(owner_url: str, folder: Path, tmp_path: Path) -> None:
    await backup(folder, tmp_path / "b", url=owner_url)
    with pytest.raises(Conflict, match="exists"):
        await backup(folder, tmp_path / "b", url=owner_url)
    with pytest.raises(Conflict, match="not empty"):
        await restore(tmp_path / "b", folder)
    with pytest.raises(Conflict, match="database is not empty"):
        await restore(tmp_path / "b", tmp_path / "other", url=owner_url)
    assert not (tmp_path / "other").exists()
    await restore(tmp_path / "b", folder, url=owner_url, replace=True)
    (aside,) = names_in(tmp_path, "city.before-*")
    assert (tmp_path / aside / "running.json").exists()
    assert not (folder / "running.json").exists()


async def test_an_encrypted_backup_needs_its_private_key(owner_url: str, folder: Path, tmp_path: Path) -> None:
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# 保管者: 防災課\n{key}\n")
    (tmp_path / "other").write_text(str(other))
    await backup(folder, tmp_path / "b", url=owner_url, recipient=str(key.to_public()))
    assert b"cityos" not in (tmp_path / "b").read_bytes()
    for wrong, words in ((None, "is encrypted"), (tmp_path / "other", "cannot be decrypted")):
        with pytest.raises(Invalid, match=words):
            await restore(tmp_path / "b", tmp_path / "restored", identity=wrong)
    assert (await restore(tmp_path / "b", tmp_path / "restored", identity=tmp_path / "key")).counts["tenant"] == 2


async def test_a_wrong_recipient_is_refused_before_anything_is_done(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="age1"):
        await backup(folder, tmp_path / "b", url="postgresql://nobody@127.0.0.1:1/none", recipient="age1nonsense")


def altered(source: Path, target: Path, change: Any) -> Path:
    """`source` with each member's bytes put through `change`."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old.getmembers():
            content = old.extractfile(member)
            assert content is not None
            data = change(member.name, content.read())
            if data is not None:
                path = target.with_suffix(".part")
                path.write_bytes(data)
                new.add(path, member.name)
    return target


async def test_a_damaged_archive_is_refused_and_nothing_is_touched(
    owner_url: str, folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "b"
    await backup(folder, source, url=owner_url)
    truncated = tmp_path / "truncated"
    truncated.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    changes: list[Any] = [
        lambda name, data: data + b" " if name == "database/toc.dat" else data,
        lambda name, data: None if name == "folder/keys/token.pem" else data,
        lambda name, data: data.replace(b'"format": 1', b'"format": 2') if name == "manifest.json" else data,
        lambda name, data: data.replace(b"0001_core", b"9999_core") if name == "manifest.json" else data,
    ]
    wrong = [altered(source, tmp_path / f"altered-{n}", change) for n, change in enumerate(changes)]
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("not a backup")
    for archive in (truncated, nonsense, *wrong):
        with pytest.raises(Invalid):
            await restore(archive, tmp_path / "restored")
        assert not (tmp_path / "restored").exists()
    assert names_in(tmp_path, ".*") == []


async def test_a_backup_that_fails_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await backup(folder, tmp_path / "b", url="postgresql://nobody:x@127.0.0.1:1/none")
    assert names_in(tmp_path, "*") == ["city"]
