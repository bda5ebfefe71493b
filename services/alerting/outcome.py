"""What a step of the rules is worth telling: the decisions that lie between one assessment and the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from schemas.river import Quality, stage_of_rank
from services.alerting.readings import Judged, Reading, Removal
from services.alerting.state import NOTHING, Decision, GaugeState, Kind, Outcome, Track

CORRECTED = "corrected"
"""Why a stage is lower: not the water fell, a measured value was corrected."""
DELETED = "deleted"
"""Why a stage is lower: a person deleted a measured value from history."""
MOVED = "moved"
"""Why a stage is lower: a person gave a measured value another time."""
MARGIN_AND_DWELL = "margin-and-dwell"
"""Why a stage is lower: the water has been below it, by a margin and for a time."""


class Amendment(NamedTuple):
    """What was done to earlier readings: why a stage may be lower for it, and what a decision records of it."""

    why: str
    inputs: dict[str, Any]


def correction(reading: Reading) -> Amendment:
    """`reading` replaced another of the same time."""
    return Amendment(CORRECTED, {"corrected": [reading.at, reading.level]})


def removed(removal: Removal, window: Iterable[Judged]) -> Amendment:
    """What `window` has of that time was taken out of history, or moved."""
    levels = [entry.reading.level for entry in window if entry.reading.at == removal.at]
    if removal.moved is None:
        return Amendment(DELETED, {"deleted": [removal.at, *levels]})
    return Amendment(MOVED, {"moved": [removal.at, *levels], "movedTo": [removal.moved.at, removal.moved.level]})


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
    amended: Amendment | None = None,
) -> Outcome:
    """The outcome of coming from the assessment `before` to the one at the head of `state`.

    `amended` tells what was done to earlier readings, where that led here. A gauge that has no reading left is as it
    was before its first, from the time of the last that it had.
    """
    head = state.head
    if (
        head.rank == before.rank
        and head.doubt_rank == before.doubt_rank
        and head.quality is before.quality
        and head.reasons == before.reasons
    ):
        return Outcome(state, (), marks, head.trend is not before.trend, late)
    found = [kind for kind in (_of_stage(before, head, amended), _of_doubt(before, head, amended)) if kind is not None]
    if not found and (head.quality, head.reasons) != (before.quality, before.reasons):
        found.append((Kind.QUALITY, ", ".join(head.reasons) or "good-again"))
    inputs = _inputs(state, rules, late, amended) if found else {}
    decisions = tuple(
        Decision(
            kind=kind,
            at=head.at if state.known else before.at,
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


def _of_stage(before: Track, head: Track, amended: Amendment | None) -> tuple[Kind, str] | None:
    if head.rank == before.rank:
        return None
    if head.rank > max(before.rank, 0):
        return Kind.RAISE, head.why
    taken_away = (before.rank > 0 or not head.why) and head.why != MARGIN_AND_DWELL
    return (Kind.FIRST if before.rank < 0 else Kind.LOWER), amended.why if amended and taken_away else head.why


def _of_doubt(before: Track, head: Track, amended: Amendment | None) -> tuple[Kind, str] | None:
    """A doubt above the stage, or about a gauge that is above one, goes to staff; so does its end."""
    if head.doubt_rank > max(before.doubt_rank, 0):
        return Kind.SUSPECT, ", ".join(head.reasons)
    if before.doubt_rank > 0 and head.doubt_rank == NOTHING and head.rank < before.doubt_rank:
        return Kind.CLEARED, amended.why if amended else ", ".join(head.reasons) or "not-repeated"
    doubtful = head.rank > 0 and head.quality is not Quality.GOOD
    if doubtful and head.rank <= before.rank and before.quality in (Quality.GOOD, Quality.MISSING):
        return Kind.SUSPECT, ", ".join(head.reasons)
    return None


def _inputs(state: GaugeState, rules: Ruled, late: bool, amended: Amendment | None) -> dict[str, Any]:
    head = state.head
    latest = state.window[-6:]
    by_hand = [entry.reading.at for entry in latest if entry.reading.by_hand]
    return {
        "readings": [[entry.reading.at, entry.reading.level, entry.quality] for entry in latest],
        **({"byHand": by_hand} if by_hand else {}),
        "level": head.level if state.known else None,
        "trend": head.trend,
        "quality": head.quality,
        "reasons": list(head.reasons),
        "steps": [[level, rank] for level, rank in rules.steps],
        **({"late": True} if late else {}),
        **(amended.inputs if amended else {}),
    }
