"""Writing entities: current state, history and change events agree, whatever is repeated, late or corrected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.entities.merge import EntityUpdate
from broker.ports import NewRecord, Transaction
from broker.store.entities import EntityWriter, Written
from broker.store.history import confirm
from schemas.change import Change, decode_change
from schemas.clock import iso
from tests.conftest import CityDatabase

GAUGE = "urn:ngsi-ld:WaterObserved:180009:1"
START = datetime(2023, 7, 13, 0, 0, tzinfo=UTC)
NOW = datetime(2023, 7, 14, 0, 0, tzinfo=UTC)


class KeptRecords:
    """An outlet that keeps what it was given, to be looked at."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def put(self, tx: Transaction, topic: str, records: Sequence[NewRecord]) -> None:
        self.changes.extend(decode_change(record.value) for record in records)


def level(minutes: int, value: float) -> EntityUpdate:
    attribute = {
        "type": "Property",
        "value": value,
        "unitCode": "MTR",
        "observedAt": iso(START + timedelta(minutes=minutes)),
    }
    return EntityUpdate(GAUGE, ("WaterObserved",), {"waterLevel": attribute})


class Bench:
    def __init__(self, database: CityDatabase) -> None:
        self.outlet = KeptRecords()
        self._writer = EntityWriter(self.outlet)
        self._database = database.system

    async def write(self, *updates: EntityUpdate, at: datetime = NOW) -> Written:
        async with self._database.transaction() as tx:
            return await self._writer.write(tx, "fukui", updates, at=at)

    async def levels(self) -> list[tuple[int, int, float]]:
        async with self._database.transaction() as tx:
            rows = await tx.fetch("select at, version, number from history order by at, version")
        return [(int((row["at"] - START).total_seconds() // 60), row["version"], row["number"]) for row in rows]

    async def current(self) -> Any:
        async with self._database.transaction() as tx:
            return await tx.fetchval("select doc -> 'waterLevel' -> 'value' from entity where id = $1", GAUGE)


@pytest.fixture
def bench(database: CityDatabase) -> Bench:
    return Bench(database)


async def test_a_first_value_makes_the_entity(bench: Bench) -> None:
    written = await bench.write(level(0, 1.0))
    assert written.versions == [{"waterLevel": 0}]
    assert [(c.op, c.version) for c in bench.outlet.changes] == [("create", 1)]
    assert await bench.levels() == [(0, 0, 1.0)]


async def test_a_batch_of_one_entity_is_one_change_with_all_samples(bench: Bench) -> None:
    await bench.write(level(0, 1.0), level(10, 1.1), level(20, 1.2))
    (change,) = bench.outlet.changes
    assert [sample.value for sample in change.samples] == [1.0, 1.1, 1.2]
    assert await bench.current() == "1.2"


async def test_a_duplicate_counts_once_within_a_batch_and_across(bench: Bench) -> None:
    written = await bench.write(level(0, 1.0), level(0, 1.0))
    assert written.versions == [{"waterLevel": 0}, {"waterLevel": None}]
    again = await bench.write(level(0, 1.0))
    assert again.versions == [{"waterLevel": None}]
    assert again.changes == []
    assert await bench.levels() == [(0, 0, 1.0)]


async def test_another_value_for_the_same_time_is_a_correction(bench: Bench) -> None:
    await bench.write(level(0, 1.0))
    written = await bench.write(level(0, 1.5), level(10, 1.6))
    assert written.versions == [{"waterLevel": 1}, {"waterLevel": 0}]
    assert await bench.levels() == [(0, 0, 1.0), (0, 1, 1.5), (10, 0, 1.6)]


async def test_a_copy_of_the_first_value_does_not_undo_its_correction(bench: Bench) -> None:
    await bench.write(level(0, 1.0))
    await bench.write(level(0, 1.5))
    assert (await bench.write(level(0, 1.0))).versions == [{"waterLevel": None}]
    assert await bench.current() == "1.5"


async def test_a_late_value_is_history_and_a_sample_but_not_the_current_state(bench: Bench) -> None:
    await bench.write(level(10, 1.1))
    await bench.write(level(0, 1.0))
    assert await bench.current() == "1.1"
    late = bench.outlet.changes[-1]
    assert late.attributes == {}
    assert [sample.value for sample in late.samples] == [1.0]
    assert await bench.levels() == [(0, 0, 1.0), (10, 0, 1.1)]


async def test_a_whole_attribute_is_kept_where_a_number_does_not_say_it(bench: Bench) -> None:
    attribute = {"type": "Property", "value": "rising", "observedAt": iso(START)}
    update = EntityUpdate(GAUGE, ("WaterObserved",), {"trend": attribute})
    await bench.write(update)
    assert (await bench.write(update)).versions == [{"trend": None}]


async def test_a_deleted_entity_says_what_it_was(bench: Bench, database: CityDatabase) -> None:
    await bench.write(level(0, 1.0))
    writer = EntityWriter(bench.outlet)
    async with database.system.transaction() as tx:
        await writer.delete(tx, "fukui", [GAUGE, "urn:ngsi-ld:None:1"], at=NOW)
    assert [c.op for c in bench.outlet.changes] == ["create", "delete"]
    assert bench.outlet.changes[-1].previous["waterLevel"]["value"] == 1.0


async def test_a_transaction_rolled_back_leaves_nothing_behind(bench: Bench, database: CityDatabase) -> None:
    writer = EntityWriter(bench.outlet)
    with pytest.raises(RuntimeError):
        async with database.system.transaction() as tx:
            await writer.write(tx, "fukui", [level(0, 1.0)], at=NOW)
            raise RuntimeError("the process fails here")
    assert (await bench.write(level(0, 1.0))).versions == [{"waterLevel": 0}]
    async with database.system.transaction() as tx:
        written = await writer.write(tx, "fukui", [level(10, 1.0)], at=NOW)
    assert written.versions == [{"waterLevel": 0}]


async def test_a_new_reading_touches_no_index(database: CityDatabase) -> None:
    """PostgreSQL's heap-only update: what makes a store of one state per gauge cheap to keep."""
    writer = EntityWriter(KeptRecords())
    hot = "select pg_stat_get_xact_tuples_hot_updated('entity'::regclass)"
    async with database.system.transaction() as tx:
        await writer.write(tx, "fukui", [level(0, 1.0)], at=NOW)
        await writer.write(tx, "fukui", [level(10, 1.1)], at=NOW)
        assert await tx.fetchval(hot) == 1


async def test_a_person_confirms_what_was_observed_in_a_period(bench: Bench, database: CityDatabase) -> None:
    await bench.write(level(0, 1.0), level(10, 1.1), level(20, 1.2))
    period = (START, START + timedelta(minutes=20))
    async with database.system.transaction() as tx:
        assert await confirm(tx, "neighbour", GAUGE, "waterLevel", period) == 0
        assert await confirm(tx, "fukui", GAUGE, "waterLevel", period) == 2
        assert await confirm(tx, "fukui", GAUGE, "waterLevel", period) == 0
        rows = await tx.fetch("select at from history where confirmed order by at")
    assert [row["at"] for row in rows] == [START, START + timedelta(minutes=10)]
