"""How far a reading can be believed: pure checks of one reading against what came before it.

A check says what it found and whether the stage rules should wait for more (`Hold`). None of them may silence an
alarm: a real flash flood looks like a fault at first, so an unbelievable rise waits for the next reading or for a
neighbour and staff see it meanwhile, and only a value that the sensor cannot measure is bad outright.

What a person says by hand they answer for: no rule of thumb doubts it, only the limits of the gauge do.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from schemas.river import Quality
from services.alerting.readings import Reading
from services.alerting.state import Track


class Hold(IntEnum):
    """What the stage rules make of a reading."""

    PLAUSIBLE = 0
    NOT_BELOW_DANGER = 1
    """Raises only to the danger stage (the gauge seems stuck)."""
    UNTIL_AGREED = 2
    """Waits for a second reading or a neighbour that agrees."""
    UNTIL_ENDORSED = 3
    """Waits for a neighbour: a broken sensor repeats itself."""


class QualityRules(msgspec.Struct, frozen=True, kw_only=True):
    """Limits for one gauge. Levels in metres, times in seconds, changes in metres per ten minutes."""

    low: float = -50.0
    high: float = 5000.0
    max_change: float = 2.5
    agree: float = 0.5
    spike: float = 0.5
    spike_gap: float = 3600.0
    flat_band: float = 0.15
    flat_above: float = 24 * 3600.0
    flat_below: float = 30 * 86400.0
    stays_above: float = 72 * 3600.0
    ahead: float = 120.0


class Verdict(msgspec.Struct, frozen=True):
    """A reading's quality, why, and what the stage rules do with it."""

    quality: Quality
    reasons: tuple[str, ...]
    hold: Hold


_GOOD = Verdict(Quality.GOOD, (), Hold.PLAUSIBLE)
_TEN_MINUTES = 600.0

RANGE = "range"
RATE = "rate"
FLAT = "flat-line"
STAYS = "stays-above-stage"
SPIKE = "spike"
SKEW = "clock-skew"
NEIGHBOURS = "neighbours-disagree"
PERSISTED = "persisted"
ENDORSED = "neighbour-agrees"
BY_HAND = "by-hand"
"""Why a value is good that would be doubted if a gauge had said it: a person did."""


def judge(track: Track, reading: Reading, above: bool, rules: QualityRules) -> Verdict:
    """Judge `reading`, the next after all that `track` has seen. `above`: it reaches the gauge's lowest stage."""
    if not rules.low <= reading.level <= rules.high:
        return Verdict(Quality.BAD, (RANGE,), Hold.UNTIL_ENDORSED)
    verdict = _plausible(track, reading, above, rules)
    return Verdict(Quality.GOOD, (BY_HAND,), Hold.PLAUSIBLE) if reading.by_hand and verdict.reasons else verdict


def _plausible(track: Track, reading: Reading, above: bool, rules: QualityRules) -> Verdict:
    base = track.base
    if base is not None and not reachable(base, reading, rules.max_change):
        return Verdict(Quality.SUSPECT, (RATE,), Hold.UNTIL_AGREED)
    reasons: tuple[str, ...] = ()
    hold = Hold.PLAUSIBLE
    if _is_flat(track, reading, above, rules):
        reasons, hold = (FLAT,), Hold.NOT_BELOW_DANGER
    if above and track.above_since is not None and reading.at - track.above_since >= rules.stays_above:
        reasons += (STAYS,)
    if reading.ahead > rules.ahead:
        reasons += (SKEW,)
    return Verdict(Quality.SUSPECT, reasons, hold) if reasons else _GOOD


def reachable(base: Reading, reading: Reading, max_change: float) -> bool:
    """Whether a river can get from `base` to `reading`: `max_change` metres per ten minutes, and at least once that
    however short the time between, because gauges that report every few seconds still see waves."""
    change = abs(reading.level - base.level)
    return change <= max_change or change <= max_change * abs(reading.at - base.at) / _TEN_MINUTES


def agrees(doubt: Reading, reading: Reading, rules: QualityRules) -> bool:
    """Whether `reading` says the same as the doubted one before it: near it, or a believable step up from it."""
    rise = reading.level - doubt.level
    return abs(rise) <= rules.agree or (rise > 0 and reachable(doubt, reading, rules.max_change))


def was_spike(track: Track, reading: Reading, rules: QualityRules) -> bool:
    """Whether the last believed reading stands alone: it left the level before by a lot and `reading` is back there."""
    base, before = track.base, track.before
    if base is None or before is None or base.by_hand:
        return False
    height = abs(base.level - before.level)
    return (
        height >= rules.spike
        and abs(reading.level - before.level) <= height / 4
        and base.at - before.at <= rules.spike_gap
        and reading.at - base.at <= rules.spike_gap
    )


def _is_flat(track: Track, reading: Reading, above: bool, rules: QualityRules) -> bool:
    """Above a stage, and for hours, the level stays within a narrow band; below, where low water is often still for
    days, it does not move at all for very long."""
    if track.base is None:
        return False
    if above:
        spread = max(track.run_high, reading.level) - min(track.run_low, reading.level)
        since = max(track.run_since, reading.at if track.above_since is None else track.above_since)
        return spread <= rules.flat_band and reading.at - since >= rules.flat_above
    return reading.level == track.level and reading.at - track.still_since >= rules.flat_below
