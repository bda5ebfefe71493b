"""Across tenants: every table through the application's role, every route with a neighbour's token."""

from __future__ import annotations

from typing import Any

import httpx

from broker.errors import CityError
from tests.conftest import CityDatabase
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

_TABLES = """
select c.relname as name, c.relrowsecurity as secured, c.relispartition as part, pg_get_userbyid(c.relowner) as owner
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
order by 1
"""


async def test_every_table_with_tenant_rows_is_closed_to_the_neighbour(browser: Browser, city: City) -> None:
    database = city.database
    await _fill(browser, city)
    async with database.system.transaction() as tx:
        tables = [row for row in await tx.fetch(_TABLES) if row["name"] != "tenant"]
        fukui = await tx.fetchval("select id from tenant where name = 'fukui'")
        whole = [row["name"] for row in tables if not row["part"]]
        filled = {name for name in whole if await tx.fetchval(f"select exists (table {name})")}
    assert {"user_account", "login_session", "oauth_client", "audit", "device", "entity"} <= filled
    for table in tables:
        name = table["name"]
        if not table["part"]:
            reachable = await _privileges(database, name)
            assert table["secured"] or not reachable, f"{name} has tenant rows, no row-level security, and is granted"
        for statement in (
            f"select count(*) from {name} where tenant_id = {fukui}",
            _counted(f"update {name} set tenant_id = tenant_id where tenant_id = {fukui}"),
            _counted(f"delete from {name} where tenant_id = {fukui}"),
        ):
            assert await _as_neighbour(database, statement) == 0, statement


def _counted(statement: str) -> str:
    return f"with touched as ({statement} returning 1) select count(*) from touched"


async def _privileges(database: CityDatabase, table: str) -> bool:
    async with database.system.transaction() as tx:
        return bool(
            await tx.fetchval("select has_table_privilege('cityos_app', $1, 'select,insert,update,delete')", table)
        )


async def _as_neighbour(database: CityDatabase, statement: str) -> int:
    """How many rows of the other city the statement touched; 0 where the database refuses it."""
    try:
        async with database.app.transaction("neighbour") as tx:
            return int(await tx.fetchval(statement))
    except CityError:
        return 0


async def _fill(browser: Browser, city: City) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    await browser.register()
    async with city.database.system.transaction() as tx:
        await tx.execute("insert into device (tenant_id, id, family) select id, 'g', 'river_gauge' from tenant")
        await tx.execute(
            "insert into entity (tenant_id, id, type, doc, version, created_at, modified_at)"
            " select id, 'urn:ngsi-ld:WaterObserved:g', '{WaterObserved}', '{}', 1, now(), now() from tenant"
        )


async def test_the_application_cannot_write_into_another_city(city: City) -> None:
    async with city.database.system.transaction() as tx:
        fukui = await tx.fetchval("select id from tenant where name = 'fukui'")
    smuggled = f"with x as (insert into audit (tenant_id, at, actor, client, action, object, purpose, address, allowed, detail) values ({fukui}, now(), '', '', '', '', '', '', true, '') returning 1) select count(*) from x"  # noqa: E501
    assert await _as_neighbour(city.database, smuggled) == 0
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from audit") == 0


async def test_a_neighbours_token_opens_no_route(browser: Browser, city: City, api: httpx.AsyncClient) -> None:
    """Every path in the published document, with a token of the neighbour's that has every scope there is."""
    await _fill(browser, city)
    token = await browser.staff("administrator", tenant="neighbour")
    headers = {"Authorization": f"Bearer {token}", "NGSILD-Tenant": "fukui", "Fiware-Service": "fukui"}
    document = (await api.get("/openapi.json")).json()
    tried = 0
    for path, operations in document["paths"].items():
        if path == "/v2" or path.startswith(
            ("/account", "/oauth", "/.well-known", "/health", "/metrics", "/openapi", "/api/v1/config")
        ):
            continue
        for method in operations:
            answer = await api.request(method, _filled(path), headers=headers, json=_body(method))
            assert answer.status_code in (400, 401, 403, 404, 415), (method, path, answer.text)
            assert answer.status_code != 400 or "tenant" not in answer.text
            tried += 1
    assert tried >= 20


def _filled(path: str) -> str:
    return (
        path.replace("{entity_id}", "urn:ngsi-ld:WaterObserved:g")
        .replace("{device_id}", "g")
        .replace("{", "")
        .replace("}", "")
    )


def _body(method: str) -> Any:
    return {} if method in ("post", "put", "patch") else None


async def test_a_session_is_of_one_tenant(browser: Browser, api: httpx.AsyncClient) -> None:
    await browser.sign_up("dev@example.jp")
    await browser.log_in("dev@example.jp")
    [(name, cookie)] = browser.client.cookies.items()
    for forged in (
        cookie.replace("fukui.", "neighbour."),
        cookie.partition(".")[2],
        "",
        "fukui.",
        "nowhere.x",
        "x" * 5000,
    ):
        answer = await api.get("/account/session", headers={"Cookie": f"{name}={forged}"})
        assert answer.json() == {"person": None}
