"""From readings to stages: pure rules, one gauge at a time.

`(GaugeState, Reading, GaugeRules) -> Outcome`. What a gauge's state is depends on the set of its readings, not on the
order in which they came: the newest readings (the window) are kept in order of time, a late or corrected one is put
in its place, one that a person took out of history is taken out, and everything after it is judged again. A reading
older than the window changes nothing any more; the history keeps it. So a late row can neither lower a stage that the
rows since do not lower, nor raise one again that they have ended; and the same reading twice is the same as once.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from schemas.river import Quality, Stage, Trend
from services.alerting import quality
from services.alerting.outcome import MARGIN_AND_DWELL, correction, outcome, removed
from services.alerting.quality import SPIKE, Hold, QualityRules, Verdict
from services.alerting.readings import Judged, Reading, Removal, Window, differences, inserted, rejudged, without
from services.alerting.state import NOTHING, GaugeState, Note, Outcome, Packed, Track

DANGER = Stage.DANGER.rank
_TEN_MINUTES = 600.0
_RECENT = 10


class GaugeRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules as they hold for one gauge: metres, seconds, and metres per ten minutes for rises.

    `steps` are the gauge's thresholds (`schemas.river.Thresholds.steps`). A stage below danger is raised by
    `consecutive` readings, by one after a rise of `fast_rise`, or by one when the reading before it is older than
    `patience` (waiting for the next would take too long). Lowering needs the level `margin` under the threshold for
    `dwell`. The trend compares with the reading `trend_span` ago; changes within `trend_band` are steady.
    """

    version: str
    steps: tuple[tuple[float, int], ...] = ()
    consecutive: int = 2
    patience: float = 1200.0
    fast_rise: float = 0.3
    margin: float = 0.1
    dwell: float = 1800.0
    trend_span: float = 1800.0
    trend_band: float = 0.03
    trend_gap: float = 3 * 3600.0
    window: int = 24
    quality: QualityRules = QualityRules()


def rank_of(level: float, steps: tuple[tuple[float, int], ...]) -> int:
    """The rank of the gravest stage reached, 0 below all, -1 where no stage is set."""
    for threshold, rank in steps:
        if level >= threshold:
            return rank
    return 0 if steps else -1


def apply(state: GaugeState, reading: Reading, rules: GaugeRules) -> Outcome:
    """Take one reading in. Never raises; a repetition and a reading older than the window change nothing."""
    if reading.at > state.head.at:
        step = advance(state.head, reading, rules)
        window = state.window.appended(step.judged)
        marks: tuple[Judged, ...] = (step.judged,) if step.judged.reasons else ()
        if step.retro is not None:
            window = rejudged(window, step.retro)
            marks = (step.retro, *marks)
        after = GaugeState(state.anchor, window, state.notes, step.track)
        return outcome(state.head, _bounded(after, rules), rules, marks)
    merged = inserted(state.window, state.anchor.track.at, reading)
    if merged is None:
        return Outcome(state, late=True)
    after = refold(GaugeState(state.anchor, merged, state.notes), rules)
    marks = differences(state.window, after.window)
    amended = correction(reading) if len(merged) == len(state.window) else None
    return outcome(state.head, _bounded(after, rules), rules, marks, late=True, amended=amended)


def remove(state: GaugeState, removal: Removal, rules: GaugeRules) -> Outcome:
    """Take one reading out again, and put it where a person has moved it; what is left is judged as if it had come so.

    Never raises; what is older than the window changes nothing any more.
    """
    window = without(state.window, removal.at)
    if removal.moved is not None:
        window = inserted(window, state.anchor.track.at, removal.moved) or window
    if window == state.window:
        return Outcome(state, late=True)
    notes = tuple(note for note in state.notes if note[0] != removal.at)
    after = refold(GaugeState(state.anchor, window, notes), rules)
    marks = differences(state.window, after.window)
    amended = removed(removal, state.window)
    return outcome(state.head, _bounded(after, rules), rules, marks, late=True, amended=amended)


def annotate(state: GaugeState, at: float, note: Note, rules: GaugeRules) -> Outcome:
    """Take in what the neighbours say of the reading at `at`, and judge it and those after it again."""
    notes = (*(old for old in state.notes if old[0] != at), (at, note))
    after = refold(GaugeState(state.anchor, state.window, notes), rules)
    return outcome(state.head, after, rules, differences(state.window, after.window))


def refold(state: GaugeState, rules: GaugeRules) -> GaugeState:
    """The state with its head made anew from the anchor and the window."""
    track = state.anchor.track
    window = Window()
    for entry in state.window:
        step = advance(track, entry.reading, rules, _note(state.notes, entry.reading.at))
        track = step.track
        window = window.appended(step.judged)
        if step.retro is not None:
            window = rejudged(window, step.retro)
    return GaugeState(state.anchor, window, state.notes, track)


class Step(NamedTuple):
    """One step of the fold: the track after the reading, how the reading was judged, and an earlier one judged anew."""

    track: Track
    judged: Judged
    retro: Judged | None


def advance(track: Track, reading: Reading, rules: GaugeRules, note: Note | None = None) -> Step:
    """The fold over readings in order of time. `reading` is later than all that `track` has seen."""
    target = rank_of(reading.level, rules.steps)
    verdict = quality.judge(track, reading, target > 0, rules.quality)
    doubt = track.doubt
    agreed = doubt is not None and quality.agrees(doubt, reading, rules.quality)
    if verdict.hold is Hold.UNTIL_AGREED and agreed:
        verdict = Verdict(Quality.GOOD, (), Hold.PLAUSIBLE)
    if note is not None and not (reading.by_hand and note is Note.DOUBTED):
        verdict = _heard(verdict, note)
    judged = Judged(reading, verdict.quality, verdict.reasons)
    if verdict.hold >= Hold.UNTIL_AGREED:
        return Step(_doubted(track, reading, target, verdict), judged, None)
    retro = None
    if doubt is not None:
        retro = Judged(doubt, Quality.GOOD, (quality.PERSISTED,)) if agreed else Judged(doubt, Quality.BAD, (SPIKE,))
    elif track.base is not None and quality.was_spike(track, reading, rules.quality):
        retro = Judged(track.base, Quality.SUSPECT, (SPIKE,))
    return Step(_believed(track, reading, target, verdict, rules, agreed=agreed), judged, retro)


def _heard(verdict: Verdict, note: Note) -> Verdict:
    """The verdict after the neighbours have been heard. Their doubt is shown; it never withholds an alarm."""
    if note is Note.ENDORSED:
        return Verdict(Quality.GOOD, (quality.ENDORSED,), Hold.PLAUSIBLE) if verdict.hold else verdict
    worst = Quality.BAD if verdict.quality is Quality.BAD else Quality.SUSPECT
    return Verdict(worst, (*verdict.reasons, quality.NEIGHBOURS), verdict.hold)


def _doubted(track: Track, reading: Reading, target: int, verdict: Verdict) -> Track:
    """The stage stays as it is; what the reading would mean is kept for staff to see."""
    return msgspec.structs.replace(
        track,
        at=reading.at,
        level=reading.level,
        quality=verdict.quality,
        reasons=verdict.reasons,
        doubt=reading if verdict.hold is Hold.UNTIL_AGREED else None,
        doubt_rank=target if target > max(track.rank, 0) else NOTHING,
    )


def _believed(
    track: Track, reading: Reading, target: int, verdict: Verdict, rules: GaugeRules, *, agreed: bool
) -> Track:
    at, level = reading.at, reading.level
    move = _moved(track, reading, target, verdict.hold, rules, agreed=agreed)
    low, high = min(track.run_low, level), max(track.run_high, level)
    runs = track.base is not None and high - low <= rules.quality.flat_band
    recent = _remembered(track.recent, reading, rules)
    return Track(
        rank=move.rank,
        since=track.since if move.rank == track.rank else at,
        why=move.why or track.why,
        at=at,
        level=level,
        quality=verdict.quality,
        reasons=verdict.reasons,
        trend=_trend(track.recent, reading, rules),
        base=reading,
        before=track.base,
        doubt_rank=target if verdict.hold and target > max(move.rank, 0) else NOTHING,
        tops=move.tops,
        below_since=move.below_since,
        below_rank=move.below_rank,
        run_since=track.run_since if runs else at,
        run_low=low if runs else level,
        run_high=high if runs else level,
        still_since=track.still_since if level == track.level and track.base is not None else at,
        above_since=None if target <= 0 else at if track.above_since is None else track.above_since,
        recent=recent,
    )


class _Move(NamedTuple):
    rank: int
    why: str
    tops: tuple[int, ...]
    below_since: float | None
    below_rank: int


def _moved(track: Track, reading: Reading, target: int, hold: Hold, rules: GaugeRules, *, agreed: bool) -> _Move:
    """Where the stage goes: up by `_raised`, down by `_lowered`, or nowhere."""
    rank = track.rank
    earlier = (rank_of(track.doubt.level, rules.steps),) if agreed and track.doubt is not None else ()
    tops = (*track.tops, *earlier, target)[-rules.consecutive :]
    if target < 0 or rank < 0:
        return _Move(
            target, "" if rank == target else "first-reading" if target >= 0 else "no-thresholds", tops, None, 0
        )
    if target > rank:
        if hold is Hold.NOT_BELOW_DANGER and target < DANGER:
            return _Move(rank, "", track.tops, None, 0)
        risen, why = _raised(track, reading, target, tops, rules)
        return _Move(risen, why, tops, None, 0)
    if target == rank:
        return _Move(rank, "", tops, None, 0)
    return _lowered(track, reading, tops, rules)


def _raised(track: Track, reading: Reading, target: int, tops: tuple[int, ...], rules: GaugeRules) -> tuple[int, str]:
    if target >= DANGER:
        return target, "danger-at-once"
    base = track.base
    if base is None or reading.at - base.at > rules.patience:
        return target, "long-interval"
    if (reading.level - base.level) * _TEN_MINUTES >= rules.fast_rise * max(reading.at - base.at, _TEN_MINUTES):
        return target, "fast-rise"
    supported = min(tops) if len(tops) >= rules.consecutive else NOTHING
    return (supported, "consecutive") if supported > track.rank else (track.rank, "")


def _lowered(track: Track, reading: Reading, tops: tuple[int, ...], rules: GaugeRules) -> _Move:
    """Down to the gravest stage that, with the margin, was reached at any time of the dwell."""
    floor = rank_of(reading.level + rules.margin, rules.steps)
    if floor >= track.rank:
        return _Move(track.rank, "", tops, None, 0)
    if track.below_since is None:
        return _Move(track.rank, "", tops, reading.at, floor)
    highest = max(floor, track.below_rank)
    if reading.at - track.below_since < rules.dwell:
        return _Move(track.rank, "", tops, track.below_since, highest)
    return _Move(highest, MARGIN_AND_DWELL, tops, reading.at if floor < highest else None, floor)


def _trend(recent: tuple[tuple[float, float], ...], reading: Reading, rules: GaugeRules) -> Trend:
    """Against the believed reading about `trend_span` ago, or the oldest since then."""
    if not recent:
        return Trend.UNKNOWN
    wanted = reading.at - rules.trend_span
    at, level = recent[0]
    for later in recent[1:]:
        if later[0] > wanted:
            break
        at, level = later
    if reading.at - at > rules.trend_gap:
        return Trend.UNKNOWN
    change = reading.level - level
    if change > rules.trend_band:
        return Trend.RISING
    return Trend.FALLING if change < -rules.trend_band else Trend.STEADY


def _remembered(
    recent: tuple[tuple[float, float], ...], reading: Reading, rules: GaugeRules
) -> tuple[tuple[float, float], ...]:
    """A thinned-out memory that reaches back just beyond the trend's span."""
    if recent and reading.at - recent[-1][0] < rules.trend_span / _RECENT:
        return recent
    wanted = reading.at - rules.trend_span
    first = 0
    while first + 1 < len(recent) and recent[first + 1][0] <= wanted:
        first += 1
    return (*recent[first:], (reading.at, reading.level))


def _bounded(state: GaugeState, rules: GaugeRules) -> GaugeState:
    """When the window is over its bound, its older half moves into the anchor (rarely, so that it costs little)."""
    if len(state.window) <= rules.window:
        return state
    cut = len(state.window) - rules.window // 2
    anchor = state.anchor.track
    for entry in state.window[:cut]:
        anchor = advance(anchor, entry.reading, rules, _note(state.notes, entry.reading.at)).track
    notes = tuple(note for note in state.notes if note[0] > anchor.at)
    return GaugeState(Packed.of(anchor), state.window[cut:], notes, state.head)


def _note(notes: tuple[tuple[float, Note], ...], at: float) -> Note | None:
    return next((note for when, note in notes if when == at), None) if notes else None
