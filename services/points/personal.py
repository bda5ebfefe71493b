"""Local points as what is held of persons: exported whole; erased but for the books, which must stay whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.consent.holdings import Erased
from broker.consent.register import references
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import Clock, utc_now
from services.points.wallet import movements, wallet

_SQL = load("services.points", "personal")
SERVICE = "points"
"""The name in links: the reference is the account, such as ``resident/7``."""
_PAGE = 200


class PointsHolding:
    """A resident's accounts: attributes, balance, every movement."""

    service = SERVICE
    category = "points"

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """One record for each account, and one for the fares that points did not cover."""
        accounts = await references(tx, tenant, person, SERVICE)
        fares = [dict(row) for row in await tx.fetch(_SQL["fares"], tenant, person, accounts)]
        owed = [{"unpaid_fares": fares}] if fares else []
        return [*[await self._account(tx, tenant, one) for one in accounts], *owed]

    async def _account(self, tx: Transaction, tenant: str, account: str) -> dict[str, Any]:
        about = await tx.fetchrow(_SQL["about"], tenant, account)
        held = await wallet(tx, account, self._clock())
        moved: list[dict[str, Any]] = []
        before: int | None = None
        while lines := await movements(tx, account, before, _PAGE):
            moved += [line._asdict() for line in lines]
            before = lines[-1].seq
        lots = [lot._asdict() for lot in held.lots]
        return {
            "account": account,
            "about": dict(about) if about else {},
            "wallet": {**held._asdict(), "lots": lots},
            "movements": moved,
        }

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """What rules could ask about the person goes, and the cards are locked. The journal stays, under a number; so
        does a fare that is still owed."""
        accounts = await references(tx, tenant, person, SERVICE)
        kept = 0
        for account in accounts:
            await tx.execute(_SQL["forget"], tenant, account)
            await tx.execute(_SQL["lock_cards"], tenant, account, now)
            kept += await tx.fetchval(_SQL["count_journal"], tenant, account)
        await tx.execute(_SQL["forget_fares"], tenant, person, accounts)
        kept += await tx.fetchval(_SQL["count_owed"], tenant, person, accounts)
        why = "ポイントの出納の帳簿と未収の運賃は会計の記録として保存します(氏名などは含みません)。" if kept else ""
        return Erased(category=self.category, service=SERVICE, erased=len(accounts), kept=kept, why=why)
