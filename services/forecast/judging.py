"""What a model is worth on floods it has not seen, and of which gauges levels ahead may be shown. Pure.

The rising limb decides: an officer must act while the river comes up. A model that only knows how rivers fall is good
over a whole flood and misleads when it counts. The measure is against "it stays as it is" (persistence).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from services.forecast.features import LEADS, GaugeTraits
from services.forecast.model import Cases, Model, cases_of, changes
from services.forecast.series import Floats, Record

_MOVES = 0.1
ENOUGH = 30
"""Rising readings of a group, over all judged floods, from which its skill is told from chance."""
ENOUGH_OF_ONE = 12
"""And of a single gauge. Most gauges report hourly and rise for a few hours: alone they hardly ever have as many."""
GROUPS = (1.0, 2.5)
"""Gauges are judged together with those that move as far, in metres between low water and flood (`GaugeTraits.scale`):
brooks below the first, great rivers from the last on, which rise slowly enough to be seen coming."""


class Skill(msgspec.Struct, frozen=True, rename="camel"):
    """How one lead did on one record, over all its gauges.

    `error` and `stays` are mean absolute errors in metres, the second persistence's. `skill` is 1 - error / stays over
    all moments, `moving` over those when the level moved by more than 0.1 m, `rising` over those when it rose by as
    much. `inside` is the share of levels inside the interval.
    """

    lead: int
    cases: int
    error: float
    stays: float
    skill: float
    moving: float
    rising: float
    inside: float

    @property
    def beats_persistence(self) -> bool:
        """Over the whole flood, and when the level moves: needed, and not enough."""
        return self.skill > 0 and self.moving > 0


class Rise(msgspec.Struct, frozen=True):
    """One gauge's readings after which the level rose: how many, and the sums of both absolute errors in metres."""

    cases: int
    error: float
    stays: float


class Judged(msgspec.Struct, frozen=True):
    """A model on one flood: the skill of each lead, and by lead and gauge what it was worth while that gauge rose."""

    skills: tuple[Skill, ...] = ()
    rises: dict[int, dict[str, Rise]] = {}


class Verdict(NamedTuple):
    """One lead of one group: of how many of its gauges it is shown, and the skill on each flood while they rose, with
    how many readings that rests on; None where none rose."""

    lead: int
    group: int
    gauges: int
    shown: int
    rising: tuple[tuple[float | None, int], ...]


def judge(model: Model, record: Record) -> Judged:
    """The model on a record that it has not seen."""
    cases = cases_of(record, model.traits)
    if cases is None:
        return Judged()
    found = [_judge_lead(model, lead, cases, place) for place, lead in enumerate(LEADS)]
    return Judged(tuple(skill for skill, _ in found), {skill.lead: rises for skill, rises in found})


def _judge_lead(model: Model, lead: int, cases: Cases, place: int) -> tuple[Skill, dict[str, Rise]]:
    there = ~np.isnan(cases.moved[place])
    moved = cases.moved[place][there]
    low, middle, high = (ends * cases.scale[there] for ends in changes(model, lead, cases.x[there]))
    error, stays = np.abs(middle - moved), np.abs(moved)

    def skill(chosen: Any) -> float:
        return float(1 - error[chosen].mean() / stays[chosen].mean()) if chosen.any() and stays[chosen].any() else 0.0

    told = Skill(
        lead,
        len(moved),
        float(error.mean()) if len(moved) else 0.0,
        float(stays.mean()) if len(moved) else 0.0,
        skill(stays >= 0),
        skill(stays > _MOVES),
        skill(moved > _MOVES),
        float(((moved >= low) & (moved <= high)).mean()) if len(moved) else 0.0,
    )
    rose = moved > _MOVES
    return told, _rises(cases.names, cases.gauge[there][rose], error[rose], stays[rose])


def _rises(names: Sequence[str], gauge: Any, error: Floats, stays: Floats) -> dict[str, Rise]:
    counts, errors, changes_ = (np.bincount(gauge, weights, len(names)) for weights in (None, error, stays))
    return {
        name: Rise(int(counts[i]), float(errors[i]), float(changes_[i])) for i, name in enumerate(names) if counts[i]
    }


def group_of(trait: GaugeTraits) -> int:
    """The group of a gauge, 0 for those that move least."""
    return bisect_right(GROUPS, trait.scale)


def worth_showing(judged: Sequence[Judged], traits: Mapping[str, GaugeTraits]) -> dict[str, tuple[int, ...]]:
    """The leads of each gauge that are shown; a gauge of which none is, is not there.

    A lead is shown of a group that beat persistence on the rising limb of every judged flood in which it rose, less
    the gauges that rose often enough to be known as worse. The lead must besides beat persistence on every flood as a
    whole.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    for verdict in verdicts(judged, traits):
        for name in _members(traits, verdict.group) if verdict.shown else ():
            if not _known_as_worse(judged, verdict.lead, name):
                found[name].append(verdict.lead)
    return {name: tuple(leads) for name, leads in sorted(found.items())}


def verdicts(judged: Sequence[Judged], traits: Mapping[str, GaugeTraits]) -> list[Verdict]:
    """What is decided, lead by lead and group by group."""
    told = []
    for lead in LEADS:
        for group in range(len(GROUPS) + 1):
            names = _members(traits, group)
            floods = [[one.rises[lead][name] for name in names if name in one.rises.get(lead, {})] for one in judged]
            rising = tuple((_skill_of(rises), sum(rise.cases for rise in rises)) for rises in floods)
            shown = 0
            if _lead_is_worth(judged, lead) and _is_worth(rising):
                shown = sum(not _known_as_worse(judged, lead, name) for name in names)
            told.append(Verdict(lead, group, len(names), shown, rising))
    return told


def said(verdict: Verdict) -> str:
    """The verdict in a line, for the command and the benchmark."""
    low, high = (0.0, *GROUPS)[verdict.group], (*GROUPS, None)[verdict.group]
    moves = f"{low:g} m and more" if high is None else f"{low:g} to {high:g} m"
    floods = ", ".join("no rise" if skill is None else f"{skill:+.2f} ({cases})" for skill, cases in verdict.rising)
    shown = f"shown of {verdict.shown} of {verdict.gauges} gauges"
    return f"{verdict.lead} h, gauges that move {moves}: {shown}; while rising {floods}"


def _members(traits: Mapping[str, GaugeTraits], group: int) -> list[str]:
    return [name for name, trait in traits.items() if group_of(trait) == group]


def _is_worth(rising: Sequence[tuple[float | None, int]]) -> bool:
    return sum(cases for _, cases in rising) >= ENOUGH and all(skill is None or skill > 0 for skill, _ in rising)


def _known_as_worse(judged: Sequence[Judged], lead: int, name: str) -> bool:
    rises = [one.rises[lead][name] for one in judged if name in one.rises.get(lead, {})]
    skill = _skill_of(rises)
    return skill is not None and skill <= 0 and sum(rise.cases for rise in rises) >= ENOUGH_OF_ONE


def _lead_is_worth(judged: Sequence[Judged], lead: int) -> bool:
    skills = [[skill for skill in one.skills if skill.lead == lead] for one in judged]
    return bool(skills) and all(found and found[0].beats_persistence for found in skills)


def _skill_of(rises: Sequence[Rise]) -> float | None:
    return 1 - sum(rise.error for rise in rises) / sum(rise.stays for rise in rises) if rises else None
