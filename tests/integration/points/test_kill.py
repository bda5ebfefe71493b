"""`kill -9` of the service and of the database under load: the books balance, and every answer given is in them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.store.migrate import migrate
from broker.store.postgres import PostgresDatabase, open_database
from cityos.embedded import EmbeddedPostgres
from cityos.schema import MIGRATED_PACKAGES
from schemas.clock import utc_now
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Transfer
from services.points.settings import PointsSettings
from services.points.verify import seal, verify
from tests.integration.points import worker

pytestmark = pytest.mark.faults


class Answers(list[tuple[str, str, int]]):
    """What the service answered: id, status, amount."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Event()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that keeps its promises (fsync on), to be killed."""
    postgres = EmbeddedPostgres(tmp_path / "pg")
    postgres.start()
    owner = await open_database(postgres.url(), system=True, size=2)
    await migrate(owner, MIGRATED_PACKAGES, {r: postgres.password(r) for r in ("cityos_app", "cityos_system")})
    async with owner.transaction() as tx:
        await tx.execute("insert into tenant (name, title) values ('fukui', '福井県')")
    await owner.close()
    yield postgres
    postgres.stop()


async def open_town(url: str) -> None:
    database = await open_database(url, size=2)
    async with Ledger(database, PointsSettings()).running() as ledger:
        await ledger.open_account("fukui", "issuer", "issuer", overdraft=None)
        await ledger.open_account("fukui", "fund", "campaign")
        await ledger.open_account("fukui", "shop/1", "shop")
        wishes = [Transfer(id="fund", code=Code.FUND, debit="issuer", credit="fund", amount=10_000_000)]
        for number in range(worker.CLIENTS):
            await ledger.open_account("fukui", f"resident/{number}", "resident")
            terms = LotTerms(kind=Kind.BOUGHT, programme="start")
            wishes += [
                Transfer(
                    id=f"start-{number}",
                    code=Code.SALE,
                    debit="fund",
                    credit=f"resident/{number}",
                    amount=9000,
                    lot=terms,
                )
            ]
        results = await ledger.submit("fukui", wishes)
        assert all(result.status.fine for result in results)
    await database.close()


@asynccontextmanager
async def service(url: str, run: str, answers: Answers) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service in a process of its own. What it answered is in `answers`, up to its death."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.points.worker", url, run, stdout=asyncio.subprocess.PIPE
    )
    reading = asyncio.create_task(_read(process, answers))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, answers: Answers) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.endswith(b"\n"):
            id, status, amount = json.loads(line)
            answers.append((id, status, amount))
            answers.came.set()


async def more(answers: Answers, number: int) -> None:
    """Wait for `number` more answers."""
    goal = len(answers) + number
    async with asyncio.timeout(60):
        while len(answers) < goal:
            answers.came.clear()
            await answers.came.wait()


@pytest.mark.timeout(300)
async def test_kills_leave_the_books_whole_and_every_answer_in_them(server: EmbeddedPostgres) -> None:
    url = server.url("cityos_app")
    await open_town(url)
    answers = Answers()
    for run in ("one", "two"):
        async with service(url, run, answers) as process:
            await more(answers, 1500)
            process.kill()
    async with service(url, "three", answers):
        for _ in range(2):
            await more(answers, 1500)
            server.kill()
            server.start()
        await more(answers, 1500)
    system = await open_database(server.url("cityos_system"), system=True, size=2)
    await check(system, answers)
    await system.close()


async def check(system: PostgresDatabase, answers: Answers) -> None:
    await seal(system, "fukui", utc_now())
    proof = await verify(system, "fukui")
    assert proof.faults == []
    assert proof.unsealed == 0
    async with system.transaction() as tx:
        journal = {row["id"]: row["amount"] for row in await tx.fetch("select id, amount from points_transfer")}
    statuses = {status for _, status, _ in answers}
    assert statuses <= {"created", "exists", "pending_transfer_expired", "refunded_transfer_not_found"}, statuses
    for id, status, amount in answers:
        assert (id in journal) == (status in ("created", "exists")), (id, status)
        assert journal.get(id, 0) == amount
    halves = Counter(id.rsplit("-", 1)[0] for id in journal if id.endswith(("-pay", "-bonus")))
    assert set(halves.values()) == {2}
