"""Across tenants: every table through the application's role, every route with a neighbour's token."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import httpx

from broker.errors import Forbidden
from broker.ports import Transaction
from cityos.embedded import EmbeddedPostgres
from tests.conftest import CityDatabase
from tests.integration.door.conftest import Browser
from tests.integration.gateway.conftest import City

SHARED = {
    "attempt": "log-ins tried, by address and account name, before anybody is of a city",
    "broker_identity": "which broker file was written last",
    "outbox": "records on their way to the log; the application only adds",
    "push_key": "the installation's key for web push",
    "revoked_grant": "tokens taken back, by their random number",
    "signing_key": "the installation's signing keys, sealed",
    "tenant": "names of the cities",
    "up_hour": "in which hours the installation answered",
}
"""What the application reaches without row-level security, and what is in it."""

_OPEN = """
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relrowsecurity
    and not coalesce(c.reloptions, '{}') @> '{security_invoker=true}'
    and (has_any_column_privilege('cityos_app', c.oid, 'select, insert, update')
         or has_table_privilege('cityos_app', c.oid, 'delete'))
"""
_TABLES = """
select c.oid, c.relname as name, a.attname as tenant, c.relkind = 'p' as parted, c.relrowsecurity as secured
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('tenant_id', 'city') and a.attnum > 0
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by 2
"""
_PARTS = """
select c.relname as name from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relispartition
    and has_any_column_privilege('cityos_app', c.oid, 'select, insert, update')
"""
_COLUMNS = """
select a.attname as name, t.typname as type, t.typcategory::text as category
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef
    and a.attidentity = ''
"""
_VALUES = {
    "bytea": "''",
    "jsonb": "'{}'",
    "uuid": "gen_random_uuid()",
    "xid8": "'1'",
    "interval": "'1 s'",
    "_timestamptz": "'{}'",
}
_BY_CATEGORY = {"N": "1", "S": "'x'", "B": "true", "D": "now()", "A": "'{1}'"}


async def test_what_the_application_reaches_knows_rows_of_one_city_or_is_meant_for_all(city: City) -> None:
    async with city.database.system.transaction() as tx:
        assert {row["relname"] for row in await tx.fetch(_OPEN)} == SHARED.keys()


async def test_every_table_with_tenant_rows_is_closed_to_the_neighbour(city: City, postgres: EmbeddedPostgres) -> None:
    """A row of the other city in every table there is; none can be counted, changed or deleted."""
    database = city.database
    async with database.system.transaction() as tx:
        fukui = await tx.fetchval("select id from tenant where name = 'fukui'")
        tables = [row for row in await tx.fetch(_TABLES) if row["name"] != "tenant"]
        filling = [statement for row in tables for statement in await _filling(tx, row, fukui)]
        parts = await tx.fetch(_PARTS)
    name = urlsplit(database.system_url).path[1:]
    postgres.run_sql(name, ";".join(("set session_replication_role = replica", *filling)))
    assert len(tables) > 100
    assert not parts, "partitions are reached through their table only, whose rules hold"
    for table in tables:
        rows = f"{table['name']} where {table['tenant']} = {fukui}"
        async with database.system.transaction() as tx:
            assert await tx.fetchval(f"select count(*) from {rows}") > 0, f"{table['name']} was not filled"
        for statement in (
            f"select count(*) from {rows}",
            _counted(
                f"update {table['name']} set {table['tenant']} = {table['tenant']} where {table['tenant']} = {fukui}"
            ),
            _counted(f"delete from {rows}"),
        ):
            assert await _as_neighbour(database, statement) == 0, statement


async def _filling(tx: Transaction, table: Any, tenant: int) -> list[str]:
    """One row of `tenant`, of whatever each column's type allows; what else the table asks of its rows is dropped."""
    name, columns = table["name"], {table["tenant"]: str(tenant)}
    for column in await tx.fetch(_COLUMNS, table["oid"]):
        value = _VALUES.get(column["type"]) or _BY_CATEGORY[column["category"]]
        columns.setdefault(column["name"], value)
    checks = await tx.fetch("select conname from pg_constraint where conrelid = $1 and contype = 'c'", table["oid"])
    statements = [f"alter table {name} drop constraint {row['conname']}" for row in checks]
    if table["parted"]:
        statements += [f"create table if not exists {name}_rest partition of {name} default"] * bool(
            not await tx.fetchval("select partdefid <> 0 from pg_partitioned_table where partrelid = $1", table["oid"])
        )
    return [*statements, f"insert into {name} ({', '.join(columns)}) values ({', '.join(columns.values())})"]


def _counted(statement: str) -> str:
    return f"with touched as ({statement} returning 1) select count(*) from touched"


async def _as_neighbour(database: CityDatabase, statement: str) -> int:
    """How many rows of the other city the statement touched; 0 where the database refuses it."""
    try:
        async with database.app.transaction("neighbour") as tx:
            return int(await tx.fetchval(statement))
    except Forbidden:
        return 0


async def test_the_application_cannot_write_into_another_city(city: City) -> None:
    async with city.database.system.transaction() as tx:
        fukui = await tx.fetchval("select id from tenant where name = 'fukui'")
    smuggled = f"with x as (insert into audit (tenant_id, at, actor, client, action, object, purpose, address, allowed, detail) values ({fukui}, now(), '', '', '', '', '', '', true, '') returning 1) select count(*) from x"  # noqa: E501
    assert await _as_neighbour(city.database, smuggled) == 0
    async with city.database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from audit") == 0


LOGIN, MARK = "hanako@example.jp", "越前の印"
"""What stands in fukui's rows alone: no answer to a neighbour may hold it."""
PUBLIC = {("post", "/account/signup")}
"""What anybody may do in any city."""
BOOKS = {"audit"}
"""Where a city's own books say that a stranger asked and was refused."""
_ENDING = ("/account/logout", "/oauth/logout", "/account/password")


async def _fill(browser: Browser, city: City) -> dict[str, str]:
    """A resident with an app, a device and an entity in fukui; what paths name them by."""
    person = await browser.sign_up(LOGIN)
    await browser.log_in(LOGIN)
    app = await browser.register(client_name=MARK)
    doc = {"id": "urn:ngsi-ld:WaterObserved:g", "type": "WaterObserved", "note": {"type": "Property", "value": MARK}}
    async with city.database.system.transaction() as tx:
        await tx.execute(
            "insert into device (tenant_id, id, family) select id, 'g', 'river_gauge' from tenant where name = 'fukui'"
        )
        await tx.execute(
            "insert into entity (tenant_id, id, type, doc, version, created_at, modified_at)"
            " select id, $1, '{WaterObserved}', $2::text::jsonb, 1, now(), now() from tenant where name = 'fukui'",
            *(doc["id"], json.dumps(doc)),
        )
    names = {"entity_id": "urn:ngsi-ld:WaterObserved:g", "id": "urn:ngsi-ld:WaterObserved:g", "device_id": "g"}
    return names | {"client_id": app["client_id"], "recipient": app["client_id"], "user_id": person, "person": person}


async def _rows_of_fukui(city: City) -> dict[str, str]:
    """Every table's rows of fukui as one digest, but for the books."""
    async with city.database.system.transaction() as tx:
        return {
            table["name"]: await tx.fetchval(
                f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table['name']} t"
                f" where {table['tenant']} = (select id from tenant where name = 'fukui')"
            )
            for table in await tx.fetch(_TABLES)
            if table["name"] not in BOOKS and table["name"] != "tenant"
        }


async def test_a_neighbour_opens_no_route_and_changes_nothing(browser: Browser, city: City) -> None:
    """Every route that there is, those of accounts and OAuth too, with a session and a token of the neighbour's that
    have every scope, naming fukui and what is fukui's: no answer tells of it, and none of its rows is another."""
    names = await _fill(browser, city)
    assert MARK in (await browser.get("/account/apps")).text, "who may see it does"
    document = city.app.openapi()
    async with city.client() as client:
        neighbour = Browser(city, client)
        token = await neighbour.staff("administrator", tenant="neighbour")
        headers = {"Authorization": f"Bearer {token}", "NGSILD-Tenant": "fukui", "Fiware-Service": "fukui"}
        before = await _rows_of_fukui(city)
        operations = [(method, path) for path, there in document["paths"].items() for method in there]
        for method, path in sorted(set(operations) - PUBLIC, key=lambda one: one[1].startswith(_ENDING)):
            body = _body(document, document["paths"][path][method])
            address = re.sub(r"{(\w+)}", lambda found: names.get(found[1], found[1]), path)
            own = {"X-CSRF-Token": neighbour.csrf} if path.startswith(("/account", "/oauth")) else {}
            answer = await client.request(method, address, headers=headers | own, **body, timeout=60)
            told = answer.text
            assert answer.status_code < 500 or path == "/health/ready", (method, path, told)
            assert LOGIN not in told, (method, path)
            assert MARK not in told, (method, path)
            if not path.startswith(("/account", "/oauth", "/.well-known", "/health", "/metrics", "/api/v1/config")):
                assert path == "/v2" or answer.status_code in (400, 401, 403, 404, 413, 415), (method, path, told)
    assert len(operations) > 200
    after = await _rows_of_fukui(city)
    assert {name for name in before if before[name] != after[name]} == set()


def _body(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """What a request of this operation must have in its body, so that it is not refused for want of that alone."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/x-www-form-urlencoded" in content:
        schema = content["application/x-www-form-urlencoded"].get("schema", {})
        return {"data": _least(document, schema) or {}}
    for media in ("application/json", "application/ld+json", "application/merge-patch+json"):
        if media in content:
            return {"json": _least(document, content[media].get("schema", {}))}
    return {"json": {}} if content else {}


def _least(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """The least that the schema takes."""
    if "$ref" in schema:
        return _least(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _least(document, schema[several][0])
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "array":
        return [_least(document, schema.get("items", {}))] * schema.get("minItems", 0)
    if schema.get("type") in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if schema.get("type") == "boolean":
        return True
    if schema.get("type") == "string":
        when = {"date-time": "2026-11-01T00:00:00Z", "date": "2026-11-01"}
        return when.get(schema.get("format", ""), "x" * max(schema.get("minLength", 1), 1))
    properties = schema.get("properties", {})
    return {name: _least(document, properties.get(name, {})) for name in schema.get("required", ())}


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
