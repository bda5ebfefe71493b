"""How the rule that proposes did in past floods, from the city's own record: what came after a proposal. Pure.

Exercises on recorded floods count too: the same rules judged the same rivers. One that was played twice counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

import msgspec

from services.evacuation.levels import MAYORS

_OVER = timedelta(hours=12)
"""A flood is over when nothing was proposed for so long."""


class Proposed(NamedTuple):
    """The level proposed for a district from a moment on; 0: the proposal was taken back."""

    district: str
    at: datetime
    level: int


class Past(msgspec.Struct, frozen=True, rename="camel"):
    """In how many past floods a level was proposed, in how many of them a graver one after it, and the median of the
    minutes between; None where that never happened."""

    floods: int = 0
    graver: int = 0
    minutes: int | None = None


def past_of(record: Iterable[Proposed], now: datetime) -> Mapping[tuple[str, int], Past]:
    """By district and level. A flood that is not over at `now` is not past, and what is later is not known yet."""
    by_district: defaultdict[str, set[Proposed]] = defaultdict(set)
    for line in record:
        if line.at < now:
            by_district[line.district].add(line)
    found: defaultdict[tuple[str, int], list[float | None]] = defaultdict(list)
    for district, lines in by_district.items():
        for flood in _floods(sorted(lines, key=lambda line: line.at)):
            if flood[-1].level == 0 and now - flood[-1].at >= _OVER:
                for level in MAYORS:
                    if reached := [line for line in flood if line.level >= level]:
                        found[district, level].append(_until_graver(reached, level))
    return {key: _summed(waits) for key, waits in found.items()}


def _floods(lines: Sequence[Proposed]) -> Iterator[list[Proposed]]:
    flood: list[Proposed] = []
    for line in lines:
        if flood and flood[-1].level == 0 and line.at - flood[-1].at >= _OVER:
            yield flood
            flood = []
        flood.append(line)
    if flood:
        yield flood


def _until_graver(reached: Sequence[Proposed], level: int) -> float | None:
    graver = next((line.at for line in reached if line.level > level), None)
    return None if graver is None else (graver - reached[0].at) / timedelta(minutes=1)


def _summed(waits: Sequence[float | None]) -> Past:
    known = [wait for wait in waits if wait is not None]
    return Past(len(waits), len(known), round(median(known)) if known else None)
