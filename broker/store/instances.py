"""Writing single instances of history, and deleting history (ETSI GS CIM 009, 5.6.13 to 5.6.16)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.ports import Transaction
from broker.sql import load
from broker.store.temporal import Wish, series_of

_SQL = load("broker.store", "instances")
_ID = re.compile(r"urn:ngsi-ld:Instance:(\d{1,18})\.(-?\d{1,18})\.(\d{1,5})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Kept(NamedTuple):
    """An instance as history holds it (see `temporal.Point`)."""

    series_id: int
    entity_id: str
    attribute: str
    dataset_id: str
    unit_code: str
    at: datetime
    number: float | None
    value: str | None
    version: int
    received_at: datetime


def instance_id(series_id: int, at: datetime, version: int) -> str:
    """The instanceId of an instance, from where it stands: no column of history is needed for it."""
    return f"urn:ngsi-ld:Instance:{series_id}.{(at - _EPOCH) // _MICROSECOND}.{version}"


async def find(tx: Transaction, entity_id: str, attribute: str, instance: str) -> Kept | None:
    """The instance with that id as it was changed last, locked; one whose observedAt was changed keeps its id, too."""
    row = None
    if match := _ID.fullmatch(instance):
        try:
            at = _EPOCH + int(match[2]) * _MICROSECOND
        except OverflowError:
            return None
        row = await tx.fetchrow(_SQL["at"], entity_id, attribute, int(match[1]), at, int(match[3]), instance)
        row = row or await tx.fetchrow(_SQL["named"], entity_id, attribute, instance)
    return None if row is None else Kept(*row.values())


async def remove(tx: Transaction, kept: Kept) -> None:
    """Delete an instance, and what it corrected: neither comes back when a device or a replay says it again."""
    await tx.execute(_SQL["remove"], kept.series_id, kept.at)


async def newest(tx: Transaction, entity_id: str, attribute: str, dataset_id: str) -> Kept | None:
    """The instance of that datasetId ('' for the default instance) that history holds of the latest time."""
    row = await tx.fetchrow(_SQL["newest"], entity_id, attribute, dataset_id)
    return None if row is None else Kept(*row.values())


async def remove_history(
    tx: Transaction, entity_id: str, *, attribute: str | None = None, dataset_id: str | None = None
) -> bool:
    """Delete the history of an entity, of one attribute of it, or of one datasetId ('' for the default instance).

    With its roll-ups and all records of deletions; False where there is nothing. Numbers of series stay: other
    processes know them.
    """
    wish = Wish(None if attribute is None else (attribute,), None if dataset_id is None else (dataset_id,))
    series = [key.series_id for key in await series_of(tx, [entity_id], wish)]
    gone = await tx.execute(_SQL["forget_gone"], entity_id, attribute, dataset_id)
    await tx.execute(_SQL["forget_withdrawn"], entity_id, attribute, dataset_id)
    if series:
        await _remove_series(tx, series)
    return bool(series) or gone != "DELETE 0"


async def _remove_series(tx: Transaction, series: Sequence[int]) -> None:
    # The roll-ups go at once, so the keeper needs no note to compute them again.
    await tx.execute("select set_config('cityos.retention', 'on', true)")
    await tx.execute(_SQL["remove_series"], list(series))
    await tx.execute(_SQL["forget"], list(series))
    await tx.execute("select set_config('cityos.retention', 'off', true)")


async def forget_past(tx: Transaction, entity_id: str) -> bool:
    """Forget that a deleted entity was there; False where there was none."""
    return bool(await tx.execute(_SQL["forget_past"], entity_id) != "DELETE 0")


async def only_history(tx: Transaction, entity_id: str) -> bool:
    """Whether the entity is there and nothing but its history: made by a temporal representation, written by no one."""
    return bool(await tx.fetchval(_SQL["only_history"], entity_id))
