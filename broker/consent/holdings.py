"""What the services hold of a person: exported whole, and erased when staff have decided that it may be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from access.evidence import Sign
from access.personal import CATEGORIES
from broker.consent.evidence import Notary
from broker.errors import Conflict, Forbidden, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load

_SQL = load("broker.consent", "holdings")
_MOST = 500


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one service's records of a person. `why` says in Japanese why some were kept, if any."""

    category: str
    service: str
    erased: int
    kept: int = 0
    why: str = ""


class Holding(Protocol):
    """One service's records of persons, of one category. Called in a transaction of the person's tenant."""

    @property
    def service(self) -> str:
        """Its name in links and exports."""

    @property
    def category(self) -> str:
        """The category of `access.personal` that its records are of."""

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """Every record about the person, in words that they understand."""

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:
        """Erase what may be erased; records that a law or an open duty keeps stay, and are counted."""


class Request(NamedTuple):
    """A person's wish to have data erased, and what staff decided."""

    id: str
    person: str
    asked_by: str
    categories: list[str]
    reason: str
    asked_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    explanation: str
    erased: list[dict[str, Any]]


class Holdings:
    """All services' records of persons behind one door."""

    def __init__(self, holdings: Sequence[Holding], sign: Sign) -> None:
        self._holdings = tuple(holdings)
        self._notary = Notary(sign)

    async def export(
        self, tx: Transaction, tenant: str, person: str, categories: frozenset[str] | None = None
    ) -> list[dict[str, Any]]:
        """Per service its category and records; of `categories` only, where given."""
        return [
            {
                "service": holding.service,
                "category": holding.category,
                "records": await holding.export(tx, tenant, person),
            }
            for holding in self._holdings
            if categories is None or holding.category in categories
        ]

    async def ask_deletion(
        self, tx: Transaction, tenant: str, person: str, categories: Sequence[str], reason: str, by: str, now: datetime
    ) -> str:
        """Note the wish for staff to decide. Returns its id. Raises `Invalid`, `Conflict` while one is open."""
        if not categories or not set(categories) <= CATEGORIES.keys():
            raise Invalid(f"choose among {', '.join(sorted(CATEGORIES))}", field="categories")
        if len(reason) > 2000 or "\x00" in reason:
            raise Invalid("the reason is at most 2000 characters of text", field="reason")
        if await tx.fetchval(_SQL["open_request"], tenant, person) is not None:
            raise Conflict("a request for deletion is waiting for its decision already")
        id = f"{tenant}.{secrets.token_urlsafe(16)}"
        await tx.execute(_SQL["ask"], tenant, id, person, by, sorted(set(categories)), reason, now)
        said = {"id": id, "categories": sorted(set(categories)), "reason": reason}
        await self._notary.attest(tx, tenant, "deletion.ask", person, by, now, said)
        return id

    async def decide_deletion(
        self,
        tx: Transaction,
        tenant: str,
        id: str,
        decision: Literal["erase", "keep"],
        explanation: str,
        by: str,
        now: datetime,
    ) -> list[Erased]:
        """Erase what the request names, or refuse with a reason, in this transaction.

        Raises `NotFound`, `Conflict` where it was decided, `Forbidden` for one's own request, `Invalid`.
        """
        row = await tx.fetchrow(_SQL["lock_request"], tenant, id)
        if row is None:
            raise NotFound("there is no such request")
        if row["decision"] is not None:
            raise Conflict("this request has been decided already")
        if by in (row["asked_by"], row["person"]):
            raise Forbidden("somebody else decides about your own request")
        if len(explanation.strip()) < 5 or len(explanation) > 2000 or "\x00" in explanation:
            raise Invalid("the person will read this: say in 5 to 2000 characters why", field="explanation")
        done: list[Erased] = []
        if decision == "erase":
            chosen = [holding for holding in self._holdings if holding.category in row["categories"]]
            done = [await holding.erase(tx, tenant, row["person"], now) for holding in chosen]
        outcome = msgspec.json.encode(done).decode()
        await tx.execute(_SQL["decide"], tenant, id, by, now, decision, explanation, outcome)
        said = {"id": id, "decision": decision, "explanation": explanation, "erased": msgspec.to_builtins(done)}
        await self._notary.attest(tx, tenant, "deletion.decide", row["person"], by, now, said)
        return done

    async def requests(self, tx: Transaction, tenant: str, person: str | None = None) -> list[Request]:
        """Requests for deletion, of `person` only where given: those waiting first, then the newest."""
        rows = await tx.fetch(_SQL["requests"], tenant, person, _MOST)
        return [Request(**{**dict(row), "erased": json.loads(row["erased"])}) for row in rows]
