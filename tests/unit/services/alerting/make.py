"""Makers of rules and readings for the tests: minutes and metres in, values out."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.river import Thresholds
from services.alerting.quality import QualityRules
from services.alerting.readings import Reading
from services.alerting.rules import GaugeRules, apply
from services.alerting.state import Decision, GaugeState, Kind, Outcome

EBA = Thresholds(standby=1.0, caution=1.4, danger=2.0)
"""江波's stages: no evacuation stage is set."""
FULL = Thresholds(standby=1.2, caution=1.5, evacuation=1.8, danger=2.0)
"""原目's stages."""


def rules(thresholds: Thresholds = FULL, quality: QualityRules | None = None, **changes: float) -> GaugeRules:
    return GaugeRules(version="test", steps=thresholds.steps(), quality=quality or QualityRules(), **changes)  # type: ignore[arg-type]


def reading(minute: float, level: float, version: int = 0, *, by_hand: bool = False) -> Reading:
    return Reading(minute * 60.0, level, version, by_hand=by_hand)


def run(
    rows: Iterable[tuple[float, float] | Reading], by: GaugeRules, state: GaugeState | None = None
) -> tuple[GaugeState, list[Outcome]]:
    """Apply rows of (minute, level) in the order given."""
    state = state or GaugeState()
    outcomes = []
    for row in rows:
        result = apply(state, row if isinstance(row, Reading) else reading(*row), by)
        outcomes.append(result)
        state = result.state
    return state, outcomes


def decisions(outcomes: Iterable[Outcome], *kinds: Kind) -> list[Decision]:
    return [d for result in outcomes for d in result.decisions if not kinds or d.kind in kinds]
