"""Watch tags as what is held of persons: everything about a wearer, exported whole and erased whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.consent.holdings import Erased
from broker.consent.register import references
from broker.ports import Transaction
from services.presence.desk import SERVICE, FamilyDesk
from services.presence.telling import CATEGORY


class TagsHolding:
    """The tags that a person wears: names, places, rules, where they were, what happened."""

    service = SERVICE
    category = CATEGORY

    def __init__(self, desk: FamilyDesk) -> None:
        self._desk = desk

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """One record for each tag, as far back as the city keeps it; a tag's code is never shown again."""
        tags = await references(tx, tenant, person, SERVICE)
        return [record for tag in tags if (record := await self._desk.record(tx, tenant, tag)) is not None]

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:  # noqa: ARG002
        """All of it; the city's counts of passers-by name nobody and stay."""
        tags = await references(tx, tenant, person, SERVICE)
        for tag in tags:
            await self._desk.erase(tx, tenant, person, tag)
        return Erased(category=self.category, service=SERVICE, erased=len(tags))
