"""The one gate that personal data pass: it decides, and nothing is disclosed that the register does not show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from access.consent import Consent, Decision, Disclosure, Emergency, Evidence, Guardianship, LegalGround, decide
from access.personal import CATEGORIES, PURPOSES
from broker.errors import Forbidden, Invalid
from broker.ports import Database, Transaction
from broker.sql import load

_SQL = load("broker.consent", "gate")
_KINDS: dict[str, type[Any]] = {
    "consents": Consent,
    "guardianships": Guardianship,
    "grounds": LegalGround,
    "emergencies": Emergency,
}
_MOST_PERSONS = 10_000


class Gate:
    """Asked with the caller's transaction, as a tenant or as the system: what it reads is as of now, never remembered.

    `refusals` is a database of its own connections: what was refused is booked there at once, so that the caller's
    rollback does not undo it. Never give it the pool whose connections the callers hold.
    """

    def __init__(self, refusals: Database) -> None:
        self._refusals = refusals

    async def disclose(self, tx: Transaction, asked: Disclosure) -> Decision:
        """Book the disclosure in the caller's transaction and return; hand the data out only once it has committed.

        Raises `Forbidden` where there is no ground (booked all the same), `Invalid` for an unknown category or purpose.
        """
        decision = await self.permitted(tx, asked)
        if decision.allowed:
            await _record(tx, asked, decision)
            return decision
        async with self._refusals.transaction(asked.tenant) as own:
            await _record(own, asked, decision)
        raise Forbidden(decision.explanation)

    async def tell(self, tx: Transaction, asked: Disclosure) -> Decision:
        """As `disclose`, for whoever goes on when it is refused (a consumer that notifies): both are booked in `tx`."""
        decision = await self.permitted(tx, asked)
        await _record(tx, asked, decision)
        return decision

    async def still(self, tx: Transaction, asked: Disclosure) -> Decision:
        """As `tell`, for what was booked when it was put in a queue and is about to leave it: only a no is booked."""
        decision = await self.permitted(tx, asked)
        if not decision.allowed:
            await _record(tx, asked, decision)
        return decision

    async def permitted(self, tx: Transaction, asked: Disclosure) -> Decision:
        """The decision alone, nothing booked: for filters, before anything is shown."""
        _check(asked)
        words = (asked.tenant, asked.person, asked.recipient, asked.category, asked.purpose, asked.by)
        rows = await tx.fetch(_SQL["evidence"], *words)
        return decide(asked, _evidence(asked.tenant, rows))

    async def permitted_among(
        self, tx: Transaction, asked: Disclosure, persons: Sequence[str] | None = None
    ) -> dict[str, Decision]:
        """Of `persons` those whose data the recipient may have, with the decision; `asked.person` is not looked at.

        Without `persons`: everybody that a consent, a guardianship or an emergency access of this recipient names
        (10,000 at most). Nothing is booked: call `tell` for each whose data are shown.
        """
        _check(asked)
        words = (asked.recipient, asked.category, asked.purpose)
        if persons is None:
            found = await tx.fetch(
                _SQL["persons_with_evidence"], asked.tenant, *words, asked.at, asked.by, _MOST_PERSONS
            )
            persons = [row["person"] for row in found]
        rows = await tx.fetch(_SQL["evidence_of_many"], asked.tenant, list(persons), *words, asked.by)
        by_person: defaultdict[str, list[Any]] = defaultdict(list)
        for row in rows:
            by_person[row["person"]].append(row)
        decisions = {
            person: decide(
                msgspec.structs.replace(asked, person=person),
                _evidence(asked.tenant, [*by_person[person], *by_person[""]]),
            )
            for person in persons
        }
        return {person: decision for person, decision in decisions.items() if decision.allowed}


async def person_of(tx: Transaction, tenant: str, service: str, reference: str) -> str | None:
    """Whom a service's record (an account, a rider, a tag) is about, None where nobody is linked to it."""
    found: str | None = await tx.fetchval(_SQL["person_of"], tenant, service, reference)
    return found


def _check(asked: Disclosure) -> None:
    known: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
        ("category", asked.category, CATEGORIES),
        ("purpose", asked.purpose, PURPOSES),
    )
    for field, said, words in known:
        if said not in words:
            raise Invalid(f"there is no {field} {said[:60]!r}; it is one of {', '.join(sorted(words))}", field=field)


def _evidence(tenant: str, rows: Iterable[Any]) -> Evidence:
    found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    for row in rows:
        found[row["kind"]].append(msgspec.json.decode(row["doc"], type=_KINDS[row["kind"]]))
    return Evidence(tenant, **{kind: tuple(ones) for kind, ones in found.items()})


async def _record(tx: Transaction, asked: Disclosure, decision: Decision) -> None:
    who = (asked.person, asked.recipient, asked.by, asked.category, asked.purpose, asked.sensitive, asked.reference)
    what = (decision.allowed, decision.ground, decision.basis, decision.why)
    await tx.execute(_SQL["record"], asked.tenant, asked.at, *who, *what)
