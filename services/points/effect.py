"""What a campaign moved: spending while it ran against as many days before, by shop, area, category and age band.

Groups of fewer than `FEWEST` people are not told apart: who knows the town would know the person. Where one is hidden,
the next smallest of its kind is hidden too, or the difference to the whole would tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from broker.errors import Invalid, NotFound
from broker.ports import Transaction
from broker.sql import load
from services.points.model import midnight_after
from services.points.rulebook import Rules

SQL = load("services.points", "effect")
FEWEST = 10
"""People that a group must have in a period for its figures to be shown."""


class Group(NamedTuple):
    """Spending of one group in yen; the name "" is whoever the kind does not apply to. None: hidden."""

    kind: str
    name: str
    people: int | None
    people_before: int | None
    yen: int | None
    yen_before: int | None


class Effect(NamedTuple):
    """A campaign's time from `start` until before `end`, the time before from `since`, and the spending in both.

    `days` holds each day of both with the yen spent (None where too few people spent).
    """

    campaign: str
    since: datetime
    start: datetime
    end: datetime
    groups: list[Group]
    days: list[tuple[date, int | None]]


async def effect(tx: Transaction, rules: Rules, campaign: str, now: datetime) -> Effect:
    """What a campaign moved until now. Raises `NotFound`, or `Invalid` for one that has not begun."""
    wanted = next((one for one in rules.campaigns if one.id == campaign), None)
    if wanted is None:
        raise NotFound(f"there is no campaign {campaign!r} in the rules in force")
    start = midnight_after(wanted.start - timedelta(days=1))
    end = min(now, midnight_after(wanted.end))
    if end <= start:
        raise Invalid(f"{campaign} begins on {wanted.start}; there is nothing to compare yet", field="campaign")
    since = start - (end - start)
    rows = await tx.fetch(SQL["effect"], since, start, end)
    days = await tx.fetch(SQL["by_day"], since, end)
    open_days = shown([row["people"] for row in days])
    told = [(row["day"], row["yen"] if seen else None) for row, seen in zip(days, open_days, strict=True)]
    kinds = sorted({row["kind"] for row in rows})
    groups = [group for kind in kinds for group in _hidden([Group(*row) for row in rows if row["kind"] == kind])]
    return Effect(campaign, since, start, end, groups, told)


def _hidden(groups: Sequence[Group]) -> list[Group]:
    """The groups of one kind, those hidden that must be. Pure."""
    during = shown([group.people or 0 for group in groups])
    before = shown([group.people_before or 0 for group in groups])
    return [
        Group(
            group.kind,
            group.name,
            group.people if now else None,
            group.people_before if then else None,
            group.yen if now else None,
            group.yen_before if then else None,
        )
        for group, now, then in zip(groups, during, before, strict=True)
    ]


def shown(people: Sequence[int]) -> list[bool]:
    """Which groups of so many people may be shown beside their sum. Pure."""
    hidden = {index for index, count in enumerate(people) if 0 < count < FEWEST}
    rest = sorted((count, index) for index, count in enumerate(people) if count >= FEWEST)
    while hidden and rest and (len(hidden) < 2 or sum(people[index] for index in hidden) < FEWEST):
        hidden.add(rest.pop(0)[1])
    return [index not in hidden for index in range(len(people))]
