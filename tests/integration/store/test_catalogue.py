"""The subscriptions kept in memory follow the table, whatever commits when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.jsonld.library import ContextLibrary
from broker.ports import Transaction
from broker.store import subscriptions as store
from broker.store.subscriptions import ENTITIES, REGISTRATIONS
from broker.subscriptions.catalogue import Catalogue
from broker.subscriptions.index import Live
from schemas.change import Change
from tests.conftest import CityDatabase

AT = datetime(2026, 7, 1, tzinfo=UTC)
PARK = Change(
    tenant="fukui", entity="urn:x:1", type=("Park",), op="update", version=2, at=AT, attributes={}, previous={}
)


async def nothing(url: str) -> bytes:
    raise AssertionError(url)


def catalogue(database: CityDatabase, **more: Any) -> Catalogue:
    return Catalogue(ContextLibrary(database.system, nothing, "http://here"), **more)


async def known(database: CityDatabase, followed: Catalogue) -> dict[str, Live]:
    async with database.system.transaction() as tx:
        await followed.refresh(tx)
    return {live.id: live for some in followed.candidates(PARK) for live in some.lives}


def about(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "entities": [{"type": "Park"}], **more}


async def create(tx: Transaction, id_: str) -> None:
    await store.create_subscription(tx, ENTITIES, about(id_), AT)


async def test_only_what_changed_is_read_again(database: CityDatabase) -> None:
    followed = catalogue(database)
    async with database.app.transaction("fukui") as tx:
        for number in range(3):
            await create(tx, f"s{number}")
        await store.create_subscription(tx, REGISTRATIONS, about("other"), AT)
    first = await known(database, followed)
    assert set(first) == {"s0", "s1", "s2"}

    async with database.app.transaction("fukui") as tx:
        await store.change_subscription(tx, ENTITIES, about("s1", watchedAttributes=["name"]), AT)
        await store.delete_subscription(tx, ENTITIES, "s2")
        await create(tx, "s3")
    second = await known(database, followed)
    assert set(second) == {"s0", "s3"}
    assert second["s0"] is first["s0"]


async def test_what_commits_late_is_not_passed_over(database: CityDatabase) -> None:
    followed = catalogue(database)
    async with database.app.transaction("fukui") as tx:
        await create(tx, "gone-late")
    await known(database, followed)
    async with database.app.transaction("fukui") as late:
        await create(late, "late")
        await store.delete_subscription(late, ENTITIES, "gone-late")
        async with database.app.transaction("neighbour") as early:
            await store.create_subscription(early, ENTITIES, about("theirs"), AT)
        assert set(await known(database, followed)) == {"gone-late"}
    assert set(await known(database, followed)) == {"late"}


async def test_who_slept_longer_than_changes_are_kept_compares_everything(database: CityDatabase) -> None:
    now = 0.0
    followed = catalogue(database, monotonic=lambda: now)
    async with database.app.transaction("fukui") as tx:
        await create(tx, "before")
    await known(database, followed)
    async with database.app.transaction("fukui") as tx:
        await store.delete_subscription(tx, ENTITIES, "before")
        await create(tx, "after")
    async with database.system.transaction() as tx:
        assert await store.forget_changes(datetime.now(UTC) + timedelta(days=2), tx, 100) == 3
        assert await store.forget_changes(datetime.now(UTC) + timedelta(days=2), tx, 100) == 0
    now = 7200.0
    assert set(await known(database, followed)) == {"after"}


async def test_being_told_is_no_change(database: CityDatabase) -> None:
    followed = catalogue(database)
    async with database.app.transaction("fukui") as tx:
        await create(tx, "s")
    before = await known(database, followed)
    async with database.system.transaction() as tx:
        await tx.execute("update subscription set last_notification = now(), times_sent = times_sent + 1")
        assert await tx.fetchval("select count(*) from subscription_change") == 1
    assert (await known(database, followed))["s"] is before["s"]
