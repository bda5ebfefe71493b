"""Who says that they are safe (安否): the latest word of each person, kept only for as long as they wish.

Personal data of the category `safety`. Whoever reads a report of another's has passed the consent gate before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from broker.consent.holdings import Erased
from broker.errors import Invalid
from broker.ports import Transaction
from broker.sql import load

_SQL = load("services.evacuation", "shelters")
CATEGORY, PURPOSE = "safety", "safety-check"
CITY = "service:evacuation"
"""The recipient by which a person lets the municipality read their report."""
_MOST = 10_000


class Safety(StrEnum):
    """What a person says of themself. No word of injuries or illness: those would be 要配慮個人情報."""

    SAFE = "safe"
    MOVING = "moving"
    HELP = "help"


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person's latest word: where they are, if at a shelter, and a sentence of their own."""

    state: Safety
    shelter_id: str | None = None
    note: str = ""
    reported_by: str = ""
    reported_at: datetime | None = None
    consent: str | None = None


async def report_of(tx: Transaction, tenant: str, person: str) -> Report | None:
    """What the person said last, or None."""
    row = await tx.fetchrow(_SQL["report"], tenant, person)
    return None if row is None else _report(row)


async def save_report(tx: Transaction, tenant: str, person: str, said: Report) -> None:
    """Keep it in place of what was said before. Raises `Invalid`."""
    if len(said.note) > 200 or "\x00" in said.note:
        raise Invalid(f"{len(said.note)} characters; at most 200", field="note")
    if said.shelter_id is not None and await tx.fetchval(_SQL["shelter"], said.shelter_id) is None:
        raise Invalid(f"there is no shelter {said.shelter_id!r}", field="shelter")
    words = (said.state, said.shelter_id, said.note.strip(), said.reported_by, said.reported_at, said.consent)
    await tx.execute(_SQL["save_report"], tenant, person, *words)


async def forget_report(tx: Transaction, tenant: str, person: str) -> tuple[bool, str | None]:
    """Take it back: whether there was one, and the consent that went with it."""
    rows = await tx.fetch(_SQL["forget_report"], tenant, person)
    return bool(rows), rows[0]["consent"] if rows else None


async def reports_of(tx: Transaction, tenant: str, persons: Sequence[str]) -> dict[str, Report]:
    """The reports of these persons, the newest first. The caller has passed the gate for each."""
    rows = await tx.fetch(_SQL["reports"], tenant, list(persons))
    return {row["person"]: _report({**dict(row), "consent": None}) for row in rows}


async def reporters(tx: Transaction, tenant: str) -> list[str]:
    """Everybody who has said something: for asking the gate, shown to nobody."""
    return [row["person"] for row in await tx.fetch(_SQL["reporters"], tenant, _MOST)]


async def purge(tx: Transaction, before: datetime) -> int:
    """Forget what was said before that time, in every city: the flood is over, the word need not stay. How many."""
    return len(await tx.fetch(_SQL["purge_reports"], before))


async def counts(tx: Transaction, tenant: str) -> list[dict[str, Any]]:
    """How many said what, by shelter (empty: elsewhere). Numbers alone."""
    return [dict(row) for row in await tx.fetch(_SQL["counts"], tenant)]


def _report(row: Mapping[str, Any]) -> Report:
    return Report(
        state=Safety(row["state"]),
        shelter_id=row["shelter_id"],
        note=row["note"],
        reported_by=row["reported_by"],
        reported_at=row["reported_at"],
        consent=row["consent"],
    )


class SafetyHolding:
    """A person's report as what is held of them."""

    service = "safety"
    category = CATEGORY

    async def export(self, tx: Transaction, tenant: str, person: str) -> list[dict[str, Any]]:
        """The report, if there is one."""
        found = await report_of(tx, tenant, person)
        return [] if found is None else [msgspec.to_builtins(found)]

    async def erase(self, tx: Transaction, tenant: str, person: str, now: datetime) -> Erased:  # noqa: ARG002
        """Gone without a trace."""
        there, _ = await forget_report(tx, tenant, person)
        return Erased(category=self.category, service=self.service, erased=int(there))
