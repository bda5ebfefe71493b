"""Who the persons are, which records are theirs, and what they allow: each grant and withdrawal with its evidence."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from access.consent import Consent, Guardianship, may_act_for
from access.evidence import Sign
from access.personal import CATEGORIES, PURPOSES
from broker.consent.evidence import Notary
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import iso

SQL = load("broker.consent", "register")
LONGEST = timedelta(days=5 * 366)
"""The longest that one consent lasts; then the person is asked again."""


class Person(NamedTuple):
    """Somebody whom data are about. `name` and `born` only where they have no account of their own."""

    id: str
    name: str
    born: date | None


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a person is asked to allow: who gets which data, what for, until when. `sensitive`: names 要配慮個人情報."""

    recipient: str
    category: str
    purpose: str
    until: datetime
    sensitive: bool = False


async def add_person(
    tx: Transaction, tenant: str, id: str, now: datetime, *, name: str = "", born: date | None = None
) -> None:
    """Know a person; one who is known already stays as they are. `id` is their account's where they have one."""
    await tx.execute(SQL["add_person"], tenant, id, name, born, now)


async def find_person(tx: Transaction, tenant: str, id: str) -> Person:
    """Raises `NotFound`."""
    row = await tx.fetchrow(SQL["person"], tenant, id)
    if row is None:
        raise NotFound("there is no such person")
    return Person(row["id"], row["name"], row["born"])


async def link(tx: Transaction, tenant: str, person: str, service: str, reference: str, by: str, now: datetime) -> None:
    """Note that a service's record is about `person`. Raises `Conflict` where it is somebody else's."""
    await tx.execute(SQL["link"], tenant, service, reference, person, by, now)
    if await tx.fetchval(SQL["linked"], tenant, service, reference) != person:
        raise Conflict(f"{service} {reference} is linked to another person; unlink it first")


async def unlink(tx: Transaction, tenant: str, person: str, service: str, reference: str) -> None:
    """Note that it is not. Raises `NotFound`."""
    if await tx.fetchval(SQL["unlink"], tenant, service, reference, person) is None:
        raise NotFound(f"{service} {reference} is not linked to this person")


async def references(tx: Transaction, tenant: str, person: str, service: str) -> list[str]:
    """The records of `service` that are about `person`."""
    return [row["reference"] for row in await tx.fetch(SQL["references"], tenant, person, service)]


async def demand_right_to_act(tx: Transaction, tenant: str, actor: str, person: str, now: datetime) -> None:
    """Return if `actor` may act for `person`: for themself or as guardian. Raises `NotFound`, telling nothing."""
    if actor == person:
        return
    rows = await tx.fetch(SQL["guardianships"], tenant, person, actor)
    if not may_act_for(actor, person, tuple(msgspec.convert(dict(row), Guardianship) for row in rows), now):
        raise NotFound("there is no such person in your care")


class ConsentBook:
    """Grants and withdrawals. Each is stored, and signed as evidence, in the caller's transaction."""

    def __init__(self, sign: Sign) -> None:
        self._notary = Notary(sign)

    async def grant(
        self, tx: Transaction, tenant: str, person: str, wish: Wish, by: str, now: datetime, *, clerk: str = ""
    ) -> Consent:
        """`by`, who is `person` or their guardian, allows what `wish` says, from now on.

        `clerk` is the member of staff who writes down what `by` signed at the counter; the evidence names both.
        Raises `Invalid` naming the field, `NotFound` where `by` may not act for the person.
        """
        check_wish(wish, now)
        await demand_right_to_act(tx, tenant, by, person, now)
        await find_person(tx, tenant, person)
        made = Consent(
            id=f"{tenant}.{secrets.token_urlsafe(16)}",
            person=person,
            recipient=wish.recipient,
            category=wish.category,
            purpose=wish.purpose,
            since=now,
            until=wish.until,
            sensitive=wish.sensitive,
        )
        terms = (made.recipient, made.category, made.purpose, made.sensitive, made.since, made.until)
        await tx.execute(SQL["add_consent"], tenant, made.id, person, *terms, by, now)
        await self._notary.attest(tx, tenant, "consent.grant", person, by, now, _terms(made, clerk))
        return made

    async def withdraw(
        self, tx: Transaction, tenant: str, consent: str, by: str, now: datetime, *, clerk: str = ""
    ) -> Consent:
        """Take a consent back: the next read and the next notification are refused. Once withdrawn stays withdrawn.

        Raises `NotFound` where there is none or `by` may not act for the person.
        """
        row = await tx.fetchrow(SQL["lock_consent"], tenant, consent)
        if row is None:
            raise NotFound("there is no such consent")
        kept = msgspec.convert(dict(row), Consent)
        await demand_right_to_act(tx, tenant, by, kept.person, now)
        if kept.withdrawn_at is not None:
            return kept
        await tx.execute(SQL["withdraw"], tenant, consent, now, by)
        await self._notary.attest(tx, tenant, "consent.withdraw", kept.person, by, now, _terms(kept, clerk))
        return msgspec.structs.replace(kept, withdrawn_at=now)

    async def withdraw_all(
        self, tx: Transaction, tenant: str, person: str, wish: Wish, by: str, now: datetime, *, clerk: str = ""
    ) -> int:
        """Take back every consent of `person` to this recipient for this category and purpose. Returns how many."""
        words = (wish.recipient, wish.category, wish.purpose)
        found = await tx.fetch(SQL["standing"], tenant, person, *words, now)
        for row in found:
            await self.withdraw(tx, tenant, row["id"], by, now, clerk=clerk)
        return len(found)


def check_wish(wish: Wish, now: datetime) -> None:
    """Raises `Invalid` where a wish cannot be consented to."""
    if wish.category not in CATEGORIES:
        raise Invalid(f"the category is one of {', '.join(sorted(CATEGORIES))}", field="category")
    if wish.purpose not in PURPOSES:
        raise Invalid(f"the purpose is one of {', '.join(sorted(PURPOSES))}", field="purpose")
    if not 1 <= len(wish.recipient) <= 200 or "\x00" in wish.recipient:
        raise Invalid("the recipient is an app's client id, a person's id or service:NAME", field="recipient")
    if wish.until.tzinfo is None:
        raise Invalid("a time needs its offset, such as 2027-03-31T23:59:59+09:00", field="until")
    if not now < wish.until <= now + LONGEST:
        raise Invalid("a consent ends in the future, and within five years", field="until")
    if CATEGORIES[wish.category].sensitive and not wish.sensitive:
        raise Invalid(
            f"{wish.category} is 要配慮個人情報: the consent must name it as such (sensitive: true)", field="sensitive"
        )


def _terms(consent: Consent, clerk: str) -> dict[str, Any]:
    return {
        **({"clerk": clerk} if clerk else {}),
        "id": consent.id,
        "recipient": consent.recipient,
        "category": consent.category,
        "purpose": consent.purpose,
        "sensitive": consent.sensitive,
        "since": iso(consent.since),
        "until": iso(consent.until),
    }
