"""Histories in snapshots (ETSI GS CIM 009, 5.16.1): what temporal queries found, here and at sources."""

from __future__ import annotations

from collections.abc import Sequence

from broker.ports import Transaction
from broker.sql import load
from broker.store.reading import Document, columns_of
from broker.store.temporal import Point

_SQL = load("broker.store", "snapshot_histories")


async def keep(tx: Transaction, id_: str, found: Sequence[Document], points: Sequence[Point]) -> None:
    """Keep the entities with their instances; what the snapshot has already stays as it is."""
    ordered = sorted(found, key=lambda document: document.id)
    deleted = [document.deleted_at for document in ordered]
    await tx.execute(_SQL["entities"], id_, *columns_of(ordered), deleted)
    keys = sorted({(point.entity_id, point.attribute, point.dataset_id, point.unit_code) for point in points})
    await tx.execute(_SQL["series"], id_, *([key[place] for key in keys] for place in range(4)))
    await tx.execute(
        _SQL["points"],
        id_,
        [point.entity_id for point in points],
        [point.attribute for point in points],
        [point.dataset_id for point in points],
        [point.unit_code for point in points],
        [point.at for point in points],
        [point.version for point in points],
        [point.number for point in points],
        [point.value for point in points],
        [point.received_at for point in points],
    )


async def copy(tx: Transaction, id_: str, to: str) -> None:
    """Keep in the snapshot `to` the histories that `id_` holds."""
    for statement in ("copy_entities", "copy_series", "copy_points"):
        await tx.execute(_SQL[statement], id_, to)


async def evolved(tx: Transaction, ids: Sequence[str]) -> dict[str, Document]:
    """The entities among `ids` of which the snapshot in use holds a history."""
    return {row["id"]: Document(*row.values()) for row in await tx.fetch(_SQL["evolved"], list(ids))}
