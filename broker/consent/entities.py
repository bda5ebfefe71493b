"""Entities about persons as holdings: one for each personal type of `access.personal`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from access.personal import PERSON_URN, PERSONAL_ENTITIES
from broker.consent.holdings import Erased
from broker.ports import Transaction
from broker.sql import load
from broker.store.entities import EntityWriter
from broker.store.instances import forget_past, remove_history

_SQL = load("broker.consent", "holdings")


class EntityHolding:
    """The entities of one personal type, those deleted since too. Erasing takes their history along.

    The log's copies end with its retention.
    """

    def __init__(self, type_: str, writer: EntityWriter) -> None:
        self._type = type_
        self._about = PERSONAL_ENTITIES[type_]
        self._writer = writer
        self.service = f"entities:{type_}"
        self.category = self._about.category

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:  # noqa: ARG002
        """The entities as they are stored."""
        return [orjson.loads(row["doc"]) for row in await self._rows(tx, person)]

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """All of them."""
        ids = [row["id"] for row in await self._rows(tx, person)]
        await self._writer.delete(tx, tenant, ids, at=now)
        for entity_id in ids:
            await remove_history(tx, entity_id)
            await forget_past(tx, entity_id)
        return Erased(category=self.category, service=self.service, erased=len(ids))

    async def _rows(self, tx: Transaction, person: str) -> list[Any]:
        if self._about.person == "id":
            return await tx.fetch(_SQL["entity_itself"], self._type, PERSON_URN + person)
        return await tx.fetch(_SQL["entities"], self._type, self._about.person, PERSON_URN + person)
