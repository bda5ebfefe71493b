"""A missing person: the family reports, named officers look for a limited time, and every look is booked and shown.

An officer's right to look is an emergency access of the consent gate (`broker.consent.exceptions`): under their own
name, with a reason that the family reads, until a time, reviewed afterwards by somebody else. It ends with the search.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from access.personal import MUNICIPALITY
from broker.consent.exceptions import Exceptions, NewEmergency
from broker.consent.gate import Gate
from broker.errors import Conflict, Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from broker.veil import Veil
from schemas.clock import Clock
from services.presence.desk import MISSING, Asker, FamilyDesk
from services.presence.store import as_family
from services.presence.telling import CATEGORY, Worn, search_notice, tell_family

_SQL = load("services.presence", "search")
_SEALED = "tag-search"
_MOST_WORDS = 1000


class Report(NamedTuple):
    """An open search as an officer finds it in the list: not whom it is about. `mine` is until when they may look."""

    id: str
    reported_at: datetime
    opened_at: datetime | None
    mine: datetime | None


class SearchDesk:
    """In the caller's transaction, which is set to the tenant and is the application's."""

    def __init__(self, family: FamilyDesk, veil: Veil, clock: Clock) -> None:
        self._family, self._veil, self._clock = family, veil, clock

    async def report(self, tx: Transaction, asker: Asker, tag: str, words: str) -> str:
        """The family reports the wearer missing; `words` (clothes, where they may go) are kept sealed. Returns the id.

        Raises `NotFound` for a tag not in the asker's care, `Conflict` where a search is open, `Invalid`.
        """
        if len(words) > _MOST_WORDS or "\x00" in words:
            raise Invalid(f"write at most {_MOST_WORDS} characters", field="words")
        row = await self._family.demand(tx, asker, tag)
        id, sealed = secrets.token_hex(8), self._veil.seal(asker.tenant, _SEALED, words.encode())
        async with as_family(tx):
            if await tx.fetchval(_SQL["report"], id, row, self._clock(), sealed) is None:
                raise Conflict("a search for this person is open already")
        return id

    async def shown(self, tx: Transaction, asker: Asker, tag: str) -> dict[str, Any] | None:
        """The open search as the family sees it, with every officer who may look or might; None where there is none."""
        named = await self._family.demand(tx, asker, tag)
        async with as_family(tx):
            row = await tx.fetchrow(_SQL["one_of_tag"], named)
            officers = await tx.fetch(_SQL["officers"], row["id"]) if row else []
        if row is None:
            return None
        looking = [{"officer": one["officer"], "since": one["opened_at"], "until": one["until"]} for one in officers]
        return {
            "id": row["id"],
            "reportedAt": row["reported_at"],
            "words": self._words(asker.tenant, row["sealed"]),
            "officers": looking,
        }

    async def waiting(self, tx: Transaction, officer: str) -> list[Report]:
        """The open searches, the oldest first, without a name: that is seen by opening one."""
        async with as_family(tx):
            rows = await tx.fetch(_SQL["open_ones"], officer)
        return [Report(row["id"], row["reported_at"], row["opened_at"], row["mine"]) for row in rows]

    async def open(
        self,
        tx: Transaction,
        gate: Gate,
        exceptions: Exceptions,
        officer: Asker,
        search: str,
        reason: str,
        minutes: int,
    ) -> datetime:
        """From now on this officer may look, until the time that is returned; the family is told. Raises `NotFound`,
        `Invalid`."""
        now = self._clock()
        async with as_family(tx):
            row = await self._lock(tx, search)
        watched = await self._family.of_row(tx, officer.tenant, row["tag_id"])
        person = watched.wearer.person
        wish = NewEmergency(person=person, categories=(CATEGORY,), reason=reason, minutes=minutes)
        made = await exceptions.open(tx, officer.tenant, wish, officer.id, now)
        async with as_family(tx):
            await tx.execute(_SQL["open"], search, officer.id, now, made.until, made.id)
            await tx.execute(_SQL["opened"], search, now, made.until)
            worn = Worn(officer.tenant, await tx.fetchval(_SQL["number"]), watched.handle, person)
        notice = partial(search_notice, watched.handle, search, officer.id, made.until, now)
        await tell_family(tx, gate, worn, notice, now)
        return made.until

    async def look(self, tx: Transaction, gate: Gate, officer: Asker, search: str) -> dict[str, Any]:
        """Where the missing person was last seen, and what the family wrote. Booked.

        Raises `NotFound` for a search that is closed, `Forbidden` (booked) where the officer has not opened it or the
        time is over.
        """
        async with as_family(tx):
            row = await self._lock(tx, search)
        watched = await self._family.of_row(tx, officer.tenant, row["tag_id"])
        found = await self._family.presence(tx, gate, officer, watched.handle)
        return {**found, "words": self._words(officer.tenant, row["sealed"]), "reportedAt": row["reported_at"]}

    async def path(self, tx: Transaction, gate: Gate, officer: Asker, search: str, day: date) -> dict[str, Any]:
        """The path and events of one day. Booked; raises as `look`."""
        async with as_family(tx):
            row = await self._lock(tx, search)
        watched = await self._family.of_row(tx, officer.tenant, row["tag_id"])
        return await self._family.history(tx, gate, officer, watched.handle, day)

    async def close(self, tx: Transaction, exceptions: Exceptions, officer: Asker, search: str) -> str:
        """Found, or needed no longer, by an officer who opened it. Returns the tag. Raises `NotFound`.

        What the family wrote is deleted at once, every officer's access ends; the search's own record goes when the
        city's time for it (retention `tag_search`) is over.
        """
        async with as_family(tx):
            row = await self._lock(tx, search)
            officers = {one["officer"] for one in await tx.fetch(_SQL["officers"], search)}
        if officer.id not in officers:
            raise NotFound("there is no such search of yours")
        await self._end(tx, exceptions, officer, search)
        return (await self._family.of_row(tx, officer.tenant, row["tag_id"])).handle

    async def withdraw(self, tx: Transaction, exceptions: Exceptions, asker: Asker, tag: str) -> None:
        """The family ends the search: they have found them. Raises `NotFound`."""
        named = await self._family.demand(tx, asker, tag)
        async with as_family(tx):
            row = await tx.fetchrow(_SQL["one_of_tag"], named)
        if row is None:
            raise NotFound("no search for this person is open")
        await self._end(tx, exceptions, asker, row["id"])

    async def _end(self, tx: Transaction, exceptions: Exceptions, by: Asker, search: str) -> None:
        now = self._clock()
        async with as_family(tx):
            officers = await tx.fetch(_SQL["officers"], search)
            await tx.execute(_SQL["close"], search, now, by.by)
        for one in officers:
            await exceptions.end(tx, by.tenant, one["emergency"], one["officer"], now)

    async def _lock(self, tx: Transaction, search: str) -> Any:
        row = await tx.fetchrow(_SQL["lock"], search)
        if row is None:
            raise NotFound("there is no such search, or it was closed")
        return row

    def _words(self, tenant: str, sealed: bytes | None) -> str:
        return "" if sealed is None else self._veil.open(tenant, _SEALED, sealed).decode()


def searcher(tenant: str, officer: str) -> Asker:
    """An officer as who asks: the municipality gets the data, this person stands for it."""
    return Asker(tenant, officer, MISSING, by=officer, recipient=MUNICIPALITY)
