"""Charging as what is held of persons: their cards and what was charged with them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from broker.consent.holdings import Erased
from broker.consent.register import references, unlink
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import iso
from services.charging.forms import session_form
from services.charging.posting import SERVICE, fingerprint
from services.charging.sessions import parse

_SQL = load("services.charging", "personal")


class CardsHolding:
    """The cards that were linked to a person, and their sessions."""

    service = SERVICE
    category = "charging"

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """One record of two lists."""
        marks = await references(tx, tenant, person, SERVICE)
        cards = [
            {
                "card": row["token"],
                "status": row["status"],
                "label": row["label"],
                "until": row["until"] and iso(row["until"]),
            }
            for row in await self._cards(tx, tenant, marks)
        ]
        sessions = [
            session_form(parse(json.loads(row["state"]))) for row in await tx.fetch(_SQL["sessions"], tenant, marks)
        ]
        return [{"cards": cards, "sessions": sessions}] if cards or sessions else []

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:  # noqa: ARG002  # the port's
        """Cards go, sessions that are over stay as nobody's. A card with which a car is charging stays until then."""
        marks = await references(tx, tenant, person, SERVICE)
        erased = int((await tx.execute(_SQL["forget_sessions"], tenant, marks)).split()[-1])
        kept = int(await tx.fetchval(_SQL["running"], tenant, marks))
        if not kept:
            tokens = [row["token"] for row in await self._cards(tx, tenant, marks)]
            erased += int((await tx.execute(_SQL["forget_cards"], tenant, tokens)).split()[-1])
            for mark in marks:
                await unlink(tx, tenant, person, SERVICE, mark)
        why = "充電中の記録とカードは、充電が終わるまで残ります。" if kept else ""
        return Erased(category=self.category, service=SERVICE, erased=erased, kept=kept, why=why)

    async def _cards(self, tx: Transaction, tenant: str, marks: list[str]) -> list[Any]:
        """A link names a card by its fingerprint alone."""
        rows = await tx.fetch(_SQL["cards"], tenant)
        return [row for row in rows if fingerprint(tenant, row["token"]) in marks]
