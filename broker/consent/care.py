"""Who stands for a child: staff confirm the first guardian, guardians invite others, all until the child is of age."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, time, timedelta

import msgspec

from access.consent import Guardianship, guards, of_age
from access.evidence import Sign
from broker.consent.evidence import Notary
from broker.consent.register import Person, add_person, find_person
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from schemas.clock import JST, iso

_SQL = load("broker.consent", "care")
INVITATION = timedelta(days=7)
"""How long an invitation is good."""
_LONGEST = timedelta(days=5 * 366)


class Care:
    """Guardianships, each with signed evidence, in the caller's transaction."""

    def __init__(self, sign: Sign) -> None:
        self._notary = Notary(sign)

    async def confirm(
        self,
        tx: Transaction,
        tenant: str,
        guardian: str,
        child: str,
        relation: str,
        by: str,
        now: datetime,
        until: datetime | None = None,
    ) -> Guardianship:
        """Staff (`by`) have seen the proof: `guardian` stands for `child` until it is of age, or until `until`.

        Raises `NotFound`, and `Invalid` where there is no date of birth and no `until`, or it is not in the future.
        """
        if guardian == child:
            raise Invalid("nobody is their own guardian", field="guardian")
        person = await find_person(tx, tenant, child)
        await add_person(tx, tenant, guardian, now)
        return await self._add(tx, tenant, guardian, child, relation, _end(person, until, now), by, now)

    async def invite(
        self, tx: Transaction, tenant: str, child: str, relation: str, by: str, now: datetime
    ) -> tuple[str, datetime]:
        """A guardian invites another person. Returns the code, shown once, and when it ends. Raises `NotFound`."""
        own = await self._in_force(tx, tenant, by, child, now)
        code, expires = secrets.token_hex(10), now + INVITATION
        await tx.execute(_SQL["add_invitation"], tenant, _digest(code), child, relation, by, own.until, expires)
        return code, expires

    async def accept(self, tx: Transaction, tenant: str, code: str, by: str, now: datetime) -> Guardianship:
        """Take an invitation up. Raises `NotFound` for one that is unknown, used, or no longer good."""
        row = await tx.fetchrow(_SQL["lock_invitation"], tenant, _digest(code.strip().lower()))
        if row is None or row["used_at"] is not None or row["expires_at"] <= now:
            raise NotFound("this invitation is not, or no longer, good")
        await self._in_force(tx, tenant, row["invited_by"], row["child"], now)
        if row["child"] == by:
            raise Invalid("nobody is their own guardian", field="code")
        if await tx.fetchrow(_SQL["in_force"], tenant, row["child"], by, now) is not None:
            raise Conflict("you stand for this child already")
        await tx.execute(_SQL["use_invitation"], tenant, _digest(code.strip().lower()), now, by)
        await add_person(tx, tenant, by, now)
        return await self._add(tx, tenant, by, row["child"], row["relation"], row["until"], row["invited_by"], now)

    async def end(self, tx: Transaction, tenant: str, id: str, by: str, now: datetime, *, staff: bool = False) -> None:
        """End a guardianship: by the guardian, by the grown child, by another guardian of it, or by staff."""
        row = await tx.fetchrow(_SQL["lock_guardianship"], tenant, id)
        if row is None:
            raise NotFound("there is no such guardianship")
        if not staff and by not in (row["guardian"], row["child"]):
            await self._in_force(tx, tenant, by, row["child"], now)
        if row["ended_at"] is not None:
            return
        await tx.execute(_SQL["end_guardianship"], tenant, id, now, by)
        await self._notary.attest(
            tx, tenant, "guardianship.end", row["child"], by, now, {"id": id, "guardian": row["guardian"]}
        )

    async def _add(
        self,
        tx: Transaction,
        tenant: str,
        guardian: str,
        child: str,
        relation: str,
        until: datetime,
        by: str,
        now: datetime,
    ) -> Guardianship:
        id = f"{tenant}.{secrets.token_urlsafe(16)}"
        await tx.execute(_SQL["add_guardianship"], tenant, id, guardian, child, relation, now, until, by)
        terms = {"id": id, "guardian": guardian, "relation": relation, "until": iso(until)}
        await self._notary.attest(tx, tenant, "guardianship.begin", child, by, now, terms)
        return Guardianship(id=id, guardian=guardian, child=child, since=now, until=until)

    async def _in_force(self, tx: Transaction, tenant: str, guardian: str, child: str, now: datetime) -> Guardianship:
        row = await tx.fetchrow(_SQL["in_force"], tenant, child, guardian, now)
        if row is None or not guards(found := msgspec.convert(dict(row), Guardianship), now):
            raise NotFound("there is no such person in your care")
        return found


def _end(child: Person, until: datetime | None, now: datetime) -> datetime:
    grown = None if child.born is None else datetime.combine(of_age(child.born), time(), JST)
    ends = min((at for at in (grown, until) if at is not None), default=None)
    if ends is None:
        raise Invalid("the person's date of birth is not known: say until when (at most five years)", field="until")
    if ends <= now or (grown is None and ends > now + _LONGEST):
        raise Invalid("a guardianship ends in the future: at 18, or within five years", field="until")
    return ends


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
