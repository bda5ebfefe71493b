"""Evidence: what was allowed, taken back or disclosed, signed where a person acted, and sealed in two journals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from access.evidence import Sign
from broker.ports import Transaction
from broker.sealing import Journal
from broker.sql import load
from schemas.clock import iso

_ADD = load("broker.consent", "register")["add_evidence"]

CONSENTS = Journal("consent", load("broker.consent", "sealing_consents"))
"""Signed evidence of grants, withdrawals, guardianships, grounds and emergency accesses."""
DISCLOSURES = Journal("disclosure", load("broker.consent", "sealing_disclosures"))
"""The register of disclosures and refusals."""


class Notary:
    """Keeps signed evidence of what somebody did, in the transaction that does it."""

    def __init__(self, sign: Sign) -> None:
        self._sign = sign

    async def attest(
        self,
        tx: Transaction,
        tenant: str,
        kind: str,
        person: str | None,
        by: str,
        now: datetime,
        terms: Mapping[str, Any],
    ) -> None:
        """`by` did `kind` (such as ``consent.grant``) about `person`, on these terms; sealed within a minute."""
        statement = {"tenant": tenant, "kind": kind, "person": person, "by": by, "at": iso(now), "terms": dict(terms)}
        await tx.execute(_ADD, tenant, now, kind, person, self._sign(statement))
