"""Aggregates equal a direct computation, from history, from roll-ups, and from both where roll-ups lag behind."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.errors import Invalid
from broker.query.period import parse_period
from broker.store.aggregates import Aggregate, Question, aggregates
from broker.store.history import History, Row, Series
from broker.store.rollups import fold_dirty, roll_up
from broker.store.temporal import Span
from schemas.clock import JST
from tests.conftest import CityDatabase

START = datetime(2023, 6, 30, 15, 0, tzinfo=UTC)
"""A midnight of Japan that begins a month."""
LEVEL = Series("urn:ngsi-ld:WaterObserved:1", "waterLevel", "", "MTR")
STATE = Series("urn:ngsi-ld:WaterObserved:1", "state")
FAR = datetime(2023, 10, 1, tzinfo=UTC)
ALL = ("totalCount", "sum", "avg", "min", "max", "stddev", "sumsq")
Values = dict[datetime, float]


@pytest.fixture
async def values(database: CityDatabase) -> Values:
    """Forty days by ten minutes with gaps; some of them corrected."""
    chance = random.Random(7)
    times = [START + timedelta(minutes=10 * n) for n in range(40 * 144) if chance.random() < 0.7]
    found = {at: round(chance.uniform(-1, 5), 2) for at in times}
    await append(database, [Row(LEVEL, at, value, None, FAR) for at, value in found.items()])
    found |= dict.fromkeys(chance.sample(times, 50), 9.5)
    await append(database, [Row(LEVEL, at, 9.5, None, FAR) for at, value in found.items() if value == 9.5])
    return found


async def append(database: CityDatabase, rows: list[Row]) -> None:
    async with database.system.transaction() as tx:
        tenant = await tx.fetchval("select id from tenant where name = 'fukui'")
        await History().append(tx, tenant, rows)


async def rolled(database: CityDatabase) -> None:
    async with database.system.transaction() as tx:
        await fold_dirty(tx, 1000)
        while await roll_up(FAR, FAR, tx, 10_000):
            pass


async def ask(
    database: CityDatabase, duration: str, start: datetime, end: datetime, *, series: Series = LEVEL, **more: Any
) -> list[Aggregate]:
    question = Question(Span(start, end), parse_period(duration, "d"), start, end, ALL, 10_000)._replace(**more)
    async with database.app.transaction("fukui") as tx:
        number = await tx.fetchval(
            "select id from series where entity_id = $1 and attribute = $2", series.entity_id, series.attribute
        )
        return await aggregates(tx, [number], question)


def expected(values: Values, edges: list[datetime]) -> list[list[Any]]:
    groups: defaultdict[datetime, list[float]] = defaultdict(list)
    for at, value in values.items():
        if edges[0] <= at < edges[-1]:
            groups[max(edge for edge in edges if edge <= at)].append(value)
    return [
        [start, len(found), math.fsum(found), statistics.fmean(found), min(found), max(found),
         statistics.pstdev(found), math.fsum(n * n for n in found)]
        for start, found in sorted(groups.items())
    ]  # fmt: skip


def check(found: list[Aggregate], wanted: list[list[Any]]) -> None:
    assert [a.start for a in found] == [w[0] for w in wanted]
    for one, right in zip(found, wanted, strict=True):
        assert [one.value(m) for m in ALL] == pytest.approx(right[1:], abs=1e-6)


def steps(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    return [start + n * step for n in range((end - start) // step + 1)]


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("roll", [False, True])
@pytest.mark.parametrize(
    ("duration", "step", "start"),
    [
        ("PT1H", HOUR, START),
        ("PT6H", 6 * HOUR, START + 5 * HOUR),
        ("P1D", DAY, START),
        ("P1D", DAY, START + timedelta(hours=7, minutes=13)),
        ("P1W", 7 * DAY, START + 3 * DAY),
    ],
)
async def test_periods_of_an_exact_length(
    database: CityDatabase, values: Values, duration: str, step: timedelta, start: datetime, roll: bool
) -> None:
    if roll:
        await rolled(database)
    end = start + 21 * DAY
    check(await ask(database, duration, start, end), expected(values, steps(start, end, step)))


@pytest.mark.parametrize("roll", [False, True])
async def test_months_of_japans_calendar(database: CityDatabase, values: Values, roll: bool) -> None:
    if roll:
        await rolled(database)
    edges = [datetime(2023, month, 1, tzinfo=JST) for month in (7, 8, 9)]
    found = await ask(database, "P1M", START, edges[-1])
    check(found, expected(values, edges))
    assert [a.end for a in found] == edges[1:]


@pytest.mark.parametrize("roll", [False, True])
async def test_everything_at_once_and_ends_within_an_hour(database: CityDatabase, values: Values, roll: bool) -> None:
    if roll:
        await rolled(database)
    start, end = START + timedelta(days=1, minutes=25), START + timedelta(days=30, minutes=35)
    check(await ask(database, "PT0S", start, end), expected(values, [start, end]))


async def test_what_came_after_the_roll_up_counts(database: CityDatabase, values: Values) -> None:
    await rolled(database)
    late = {START + timedelta(days=3, hours=2, minutes=minute): 100.0 + minute for minute in range(5)}
    await append(database, [Row(LEVEL, at, value, None, FAR) for at, value in late.items()])
    end = START + 30 * DAY
    for duration, step in (("PT1H", HOUR), ("P1D", DAY)):
        check(await ask(database, duration, START, end), expected(values | late, steps(START, end, step)))


async def test_roll_ups_are_what_answers(database: CityDatabase, values: Values) -> None:
    await rolled(database)
    async with database.system.transaction() as tx:
        await tx.execute("update history_day set sum = 12345, count = 1, total = 1")
    found = await ask(database, "P1D", START, START + 30 * DAY, methods=("avg",))
    assert {a.value("avg") for a in found} == {12345.0}


async def test_distinct_values_are_counted_in_history(database: CityDatabase, values: Values) -> None:
    await rolled(database)
    (found,) = await ask(database, "PT0S", START, START + 40 * DAY, methods=("distinctCount", "totalCount"))
    assert (found.value("distinctCount"), found.value("totalCount")) == (len(set(values.values())), len(values))


async def test_values_that_are_no_numbers(database: CityDatabase) -> None:
    def row(number: int, value: Any) -> Row:
        at = START + number * DAY
        return Row(STATE, at, None, f'{{"type": "Property", "value": {value}, "observedAt": "{at.isoformat()}"}}', FAR)

    await append(database, [row(0, "true"), row(1, "false"), row(2, '"open"'), row(3, '"closed"'), row(4, "[1, 2, 3]")])
    await rolled(database)
    methods = (*ALL, "distinctCount")
    (found,) = await ask(database, "PT0S", START, START + 9 * DAY, series=STATE, methods=methods)
    assert (found.value("totalCount"), found.value("distinctCount")) == (5, 5)
    assert (found.value("sum"), found.value("min"), found.value("max")) == (4.0, 0.0, 3.0)
    (texts,) = await ask(database, "PT0S", START + 2 * DAY, START + 4 * DAY, series=STATE, methods=methods)
    assert (texts.value("min"), texts.value("max"), texts.value("sum"), texts.value("avg")) == (
        "closed",
        "open",
        None,
        None,
    )


async def test_nothing_makes_no_periods(database: CityDatabase, values: Values) -> None:
    assert await ask(database, "P1D", FAR, FAR + DAY) == []


async def test_more_periods_than_one_answer_holds_are_refused(database: CityDatabase, values: Values) -> None:
    for duration in ("PT10M", "P1M"):
        with pytest.raises(Invalid) as refused:
            await ask(database, duration, START, START + 40 * DAY, most=1)
        assert refused.value.field == "aggrPeriodDuration"
