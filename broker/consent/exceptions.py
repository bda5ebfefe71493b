"""Grounds other than consent: those the municipality registers, and an officer's access in an emergency."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from access.consent import REGISTERED, Emergency, Ground
from access.evidence import Sign
from access.personal import CATEGORIES, PURPOSES
from broker.consent.evidence import Notary
from broker.consent.register import find_person
from broker.errors import Conflict, Forbidden, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import iso

_SQL = load("broker.consent", "exceptions")
LONGEST_EMERGENCY = timedelta(hours=24)
"""The longest that an officer's access lasts; then it is asked for, and reasoned, again."""
_MOST = 500


class NewGround(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A ground to be registered. `law` names law and article where the ground is law; `until` null: until revoked."""

    ground: Ground
    recipient: str
    category: str
    purpose: str
    justification: str
    law: str = ""
    sensitive: bool = False
    until: datetime | None = None


class NewEmergency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An officer's wish to see one person's data for some minutes, with the reason in their own words."""

    person: str
    categories: tuple[str, ...]
    reason: str
    minutes: int = 60


class Exceptions:
    """Each step with signed evidence, in the caller's transaction."""

    def __init__(self, sign: Sign) -> None:
        self._notary = Notary(sign)

    async def register(self, tx: Transaction, tenant: str, wish: NewGround, by: str, now: datetime) -> str:
        """From now on disclosures may rest on this ground. Returns its id. Raises `Invalid` naming the field."""
        _check_ground(wish, now)
        id = f"{tenant}.{secrets.token_urlsafe(16)}"
        words = (wish.ground, wish.recipient, wish.category, wish.purpose, wish.sensitive, wish.law, wish.justification)
        await tx.execute(_SQL["add_ground"], tenant, id, *words, now, wish.until, by)
        await self._notary.attest(tx, tenant, "ground.register", None, by, now, {"id": id, **msgspec.to_builtins(wish)})
        return id

    async def revoke(self, tx: Transaction, tenant: str, id: str, by: str, now: datetime) -> None:
        """The ground is none any more. Raises `NotFound`."""
        if await tx.fetchval(_SQL["revoke_ground"], tenant, id, now, by) is None:
            raise NotFound("there is no such ground, or it was revoked already")
        await self._notary.attest(tx, tenant, "ground.revoke", None, by, now, {"id": id})

    async def grounds(self, tx: Transaction, tenant: str) -> list[dict[str, Any]]:
        """Every ground registered, the newest first, those revoked too."""
        return [dict(row) for row in await tx.fetch(_SQL["grounds"], tenant, _MOST)]

    async def open(self, tx: Transaction, tenant: str, wish: NewEmergency, officer: str, now: datetime) -> Emergency:
        """The officer may now see these data of the person, each look being booked. Raises `Invalid`, `NotFound`."""
        _check_emergency(wish)
        await find_person(tx, tenant, wish.person)
        made = Emergency(
            id=f"{tenant}.{secrets.token_urlsafe(16)}",
            officer=officer,
            person=wish.person,
            categories=wish.categories,
            since=now,
            until=now + timedelta(minutes=wish.minutes),
        )
        terms = (officer, wish.person, list(wish.categories), wish.reason, made.since, made.until)
        await tx.execute(_SQL["open_emergency"], tenant, made.id, *terms)
        said = {"id": made.id, "categories": list(wish.categories), "reason": wish.reason, "until": iso(made.until)}
        await self._notary.attest(tx, tenant, "emergency.open", wish.person, officer, now, said)
        return made

    async def find(self, tx: Transaction, tenant: str, id: str) -> Emergency:
        """Raises `NotFound`."""
        return msgspec.convert(dict(await self._lock(tx, tenant, id)), Emergency)

    async def end(self, tx: Transaction, tenant: str, id: str, officer: str, now: datetime) -> None:
        """The officer needs it no longer. Raises `NotFound` also for somebody else's."""
        row = await self._lock(tx, tenant, id)
        if row["officer"] != officer:
            raise NotFound("there is no such emergency access of yours")
        if row["ended_at"] is None and now < row["until"]:
            await tx.execute(_SQL["end_emergency"], tenant, id, now)
            await self._notary.attest(tx, tenant, "emergency.end", row["person"], officer, now, {"id": id})

    async def review(
        self,
        tx: Transaction,
        tenant: str,
        id: str,
        by: str,
        now: datetime,
        outcome: Literal["justified", "not-justified"],
        note: str,
    ) -> None:
        """Somebody else judges it afterwards; it ends with that, and the person sees the outcome.

        Raises `NotFound`, `Forbidden` for the officer's own, `Conflict` where it was reviewed.
        """
        row = await self._lock(tx, tenant, id)
        if row["officer"] == by:
            raise Forbidden("an emergency access is reviewed by somebody else than the officer who used it")
        if row["outcome"] is not None:
            raise Conflict("this emergency access has been reviewed already")
        if len(note.strip()) < 5:
            raise Invalid("the person will read this: say in a sentence why", field="note")
        await tx.execute(_SQL["review_emergency"], tenant, id, by, now, outcome, note)
        said = {"id": id, "outcome": outcome, "note": note}
        await self._notary.attest(tx, tenant, "emergency.review", row["person"], by, now, said)

    async def emergencies(self, tx: Transaction, tenant: str) -> list[dict[str, Any]]:
        """Those waiting for their review first, then the newest; with how often each was used."""
        return [dict(row) for row in await tx.fetch(_SQL["emergencies"], tenant, _MOST)]

    async def _lock(self, tx: Transaction, tenant: str, id: str) -> Any:
        row = await tx.fetchrow(_SQL["lock_emergency"], tenant, id)
        if row is None:
            raise NotFound("there is no such emergency access")
        return row


def _check_ground(wish: NewGround, now: datetime) -> None:
    if wish.ground not in REGISTERED:
        raise Invalid(f"the ground is one of {', '.join(sorted(REGISTERED))}", field="ground")
    if wish.category not in CATEGORIES:
        raise Invalid(f"the category is one of {', '.join(sorted(CATEGORIES))}", field="category")
    if wish.purpose not in PURPOSES:
        raise Invalid(f"the purpose is one of {', '.join(sorted(PURPOSES))}", field="purpose")
    if not 1 <= len(wish.recipient) <= 200 or "\x00" in wish.recipient:
        raise Invalid("the recipient is an app's client id, a person's id or service:NAME", field="recipient")
    if not 10 <= len(wish.justification.strip()) <= 2000 or "\x00" in wish.justification:
        raise Invalid("say in 10 to 2000 characters why the ground holds", field="justification")
    if wish.ground is Ground.LAW and not wish.law.strip():
        raise Invalid("name the law and its article, such as 災害対策基本法 第49条の11", field="law")
    if (wish.sensitive or CATEGORIES[wish.category].sensitive) and not (wish.ground is Ground.LAW and wish.sensitive):
        raise Invalid("要配慮個人情報 needs the ground law, and sensitive: true if that law covers it", field="ground")
    if wish.until is not None and (wish.until.tzinfo is None or wish.until <= now):
        raise Invalid("until is a time in the future with its offset, or null", field="until")


def _check_emergency(wish: NewEmergency) -> None:
    if unknown := sorted(set(wish.categories) - CATEGORIES.keys()):
        raise Invalid(f"there is no category {', '.join(unknown)[:100]}", field="categories")
    plain = sorted(name for name, category in CATEGORIES.items() if not category.sensitive)
    if not wish.categories or any(CATEGORIES[name].sensitive for name in wish.categories):
        raise Invalid(f"choose among {', '.join(plain)}: 要配慮個人情報 needs a law or a consent", field="categories")
    if not 10 <= len(wish.reason.strip()) <= 2000 or "\x00" in wish.reason:
        raise Invalid("say in 10 to 2000 characters what the emergency is; the person will read it", field="reason")
    if not 1 <= wish.minutes <= LONGEST_EMERGENCY // timedelta(minutes=1):
        raise Invalid("minutes is 1 to 1440; a longer need is reasoned again", field="minutes")
