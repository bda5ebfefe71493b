"""One city carried out of a shared platform and into another, whole, with its sealed journals."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.errors import Conflict, Invalid, NotFound
from broker.sealing import seal_all, verify
from broker.store.migrate import ROLES, migrate
from broker.store.postgres import open_database
from cityos.embedded import EmbeddedPostgres
from cityos.journals import JOURNALS
from cityos.schema import MIGRATED_PACKAGES
from cityos.tenant_archive import STAYS, export_tenant, import_tenant, tables
from schemas.clock import utc_now
from tests.integration.door.conftest import Browser, api, base_url, browser, city
from tests.integration.gateway.conftest import City

__all__ = ["api", "base_url", "browser", "city"]

GAUGE = "urn:ngsi-ld:WaterObserved:g"


@pytest.fixture
async def elsewhere(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Another platform, with cities of its own and numbers in use; its owner's address."""
    await asyncio.to_thread(postgres.run_sql, "postgres", "create database elsewhere")
    url = postgres.url(database="elsewhere")
    owner = await open_database(url, system=True, size=2)
    await migrate(owner, MIGRATED_PACKAGES, {role: postgres.password(role) for role in ROLES})
    async with owner.transaction() as tx:
        await tx.execute("insert into tenant (name) select 'other' || n from generate_series(1, 7) n")
        await tx.execute(
            "insert into series (tenant_id, entity_id, attribute) select id, 'urn:x:' || n, 'level'"
            " from tenant, generate_series(1, 9) n"
        )
        await tx.execute(
            "insert into audit (tenant_id, at, actor, client, action, object, purpose, address, allowed, detail)"
            " select id, now(), '', '', 'x', '', '', '', true, '' from tenant, generate_series(1, 5)"
        )
    yield url
    await owner.close()
    await asyncio.to_thread(postgres.run_sql, "postgres", "drop database elsewhere with (force)")


async def live(city: City, browser: Browser) -> None:
    """A city with state, history, accounts, apps, devices, subscriptions, deliveries, quotas and a sealed trail."""
    staff = {"Authorization": f"Bearer {await browser.staff('administrator')}"}
    writer = {"Authorization": f"Bearer {await city.token('entities:write', 'subscriptions:write')}"}
    async with city.client() as api:
        for level in (1.5, 2.5, -0.25, 1.0):
            at = f"2024-07-01T0{int(level * 4) % 10}:00:00Z"
            body = [
                {"id": GAUGE, "type": "WaterObserved", "level": {"type": "Property", "value": level, "observedAt": at}}
            ]
            assert (await api.post("/ngsi-ld/v1/entityOperations/upsert", json=body, headers=writer)).is_success
        history = f"/ngsi-ld/v1/temporal/entities/{GAUGE}"
        kept = (await api.get(history, headers=writer)).json()["level"]
        wrong = next(one["instanceId"] for one in kept if one["value"] == 1.0)
        assert (await api.delete(f"{history}/attrs/level/{wrong}", headers=writer)).is_success
        subscription = {
            "type": "Subscription",
            "entities": [{"type": "WaterObserved"}],
            "notification": {"endpoint": {"uri": "https://app.example/hook"}},
        }
        made = await api.post("/ngsi-ld/v1/subscriptions", json=subscription, headers=writer)
        assert made.status_code == 201, made.text
        device = {"id": "gauge-1", "family": "river_gauge", "entity_id": GAUGE}
        assert (await api.post("/api/v1/devices", json=device, headers=staff)).status_code == 201
        assert (await api.put("/api/v1/quotas/*", json={"per_month": 9}, headers=staff)).status_code == 200
    system = city.database.system
    async with system.transaction() as tx:
        await tx.execute(
            "with s as (insert into subscriber (tenant_id, channel, target) select id, 'webhook', 'https://app.example/x'"
            " from tenant where name = 'fukui' returning id, tenant_id)"
            " insert into delivery (tenant_id, subscriber_id, notice_id, notice, created_at)"
            " select tenant_id, id, 'n1', '{}', now() from s"
        )
        await tx.execute(
            "insert into consent_evidence (tenant_id, at, kind, statement)"
            " select id, now(), 'test', 'statement ' || n from tenant, generate_series(1, 3) n where name = 'fukui'"
        )
    await seal_all(system, JOURNALS, utc_now())


async def test_a_city_is_carried_whole(
    city: City, browser: Browser, elsewhere: str, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await live(city, browser)
    source = postgres.url(database=city.database.system_url.rsplit("/", 1)[1])
    file = tmp_path / "fukui.city"
    made = await export_tenant(source, "fukui", file, log="postgres")
    filled = {name for name, count in made.counts.items() if count}
    assert {"entity", "series", "history", "user_account", "oauth_client", "device", "subscription", "subscriber",
            "delivery", "quota", "audit", "audit_seal", "consent_evidence", "evidence_seal"} <= filled  # fmt: skip
    name, _ = await import_tenant(file, elsewhere)
    assert name == "fukui"
    there = await open_database(elsewhere, system=True, size=2)
    try:
        async with there.transaction() as tx:
            levels = await tx.fetch(
                "select h.number from history h join series s on s.id = h.series_id"
                " where s.entity_id = $1 and s.attribute = 'level' order by h.number",
                GAUGE,
            )
            assert [row["number"] for row in levels] == [-0.25, 1.5, 2.5]
            assert await tx.fetchval(
                "select count(*) from history_withdrawn w join series s on s.id = w.series_id where s.entity_id = $1",
                GAUGE,
            ), "what was deleted stays so"
            delivered = await tx.fetchval(
                "select s.target from delivery d join subscriber s on s.id = d.subscriber_id where d.notice_id = 'n1'"
            )
            assert delivered == "https://app.example/x"
            assert {table.name for table in await tables(tx)} == made.counts.keys()
            login = await tx.fetchrow("select password_hash, roles from user_account")
            assert login["password_hash"].startswith("$argon2id$")
            others = await tx.fetchval(
                "select count(*) from audit a join tenant t on t.id = a.tenant_id where t.name <> 'fukui'"
            )
            assert others == 35
        findings = [finding for finding in await verify(there, JOURNALS) if finding.tenant == "fukui"]
        assert [finding.broken for finding in findings] == [None] * len(findings)
        assert sum(finding.records for finding in findings) >= 5
        async with there.transaction() as tx:
            await tx.execute(
                "insert into audit (tenant_id, at, actor, client, action, object, purpose, address, allowed, detail)"
                " select id, now(), '', '', 'after', '', '', '', true, '' from tenant"
            )
        await seal_all(there, JOURNALS, utc_now())
        assert all(finding.broken is None for finding in await verify(there, JOURNALS))
        async with there.transaction() as tx:
            await tx.execute("set local session_replication_role = replica")
            await tx.execute(
                "update audit set actor = 'somebody' where id = (select min(id) from audit where action = 'login')"
            )
        assert any(finding.broken is not None for finding in await verify(there, JOURNALS)), "the chain still proves"
    finally:
        await there.close()
    with pytest.raises(Conflict, match="already"):
        await import_tenant(file, elsewhere)


async def test_what_cannot_be_carried(city: City, elsewhere: str, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    source = postgres.url(database=city.database.system_url.rsplit("/", 1)[1])
    with pytest.raises(NotFound):
        await export_tenant(source, "atlantis", tmp_path / "a.city", log="postgres")
    assert os.listdir(tmp_path) == []
    file = tmp_path / "fukui.city"
    await export_tenant(source, "fukui", file, log="postgres")
    with pytest.raises(Conflict):
        await export_tenant(source, "fukui", file, log="postgres")
    owner = await open_database(elsewhere, system=True, size=1)
    async with owner.transaction() as tx:
        await tx.execute("insert into schema_migration (owner, name, digest) values ('x', '9999_later.sql', 'y')")
    await owner.close()
    with pytest.raises(Invalid, match="another schema"):
        await import_tenant(file, elsewhere)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    file.write_bytes(damaged)
    with pytest.raises(Invalid):
        await import_tenant(file, elsewhere)


_TABLES = """
select c.relname as name from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
"""


async def test_only_what_is_said_stays(city: City) -> None:
    """A table that is added later is carried, or this names it."""
    async with city.database.system.transaction() as tx:
        known = {table.name for table in await tables(tx)}
        every = {row["name"] for row in await tx.fetch(_TABLES)}
    assert every - known == STAYS.keys()
    assert all(STAYS.values()), "each says why"
