"""Many subscriptions at once: each is looked up by its key, by whatever plan PostgreSQL has kept from before."""

from __future__ import annotations

import pytest

from broker.sql import load
from tests.conftest import CityDatabase

_SQL = load("broker.store", "notifications")
_MANY = 5_000
_ASKED = 1_000


@pytest.mark.parametrize("name", ["revisions_of", "subscriptions", "last_told"])
async def test_thousands_of_new_subscriptions_are_looked_up_by_their_keys(database: CityDatabase, name: str) -> None:
    """Those of a table that was filled a moment ago: no statistics, and a plan made for any keys."""
    async with database.system.transaction() as tx:
        city = await tx.fetchval("select id from tenant where name = 'fukui'")
        await tx.execute(
            "insert into subscription (tenant_id, id, doc)"
            " select $1::int, 'urn:ngsi-ld:Subscription:' || n, '{}' from generate_series(1, $2::int) n",
            city,
            _MANY,
        )
        await tx.execute("set local plan_cache_mode = force_generic_plan")
        await tx.execute(f"prepare looked_up (int[], text[]) as {_SQL[name]}")
        cities = ",".join([str(city)] * _ASKED)
        ids = ",".join(f"urn:ngsi-ld:Subscription:{number}" for number in range(1, _ASKED + 1))
        rows = await tx.fetch(
            f"explain (analyze, costs off, timing off) execute looked_up ('{{{cities}}}', '{{{ids}}}')"
        )
        await tx.execute("deallocate looked_up")
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using subscription_pkey" in plan, plan
    assert "Rows Removed by Join Filter" not in plan, plan
