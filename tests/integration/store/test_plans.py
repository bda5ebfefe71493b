"""How PostgreSQL answers the application's role: with row-level security on, by an index that begins with the city.

The statements are those of `broker.store.reading` and `temporal`, explained and not imitated, beside a neighbour as
large as the city.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access.policy import ANYONE
from access.policy_file import parse_policy
from access.reach import reaches
from broker.query.geo import geo_query
from broker.query.q import compile_q
from broker.store import reading, temporal
from broker.store.reach import settled
from broker.store.reading import Selection
from broker.store.temporal import Span, Wish
from cityos.embedded import EmbeddedPostgres
from tests.conftest import CityDatabase

AT = datetime(2026, 7, 1, tzinfo=UTC)
_FILL = """
insert into entity (tenant_id, id, type, doc, version, lon, lat, created_at, modified_at)
select t.id, 'urn:g:' || n, array[case when n % 50 = 0 then 'Rare' else 'Common' end],
    jsonb_build_object('level', jsonb_build_object('type', 'Property', 'value', n % 97),
        'location', jsonb_build_object('type', 'GeoProperty', 'value',
            jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(135 + n * 0.0001, 35 + n * 0.0001)))),
    1, 135 + n * 0.0001, 35 + n * 0.0001, now(), now()
from tenant t, generate_series(1, 20000) n;
insert into series (tenant_id, entity_id, attribute)
select tenant_id, id, 'level' from entity where first_type = 'Rare';
insert into history (series_id, at, tenant_id, number, received_at)
select s.id, timestamptz '2026-07-01' + n * interval '10 minutes', s.tenant_id, n, now()
from series s, generate_series(0, 99) n;
"""


class Explaining:
    """A transaction that answers every statement with its plan, and keeps it."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.plan = ""

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        rows = await self._tx.fetch(f"explain (analyze, costs off, timing off) {statement}", *values)
        self.plan = "\n".join(row[0] for row in rows)
        return []

    async def fetchval(self, statement: str, *values: Any) -> int:
        await self.fetch(statement, *values)
        return 0


@pytest.fixture
async def crowded(database: CityDatabase, postgres: EmbeddedPostgres) -> CityDatabase:
    async with database.system.transaction() as tx:
        for statement in _FILL.split(";")[:-1]:
            await tx.execute(statement)
    async with database.system.transaction() as tx:
        await tx.execute(
            "insert into delegation (tenant_id, id, reader, types, purpose, since, given_by, given_at)"
            " select g.id, 'd', r.id, '{Rare}', 'x', now() - interval '1 day', 'x', now()"
            " from tenant g, tenant r where g.name = 'fukui' and r.name = 'neighbour'"
        )
    await asyncio.to_thread(postgres.run_sql, database.system_url.rsplit("/", 1)[1], "analyze")
    return database


def _check(plan: str, *, index: str) -> None:
    assert re.search(r"Seq Scan on entity\b", plan) is None, plan
    assert "Seq Scan on history" not in plan, plan
    assert index in plan, plan


BOX = geo_query("within", "Polygon", "[[[135.1,35.1],[135.2,35.1],[135.2,35.2],[135.1,35.2],[135.1,35.1]]]", "location")

_HERE = {
    "type": "Polygon",
    "coordinates": [[[135.1, 35.1], [135.2, 35.1], [135.2, 35.2], [135.1, 35.2], [135.1, 35.1]]],
}
ONLY_HERE = parse_policy(
    {
        "version": "1",
        "areas": {"here": _HERE},
        "rules": [
            {
                "name": "here",
                "explanation": "x",
                "allow": True,
                "actions": ["read"],
                "types": ["Rare"],
                "areas": ["here"],
            }
        ],
    }
)


@pytest.mark.parametrize("tenant", ["fukui", "fukui@neighbour"])
async def test_reads_use_the_citys_indexes(crowded: CityDatabase, tenant: str) -> None:
    assert BOX is not None
    box = BOX.box()
    assert box is not None
    async with crowded.app.transaction(tenant) as tx:
        explaining: Any = Explaining(tx)
        await reading.documents(explaining, ["urn:g:50", "urn:g:100"])
        _check(explaining.plan, index="entity_pkey")
        assert "tenant_id =" in explaining.plan
        rare = Selection(types=("Rare",))
        await reading.select(explaining, rare, limit=100, offset=0)
        _check(explaining.plan, index="entity_by_type")
        await reading.count(explaining, rare)
        _check(explaining.plan, index="entity_by_type")
        await reading.candidates(explaining, Selection(where=(box,)), "location")
        _check(explaining.plan, index="entity_by_place")
        await reading.select(
            explaining, rare._replace(where=(compile_q("level>90", lambda name: name),)), limit=100, offset=0
        )
        _check(explaining.plan, index="entity_by_type")
        await settled(explaining, rare._replace(reaches=reaches(ONLY_HERE, ANYONE, tenant)))
        _check(explaining.plan, index="entity_by_place")
        span = Span(AT, AT + timedelta(hours=3))
        await temporal.points(explaining, ["urn:g:50"], Wish(("level",)), span, limit=1000)
        _check(explaining.plan, index="history")
        assert "Index Cond: ((series_id =" in explaining.plan, explaining.plan
        await reading.types(explaining)
        _check(explaining.plan, index="entity_by_type")


async def test_index_types_are_leakproof(database: CityDatabase) -> None:
    """Under row-level security an index helps only where the operator cannot tell anything of others' rows."""
    async with database.system.transaction() as tx:
        leaking = await tx.fetch(
            "select distinct i.indexrelid::regclass::text as index, p.oid::regprocedure::text as function"
            " from pg_index i join pg_class c on c.oid = i.indrelid and c.relrowsecurity"
            " join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam and m.amname = 'btree'"
            " cross join unnest(i.indclass) as k (class) join pg_opclass o on o.oid = k.class"
            " join pg_amop a on a.amopfamily = o.opcfamily and a.amopstrategy = 3"
            " and a.amoplefttype = o.opcintype and a.amoprighttype = o.opcintype"
            " join pg_operator w on w.oid = a.amopopr join pg_proc p on p.oid = w.oprcode"
            " where not p.proleakproof and c.relname in ('entity', 'series', 'history', 'device', 'consent')"
        )
    assert [tuple(row) for row in leaking] == []


@pytest.mark.parametrize(
    ("table", "moved"),
    [
        ("entity", {"doc", "version", "modified_at", "stamps"}),
        ("gauge_state", {"level", "observed_at", "silent_from", "steps", "state", "revision"}),
    ],
)
async def test_what_a_reading_moves_is_in_no_index(database: CityDatabase, table: str, moved: set[str]) -> None:
    """In its columns or in its predicate: one such index takes the short way (HOT) from every update of the table."""
    async with database.system.transaction() as tx:
        rows = await tx.fetch(
            "select distinct a.attname from pg_depend d"
            " join pg_index i on i.indexrelid = d.objid and d.classid = 'pg_class'::regclass"
            " join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid"
            " where i.indrelid = $1::regclass and d.refobjid = i.indrelid",
            table,
        )
    indexed = {row["attname"] for row in rows}
    assert indexed, "no index at all"
    assert not indexed & moved
