"""What a step of the rules is worth telling: the decisions that lie between one assessment and the next."""

from __future__ import annotations

from typing import Any, Protocol

from schemas.river import Quality, stage_of_rank
from services.alerting.readings import Judged, Reading
from services.alerting.state import NOTHING, Decision, GaugeState, Kind, Outcome, Track

CORRECTED = "corrected"
"""Why a stage is lower: not the water fell, a measured value was corrected."""
MARGIN_AND_DWELL = "margin-and-dwell"
"""Why a stage is lower: the water has been below it, by a margin and for a time."""


class Ruled(Protocol):
    """What a decision records of the rules it was made by."""

    @property
    def version(self) -> str: ...

    @property
    def steps(self) -> tuple[tuple[float, int], ...]: ...


def outcome(
    before: Track,
    state: GaugeState,
    rules: Ruled,
    marks: tuple[Judged, ...],
    *,
    late: bool = False,
    corrected: Reading | None = None,
) -> Outcome:
    """The outcome of coming from the assessment `before` to the one at the head of `state`.

    `corrected` is the reading that replaced another of the same time, where that led here.
    """
    head = state.head
    if (
        head.rank == before.rank
        and head.doubt_rank == before.doubt_rank
        and head.quality is before.quality
        and head.reasons == before.reasons
    ):
        return Outcome(state, (), marks, head.trend is not before.trend, late)
    found = [kind for kind in (_of_stage(before, head, corrected), _of_doubt(before, head)) if kind is not None]
    if not found and (head.quality, head.reasons) != (before.quality, before.reasons):
        found.append((Kind.QUALITY, ", ".join(head.reasons) or "good-again"))
    inputs = _inputs(state, rules, late, corrected) if found else {}
    decisions = tuple(
        Decision(
            kind=kind,
            at=head.at,
            before=before.stage,
            after=_after(kind, head),
            why=why,
            rules=rules.version,
            inputs=inputs,
        )
        for kind, why in found
    )
    return Outcome(state, decisions, marks, True, late)


def _after(kind: Kind, head: Track) -> Any:
    return stage_of_rank(head.doubt_rank) if kind is Kind.SUSPECT and head.doubt_rank > head.rank else head.stage


def _of_stage(before: Track, head: Track, corrected: Reading | None) -> tuple[Kind, str] | None:
    if head.rank == before.rank:
        return None
    if head.rank > max(before.rank, 0):
        return Kind.RAISE, head.why
    taken_away = corrected is not None and before.rank > 0 and head.why != MARGIN_AND_DWELL
    return (Kind.FIRST if before.rank < 0 else Kind.LOWER), CORRECTED if taken_away else head.why


def _of_doubt(before: Track, head: Track) -> tuple[Kind, str] | None:
    """A doubt above the stage, or about a gauge that is above one, goes to staff; so does its end."""
    if head.doubt_rank > max(before.doubt_rank, 0):
        return Kind.SUSPECT, ", ".join(head.reasons)
    if before.doubt_rank > 0 and head.doubt_rank == NOTHING and head.rank < before.doubt_rank:
        return Kind.CLEARED, ", ".join(head.reasons) or "not-repeated"
    doubtful = head.rank > 0 and head.quality is not Quality.GOOD
    if doubtful and head.rank <= before.rank and before.quality in (Quality.GOOD, Quality.MISSING):
        return Kind.SUSPECT, ", ".join(head.reasons)
    return None


def _inputs(state: GaugeState, rules: Ruled, late: bool, corrected: Reading | None) -> dict[str, Any]:
    head = state.head
    return {
        "readings": [[entry.reading.at, entry.reading.level, entry.quality] for entry in state.window[-6:]],
        "level": head.level,
        "trend": head.trend,
        "quality": head.quality,
        "reasons": list(head.reasons),
        "steps": [[level, rank] for level, rank in rules.steps],
        **({"late": True} if late else {}),
        **({"corrected": [corrected.at, corrected.level]} if corrected else {}),
    }
