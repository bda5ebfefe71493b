"""Roll-ups equal a direct computation, whatever comes late, twice, corrected, or is deleted."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from broker.errors import Conflict
from broker.store.history import History, Row, Series
from broker.store.rollups import Bucket, fold_dirty, local_day, read_days, read_hours, roll_up
from tests.conftest import CityDatabase

START = datetime(2023, 7, 12, 15, 0, tzinfo=UTC)
DAYS = 3
END = START + timedelta(days=DAYS)
SERIES = [Series(f"urn:ngsi-ld:WaterObserved:{n}", "waterLevel", "", "MTR") for n in range(3)]
FAR = datetime(2023, 8, 1, tzinfo=UTC)


def expected(values: dict[datetime, float | None], start_of: type | object) -> dict[datetime, tuple[object, ...]]:
    """Straight from the latest values: total, count, sum, sumsq, stddev, min, max, first, last by bucket."""
    grouped: defaultdict[datetime, list[tuple[datetime, float | None]]] = defaultdict(list)
    for at, value in sorted(values.items(), key=lambda item: item[0]):
        grouped[start_of(at)].append((at, value))  # type: ignore[operator]
    result: dict[datetime, tuple[object, ...]] = {}
    for start, items in grouped.items():
        numbers = [value for _, value in items if value is not None]
        if numbers:
            rest = (sum(numbers), sum(n * n for n in numbers), statistics.pstdev(numbers), min(numbers), max(numbers))
            result[start] = (len(items), len(numbers), *map(pytest.approx, rest), numbers[0], numbers[-1])
        else:
            result[start] = (len(items), 0, None, None, None, None, None, None, None)
    return result


def as_tuple(b: Bucket) -> tuple[object, ...]:
    return (b.total, b.count, b.sum, b.sumsq, b.stddev, b.min, b.max, b.first, b.last)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


class Model:
    """What history must hold: the latest version of each time, by series."""

    def __init__(self) -> None:
        self.values: dict[int, dict[datetime, float | None]] = {n: {} for n in range(len(SERIES))}

    def rows(self, chance: random.Random) -> list[Row]:
        rows = []
        for _ in range(chance.randint(1, 60)):
            series, at = chance.randrange(len(SERIES)), START + timedelta(minutes=10 * chance.randrange(DAYS * 144))
            number = None if chance.random() < 0.1 else chance.choice([-1.0, 0.1, 2.5, 1e6 + chance.random()])
            text = None if number is not None else f'{{"type": "Property", "value": "{chance.random()}"}}'
            rows.append(Row(SERIES[series], at, number, text, FAR))
        return rows

    def apply(self, rows: list[Row], versions: list[int | None]) -> None:
        for row, version in zip(rows, versions, strict=True):
            if version is not None:
                self.values[SERIES.index(row.series)][row.at] = row.number


async def compare(database: CityDatabase, model: Model) -> None:
    async with database.app.transaction("fukui") as tx:
        for number, series in enumerate(SERIES):
            id_ = await tx.fetchval("select id from series where entity_id = $1", series.entity_id)
            if id_ is None:
                continue
            hours = {b.start: as_tuple(b) for b in await read_hours(tx, id_, START, END)}
            assert hours == expected(model.values[number], hour_of)
            days = {b.start: as_tuple(b) for b in await read_days(tx, id_, START, END)}
            assert days == expected(model.values[number], local_day)


@pytest.mark.parametrize("seed", range(4))
async def test_rollups_equal_a_direct_computation(database: CityDatabase, seed: int) -> None:
    chance, model, history = random.Random(seed), Model(), History()
    for _ in range(12):
        rows = model.rows(chance)
        async with database.system.transaction() as tx:
            tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
            model.apply(rows, await history.append(tx, tenant, rows))
        async with database.system.transaction() as tx:
            await fold_dirty(tx, 100)
            before = START + timedelta(hours=chance.randrange(DAYS * 24 + 1))
            await roll_up(before, FAR, tx, chance.choice([5, 1000]))
        await compare(database, model)


async def test_a_deleted_value_leaves_its_buckets(database: CityDatabase) -> None:
    history = History()
    rows = [Row(SERIES[0], START + timedelta(minutes=m), 1.0, None, FAR) for m in (0, 10, 70)]
    async with database.system.transaction() as tx:
        await history.append(tx, await tx.fetchval("select id from tenant where name = 'fukui'"), rows)
        await fold_dirty(tx, 100)
        await roll_up(FAR, FAR, tx, 100)
    async with database.system.transaction() as tx:
        await tx.execute("delete from history where at = $1", START + timedelta(minutes=70))
        await fold_dirty(tx, 100)
        assert await roll_up(FAR, FAR, tx, 100) == 1
        assert await tx.fetch("select start, total from history_hour") == [(START, 2)]
        assert await tx.fetch("select start, total from history_day") == [(START, 2)]


async def write_and_fail(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await History().append(tx, tenant, [Row(SERIES[0], START, 1.0, None, FAR)])
        raise Conflict("somebody else was faster")


async def test_a_write_rolled_back_makes_nothing_due(database: CityDatabase) -> None:
    with pytest.raises(Conflict):
        await write_and_fail(database)
    async with database.system.transaction() as tx:
        assert await tx.fetchval("select count(*) from history_dirty") == 0


async def test_a_bucket_whose_history_is_no_longer_kept_stays(database: CityDatabase) -> None:
    history = History()
    async with database.system.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        rows = [Row(SERIES[0], START + timedelta(minutes=m), float(m), None, START) for m in (0, 10, 20)]
        await history.append(tx, tenant, rows)
        await fold_dirty(tx, 100)
        await roll_up(FAR, FAR, tx, 100)
        await tx.execute("select set_config('cityos.retention', 'on', true)")
        await tx.execute("delete from history")
        await tx.execute("select set_config('cityos.retention', '', true)")
        await history.append(tx, tenant, [Row(SERIES[0], START + timedelta(minutes=30), 9.0, None, FAR)])
        await fold_dirty(tx, 100)
        await roll_up(FAR, START + timedelta(days=6 * 366), tx, 100)
        assert await tx.fetchval("select total from history_hour") == 3
