"""What other gauges of the same river say of a reading. Pure; the caller fetches the neighbours when it matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.river import Quality, Trend
from services.alerting.state import Note


class Neighbour(NamedTuple):
    """Another gauge of the same river as it stands: POSIX seconds, and its assessment."""

    at: float
    rank: int
    trend: Trend
    quality: Quality


def hear(neighbours: Sequence[Neighbour], at: float, age: float) -> Note | None:
    """What those with a good reading within `age` seconds of `at` say of a high reading at that time.

    One that is above a stage or rising endorses it. Two or more that all stand below every stage and do not rise
    doubt it. Otherwise they say nothing.
    """
    heard = [n for n in neighbours if abs(n.at - at) <= age and n.quality is Quality.GOOD]
    if any(n.rank > 0 or n.trend is Trend.RISING for n in heard):
        return Note.ENDORSED
    still = [n for n in heard if n.rank == 0 and n.trend in (Trend.STEADY, Trend.FALLING)]
    return Note.DOUBTED if len(still) == len(heard) >= 2 else None
