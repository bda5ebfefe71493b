"""What was deleted is remembered as long as the city keeps history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.store.retention import delete_by_time
from tests.conftest import CityDatabase

NOW = datetime(2024, 7, 1, tzinfo=UTC)
KINDS = ("entity_past", "attribute_past", "history_withdrawn")
_ENTITY = """insert into entity_past (tenant_id, id, type, doc, stamps, created_at, modified_at, deleted_at)
select id, $1, array['River'], '{}', '{}', $2, $2, $2 from tenant where name = 'fukui'"""
_ATTRIBUTE = """insert into attribute_past (tenant_id, entity_id, attribute, kind, deleted_at)
select id, $1, 'level', 'Property', $2 from tenant where name = 'fukui'"""

_WITHDRAWN = """insert into history_withdrawn (tenant_id, series_id, at, digest, received_at, withdrawn_at)
select id, length($1), $2, '', $2, $2 from tenant where name = 'fukui'"""


async def test_it_goes_with_the_history(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        for name, years in (("urn:x:old", 6), ("urn:x:young", 4)):
            for statement in (_ENTITY, _ATTRIBUTE, _WITHDRAWN):
                await tx.execute(statement, name, NOW - timedelta(days=365 * years))
    async with database.system.transaction() as tx:
        assert [await delete_by_time(kind, NOW, tx, 10) for kind in KINDS] == [1, 1, 1]
        assert await tx.fetchval("select string_agg(id, ',') from entity_past") == "urn:x:young"
        assert await tx.fetchval("select count(*) from history_withdrawn") == 1
        assert await tx.fetchval("select string_agg(entity_id, ',') from attribute_past") == "urn:x:young"
