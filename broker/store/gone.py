"""When attributes were deleted (deletedAt, ETSI GS CIM 009, 4.8): kept beside history, which holds values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.entities.patch import dataset, instances
from broker.ports import Transaction
from broker.sql import load
from schemas.change import Change

_SQL = load("broker.store", "gone")


class _Gone(NamedTuple):
    entity_id: str
    attribute: str
    dataset_id: str
    kind: str


async def note_gone(tx: Transaction, tenant: int, changes: Sequence[Change], at: datetime) -> None:
    """Remember which instances of attributes `changes` took away at `at`."""
    gone = [instance for change in changes for instance in _taken_away(change)]
    if gone:
        await tx.execute(_SQL["note"], tenant, at, *(list(column) for column in zip(*gone, strict=True)))


def _taken_away(change: Change) -> Iterable[_Gone]:
    for name, old in change.previous.items():
        new = change.attributes.get(name)
        if name == "type" or (new is not None and (name == "scope" or not isinstance(old, list))):
            continue
        there = {dataset(instance) for instance in instances(new)}
        yield from (gone for gone in _instances_of(change.entity, name, old) if gone.dataset_id not in there)


def _instances_of(entity_id: str, name: str, old: Any) -> list[_Gone]:
    if name == "scope":
        return [_Gone(entity_id, name, "", "Property")]
    return [_Gone(entity_id, name, dataset(instance), instance["type"]) for instance in instances(old)]
