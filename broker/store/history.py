"""History: every value once. The same device, time and value is a duplicate; another value is a correction.

What a person has corrected (`api_gateway.ngsi_ld.temporal_instances`) stays on top: another value that a machine gives
for that time later (a mended decoder, a late report) is kept beneath it, and changes nothing. What a person has taken
out (`broker.store.instances.remove`) stays out when a machine says the same again; another value of that time is new.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import Conflict
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.store", "history")
WITHDRAWN = -1
"""The version of a copy of what a person took out of history: it is not kept, and is nobody's state."""


class Series(NamedTuple):
    """What a value belongs to: one attribute instance of one entity, in one unit (UN/CEFACT code or '')."""

    entity_id: str
    attribute: str
    dataset_id: str = ""
    unit_code: str = ""


class Row(NamedTuple):
    """One value to keep: a number, or a whole attribute as JSON text where a number alone does not say it."""

    series: Series
    at: datetime
    number: float | None
    value: str | None
    received_at: datetime


class History:
    """Appends to `history`. Remembers the numbers of series once they are committed; they never change."""

    def __init__(self) -> None:
        self._committed: dict[tuple[int, Series], int] = {}

    async def append(
        self, tx: Transaction, tenant: int, rows: Sequence[Row], *, again: bool = False
    ) -> list[int | None]:
        """Keep `rows`; say for each its version: 0 for a first value, more for a correction, None for a duplicate and
        for what is kept beneath a person's correction, `WITHDRAWN` for what was taken out.

        `again`: somebody writes them who knows what they do, and what was taken out comes back. Raises `Conflict` when
        somebody else writes the same at the same time.
        """
        if not rows:
            return []
        numbers = await self._series_numbers(tx, tenant, rows)
        kept = await _insert(tx, tenant, rows, numbers, [0] * len(rows), again=again)
        if kept is None:
            return [0] * len(rows)
        withdrawn = set() if again else await _withdrawn(tx, rows, numbers)
        return await _classify(tx, tenant, rows, numbers, kept, withdrawn)

    async def _series_numbers(self, tx: Transaction, tenant: int, rows: Sequence[Row]) -> list[int]:
        known = self._committed
        missing = sorted({row.series for row in rows if (tenant, row.series) not in known})
        made: dict[Series, int] = {}
        if missing:
            columns = [list(column) for column in zip(*missing, strict=True)]
            for record in await tx.fetch(_SQL["series"], tenant, *columns):
                number, is_new, *names = record.values()
                if is_new:
                    made[Series(*names)] = number
                else:
                    known[tenant, Series(*names)] = number
        try:
            return [made.get(row.series) or known[tenant, row.series] for row in rows]
        except KeyError as error:
            raise Conflict("somebody else made the same series at the same time") from error


async def _insert(
    tx: Transaction,
    tenant: int,
    rows: Sequence[Row],
    numbers: Sequence[int],
    versions: Sequence[int],
    *,
    again: bool,
) -> set[tuple[int, datetime]] | None:
    """Insert what is not there; None if that was every row, else the (series, time) of those inserted.

    Unless `again`, nothing is inserted where something was taken out: that needs a closer look.
    """
    _, times, *values = (list(column) for column in zip(*rows, strict=True))
    record = await tx.fetchrow(_SQL["insert"], tenant, list(numbers), times, list(versions), *values, again)
    if record["count"] == len(rows):
        return None
    return set(zip(record["series_ids"] or (), record["times"] or (), strict=True))


async def _withdrawn(tx: Transaction, rows: Sequence[Row], numbers: Sequence[int]) -> set[int]:
    """The places in `rows` of what a person took out of history."""
    _, times, amounts, values, _ = (list(column) for column in zip(*rows, strict=True))
    return {row["place"] for row in await tx.fetch(_SQL["withdrawn"], list(numbers), times, amounts, values)}


async def _classify(
    tx: Transaction,
    tenant: int,
    rows: Sequence[Row],
    numbers: Sequence[int],
    kept: set[tuple[int, datetime]],
    withdrawn: Set[int],
) -> list[int | None]:
    """The slow way, for batches with repeats: compare each with every version that is stored."""
    stored: defaultdict[tuple[int, datetime], list[Any]] = defaultdict(list)
    for record in await tx.fetch(_SQL["versions"], list(numbers), [row.at for row in rows]):
        stored[record["series_id"], record["at"]].append(_comparable(record["number"], record["value"]))
    versions: list[int | None] = []
    corrections: list[tuple[Row, int, int]] = []
    lifted: list[tuple[int, datetime, int]] = []
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        key = (number, row.at)
        value = _comparable(row.number, row.value)
        if place in withdrawn and value not in stored[key]:
            versions.append(WITHDRAWN)
        elif value not in stored[key] and stored[key] and _by_hand(stored[key][-1]) and not _by_hand(value):
            top = len(stored[key]) - 1
            lifted.append((number, row.at, top))
            corrections.append((row, number, top))
            versions.append(None)
            stored[key].insert(top, value)
        elif value not in stored[key]:
            corrections.append((row, number, len(stored[key])))
            versions.append(len(stored[key]))
            stored[key].append(value)
        elif key in kept and value == stored[key][0]:
            kept.discard(key)
            versions.append(0)
        else:
            versions.append(None)
    for one in lifted:
        await tx.execute(_SQL["lift"], *one)
    if corrections:
        more, series, numbered = zip(*corrections, strict=True)
        if await _insert(tx, tenant, more, series, numbered, again=True) is not None:
            raise Conflict("somebody else corrected the same value at the same time")
    return versions


def _by_hand(value: Any) -> bool:
    """Whether a person put a value of history there: it alone says in full which instance it is."""
    return isinstance(value, dict) and "instanceId" in value


def _comparable(number: float | None, value: str | None) -> Any:
    return number if value is None else json.loads(value)


async def confirm(
    tx: Transaction, tenant: str, entity_id: str, attribute: str, period: tuple[datetime, datetime]
) -> int:
    """Mark what was observed from the first until before the second time of `period` as 確定: a person stands for it.

    Returns how many values were 暫定 until now.
    """
    status: str = await tx.execute(_SQL["confirm"], tenant, entity_id, attribute, *period)
    return int(status.removeprefix("UPDATE "))
