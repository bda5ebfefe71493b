"""The audit trail is sealed, and a change by whoever holds the database is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api_gateway.oauth.journal import AUDIT
from broker.sealing import seal_all, verify
from cityos.embedded import EmbeddedPostgres
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

NOW = datetime(2026, 11, 21, tzinfo=UTC)


async def some_lines(browser: Browser, count: int) -> None:
    for _ in range(count):
        await browser.post("/account/login", {"login": "nobody@example.jp", "password": "wrong"})


async def test_sealed_once_and_verified(browser: Browser, city: City) -> None:
    await some_lines(browser, 3)
    assert await seal_all(city.database.system, [AUDIT], NOW) == 1
    assert await seal_all(city.database.system, [AUDIT], NOW) == 0
    await some_lines(browser, 2)
    [before, _] = await verify(city.database.system, [AUDIT])
    assert (before.seals, before.records, before.unsealed, before.broken) == (1, 3, 2, None)
    assert await seal_all(city.database.system, [AUDIT], NOW + timedelta(days=3)) == 1
    [after, empty] = await verify(city.database.system, [AUDIT])
    assert (after.seals, after.records, after.unsealed) == (2, 5, 0)
    assert after.head != before.head
    assert (empty.seals, empty.head) == (0, "")


async def test_a_line_that_commits_late_is_sealed_later(browser: Browser, city: City) -> None:
    insert = "insert into audit (tenant_id, at, actor, client, action, object, purpose, address, allowed, detail) values (current_setting('cityos.tenant_id')::int, now(), '', '', 'late', '', '', '', true, '')"  # noqa: E501
    async with city.database.app.transaction("fukui") as tx:
        await tx.execute(insert)
        await some_lines(browser, 1)
        assert await seal_all(city.database.system, [AUDIT], NOW) == 1
    assert await seal_all(city.database.system, [AUDIT], NOW) == 1
    [found, _] = await verify(city.database.system, [AUDIT])
    assert (found.seals, found.records, found.unsealed, found.broken) == (2, 2, 0, None)


@pytest.mark.parametrize(
    ("tamper", "broken", "why"),
    [
        ("update audit set actor = 'somebody else' where id = (select min(id) from audit)", 1, "was changed"),
        ("update audit set allowed = true where id = (select max(id) from audit)", 2, "was changed"),
        ("delete from audit where id = (select min(id) from audit)", 1, "of them there are 1"),
        ("delete from audit_seal where number = 1", 2, "seal 1 is missing"),
        ("update audit_seal set digest = '\\x00' where number = 1", 1, "was changed"),
    ],
)
async def test_what_the_keeper_of_the_database_changes_is_found(
    browser: Browser, city: City, postgres: EmbeddedPostgres, tamper: str, broken: int, why: str
) -> None:
    for _ in range(2):
        await some_lines(browser, 2)
        await seal_all(city.database.system, [AUDIT], NOW)
    name = city.database.app_url.rpartition("/")[2].partition("?")[0]
    for table in ("audit", "audit_seal"):
        postgres.run_sql(name, f"alter table {table} disable trigger append_only")
    postgres.run_sql(name, tamper)
    [found, _] = await verify(city.database.system, [AUDIT])
    assert found.broken == broken
    assert why in found.why
