"""A person's own account: found by the link that the consent gate knows too, opened by the person."""

from __future__ import annotations

import hashlib
from datetime import datetime

from broker.consent.register import add_person, link, references
from broker.ports import Transaction
from services.points.personal import SERVICE
from services.points.town import Town


async def account_of(tx: Transaction, tenant: str, person: str) -> str | None:
    """The account of a person, None where they have none."""
    found = await references(tx, tenant, person, SERVICE)
    return min(found) if found else None


async def join(town: Town, tenant: str, person: str, name: str, now: datetime) -> str:
    """The person's account, opened where there is none yet. Safe to repeat, also at the same time.

    What rules may ask about (birth, household, residence) stays unknown until staff have seen a proof.
    """
    async with town.database.transaction(tenant) as tx:
        known = await account_of(tx, tenant, person)
    if known is not None:
        return known
    await town.open_books(tenant)
    account = await town.enrol(tenant, hashlib.sha256(person.encode()).hexdigest()[:16])
    async with town.database.transaction(tenant) as tx:
        await add_person(tx, tenant, person, now, name=name)
        await link(tx, tenant, person, SERVICE, account, person, now)
    return account
