"""What `verify` finds: a changed journal, balance or lot, a removed entry; and that our roles cannot cheat."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.errors import Forbidden
from broker.store.postgres import PostgresDatabase, open_database
from cityos.embedded import EmbeddedPostgres
from schemas.clock import utc_now
from services.points.ledger import Ledger
from services.points.model import Code, Kind, LotTerms, Phase, Transfer
from services.points.settings import PointsSettings
from services.points.verify import seal, verify
from tests.conftest import CityDatabase


@pytest.fixture
async def owner(database: CityDatabase, postgres: EmbeddedPostgres) -> AsyncIterator[PostgresDatabase]:
    """The schema's owner, with a town whose journal is sealed in two seals. Only the owner could cheat."""
    async with Ledger(database.app, PointsSettings()).running() as ledger:
        for id, kind in (("issuer", "issuer"), ("a", "resident"), ("shop", "shop")):
            await ledger.open_account("fukui", id, kind, overdraft=None if kind == "issuer" else 0)
        terms = LotTerms(kind=Kind.GIVEN, programme="p")
        grant = Transfer(id="g", code=Code.GRANT, debit="issuer", credit="a", amount=100, lot=terms)
        hold = Transfer(id="h", code=Code.SPEND, debit="a", credit="shop", amount=30, phase=Phase.PENDING)
        await ledger.submit("fukui", [grant, hold])
        await seal(database.system, "fukui", utc_now())
        post = Transfer(id="p", code=Code.SPEND, phase=Phase.POST, pending_id="h", amount=20)
        await ledger.submit("fukui", [post])
        await seal(database.system, "fukui", utc_now())
    name = database.app_url.rsplit("/", 1)[1]
    owner = await open_database(postgres.url(database=name), system=True, size=1)
    yield owner
    await owner.close()


async def test_whole_books_have_no_faults(database: CityDatabase, owner: PostgresDatabase) -> None:
    proof = await verify(database.system, "fukui")
    assert proof._replace(head="") == (3, 1, 2, 0, "", [])
    assert (await verify(database.system, "fukui", anchor=proof.head)).faults == []
    assert await seal(database.system, "fukui", utc_now()) is None
    assert (await verify(database.system, "neighbour")).transfers == 0


@pytest.mark.parametrize(
    ("cheat", "fault"),
    [
        ("update points_transfer set by = 'someone' where id = 'g'", "seal 1: transfers"),
        ("update points_transfer set amount = 90 where id = 'p'", "account a: its row says"),
        ("delete from points_transfer where id = 'p'", "pending transfer h"),
        ("update points_account set credits_posted = credits_posted + 1 where id = 'a'", "account a: its row says"),
        ("update points_lot set free = free + 5, amount = 200", "lot "),
        ("update points_lot set account = 'shop'", "account a: balance"),
        ("update points_pending set state = 'pending'", "pending transfer h"),
        ("delete from points_seal where number = 1", "seal 2 does not follow"),
        ("update points_seal set digest = sha256('x') where number = 2", "seal 2: transfers"),
    ],
)
async def test_cheating_is_found(database: CityDatabase, owner: PostgresDatabase, cheat: str, fault: str) -> None:
    async with owner.transaction() as tx:
        await tx.execute(cheat)
    faults = (await verify(database.system, "fukui")).faults
    assert any(found.startswith(fault) for found in faults), faults


async def test_a_rewritten_chain_no_longer_holds_the_digest_that_was_published(
    database: CityDatabase, owner: PostgresDatabase
) -> None:
    head = (await verify(database.system, "fukui")).head
    async with owner.transaction() as tx:
        await tx.execute("update points_transfer set by = 'someone' where id = 'g'")
        await tx.execute("delete from points_seal")
    await seal(database.system, "fukui", utc_now())
    assert (await verify(database.system, "fukui")).faults == []
    assert "no longer in the chain" in (await verify(database.system, "fukui", anchor=head)).faults[0]


@pytest.mark.parametrize("table", ["points_transfer", "points_seal", "points_closing"])
async def test_neither_role_may_change_the_past(database: CityDatabase, owner: PostgresDatabase, table: str) -> None:
    for role, tenant in ((database.app, "fukui"), (database.system, None)):
        for statement in (f"delete from {table}", f"update {table} set tenant_id = tenant_id"):
            with pytest.raises(Forbidden):
                async with role.transaction(tenant) as tx:
                    await tx.execute(statement)


async def test_a_neighbour_sees_nothing(database: CityDatabase, owner: PostgresDatabase) -> None:
    async with database.app.transaction("neighbour") as tx:
        for table in ("points_account", "points_transfer", "points_lot", "points_pending", "points_seal"):
            assert await tx.fetchval(f"select count(*) from {table}") == 0
