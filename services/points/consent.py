"""Which app may see, and act for, which resident's points: asked at the one gate for personal data."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from access.consent import Disclosure
from broker.consent.gate import Gate, person_of
from broker.consent.register import ConsentBook, Wish, add_person, link
from broker.ports import Transaction
from services.points.personal import SERVICE

CATEGORY, PURPOSE = "points", "points-wallet"
AT_THE_COUNTER = timedelta(days=365)
"""How long a consent given at the counter lasts."""


async def demand_consent(
    tx: Transaction, gate: Gate, tenant: str, account: str, recipient: str, reference: str, now: datetime, by: str = ""
) -> None:
    """Return if the account's holder lets `recipient` see and use it; booked. Raises `Forbidden`.

    The refusal does not say whether the account exists.
    """
    asked = Disclosure(
        tenant=tenant,
        person=await person_of(tx, tenant, SERVICE, account) or "",
        recipient=recipient,
        category=CATEGORY,
        purpose=PURPOSE,
        at=now,
        by=by,
        reference=reference,
    )
    await gate.disclose(tx, asked)


async def note_consent(
    tx: Transaction,
    book: ConsentBook,
    tenant: str,
    account: str,
    client_id: str,
    clerk: str,
    now: datetime,
    *,
    given: bool,
) -> None:
    """Write down what a resident signed at the counter: that an app may, for a year, or may no longer."""  # fmt: skip
    person = await person_of(tx, tenant, SERVICE, account)
    if person is None:
        person = f"{tenant}.{secrets.token_urlsafe(12)}"
        await add_person(tx, tenant, person, now)
        await link(tx, tenant, person, SERVICE, account, clerk, now)
    wish = Wish(recipient=client_id, category=CATEGORY, purpose=PURPOSE, until=now + AT_THE_COUNTER)
    if given:
        await book.grant(tx, tenant, person, wish, person, now, clerk=clerk)
    else:
        await book.withdraw_all(tx, tenant, person, wish, person, now, clerk=clerk)
