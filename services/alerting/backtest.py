"""Replays history through the same pure rules and says how they would have done. Pure.

For each gauge and each of its stages:

- *episodes*: runs of readings at or above the stage, 異常 ones left out; a gap over `GAP` ends one.
- *alarms*: times the assessed stage went from below the stage to it or above.
- *false*: alarms whose reading stands alone: the readings before and after it, both within `NEAR`, are below the
  stage. (Of a gauge that reports hourly nobody can tell a short peak from a fault, so none of its alarms count.)
- *doubtful*: alarms raised on a reading that was 要確認 at the time.
- *missed*: episodes of two readings or more during which the assessed stage was never there. Readings that came
  hours late count here too: nobody can be warned by them.
- *delay*: from an episode's first reading to its alarm. *Lead*: from an alarm to the first reading at the next
  higher stage that is set, before the assessed stage falls below again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from schemas.device import DeviceProfile
from schemas.river import Quality, stage_of_rank
from services.alerting.readings import Reading
from services.alerting.rulebook import Rulebook
from services.alerting.rules import apply
from services.alerting.state import GaugeState, Kind

GAP = 3 * 3600.0
NEAR = 1800.0


class Row(NamedTuple):
    """One reading of one station, in order of arrival."""

    station: str
    reading: Reading


class StageResult(msgspec.Struct, frozen=True):
    """How the rules did at one stage of one gauge. Times in minutes; None where there is nothing to measure."""

    station: str
    name: str
    river: str
    stage: str
    threshold: float
    episodes: int
    alarms: int
    false: int
    doubtful: int
    missed: int
    delay_min: float | None
    lead_min: float | None
    leads_min: tuple[float, ...]


class GaugeResult(msgspec.Struct, frozen=True):
    """What became of one gauge's readings."""

    station: str
    name: str
    river: str
    readings: int
    suspect: int
    bad: int
    suspect_decisions: int
    reasons: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """The whole result, with the rules' version."""

    rules: str
    readings: int
    stages: tuple[StageResult, ...]
    gauges: tuple[GaugeResult, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Sums over all gauges and stages."""
        names = ("episodes", "alarms", "false", "doubtful", "missed")
        return {name: sum(getattr(result, name) for result in self.stages) for name in names}


class _Run:
    """One gauge's run: the state goes along, what happened is kept."""

    def __init__(self) -> None:
        self.state = GaugeState()
        self.readings: dict[float, Reading] = {}
        self.marks: dict[tuple[float, int], tuple[Quality, tuple[str, ...]]] = {}
        self.ranks: list[tuple[float, int]] = []
        self.doubtful: set[float] = set()
        self.suspects = 0


def backtest(rows: Iterable[Row], profiles: Mapping[str, DeviceProfile], book: Rulebook) -> Report:
    """Run `rows` through the rules of `book`. Stations without a profile count as gauges without stages."""
    rules = {station: book.for_gauge(station, profile) for station, profile in profiles.items()}
    bare = book.for_gauge("", DeviceProfile())
    runs: defaultdict[str, _Run] = defaultdict(_Run)
    for station, reading in rows:
        run = runs[station]
        outcome = apply(run.state, reading, rules.get(station, bare))
        run.state = outcome.state
        kept = run.readings.get(reading.at)
        if kept is None or kept.version < reading.version:
            run.readings[reading.at] = reading
        for mark in outcome.marks:
            run.marks[mark.reading.at, mark.reading.version] = (mark.quality, mark.reasons)
        for decision in outcome.decisions:
            run.suspects += decision.kind is Kind.SUSPECT
            if decision.kind in (Kind.RAISE, Kind.LOWER, Kind.FIRST):
                run.ranks.append((decision.at, decision.after.rank))
                if decision.kind is Kind.RAISE and outcome.state.head.quality is not Quality.GOOD:
                    run.doubtful.add(decision.at)
    stages: list[StageResult] = []
    gauges: list[GaugeResult] = []
    for station, run in sorted(runs.items(), key=lambda item: (len(item[0]), item[0])):
        profile = profiles.get(station, DeviceProfile())
        stages += _judge_stages(station, profile, rules.get(station, bare).steps, run)
        gauges.append(_judge_gauge(station, profile, run))
    return Report(book.version, sum(len(run.readings) for run in runs.values()), tuple(stages), tuple(gauges))


def _judge_gauge(station: str, profile: DeviceProfile, run: _Run) -> GaugeResult:
    reasons: defaultdict[str, int] = defaultdict(int)
    for _, why in run.marks.values():
        for reason in why:
            reasons[reason] += 1
    count = [quality for quality, _ in run.marks.values()]
    return GaugeResult(
        station,
        profile.name,
        profile.river,
        len(run.readings),
        count.count(Quality.SUSPECT),
        count.count(Quality.BAD),
        run.suspects,
        dict(reasons),
    )


def _judge_stages(
    station: str, profile: DeviceProfile, steps: Sequence[tuple[float, int]], run: _Run
) -> Iterable[StageResult]:
    believed = sorted(
        (at, reading.level)
        for at, reading in run.readings.items()
        if run.marks.get((at, reading.version), (Quality.GOOD, ()))[0] is not Quality.BAD
    )
    every = sorted((at, reading.level) for at, reading in run.readings.items())
    rising = sorted(steps)
    for index, (threshold, rank) in enumerate(rising):
        following = rising[index + 1][0] if index + 1 < len(rising) else None
        episodes = _episodes(believed, threshold)
        spans = _spans(run.ranks, rank)
        if not episodes and not spans:
            continue
        alarms = [start for start, _ in spans]
        delays = [_delay(episode, spans) for episode in episodes]
        leads = [] if following is None else _leads(believed, spans, following)
        yield StageResult(
            station,
            profile.name,
            profile.river,
            stage_of_rank(rank),
            threshold,
            len(episodes),
            len(alarms),
            sum(_stands_alone(every, at, threshold) for at in alarms),
            sum(at in run.doubtful for at in alarms),
            sum(1 for episode, delay in zip(episodes, delays, strict=True) if delay is None and episode[2] > 1),
            _middle([delay / 60 for delay in delays if delay is not None]),
            _middle([lead / 60 for lead in leads]),
            tuple(round(lead / 60, 1) for lead in leads),
        )


def _episodes(believed: Sequence[tuple[float, float]], threshold: float) -> list[tuple[float, float, int]]:
    """Runs at or above `threshold`: first time, last time, count of readings."""
    found: list[tuple[float, float, int]] = []
    open_, before = False, float("-inf")
    for at, level in believed:
        if level < threshold:
            open_ = False
        elif open_ and at - before <= GAP:
            first, _, count = found[-1]
            found[-1] = (first, at, count + 1)
        else:
            found.append((at, at, 1))
            open_ = True
        before = at
    return found


def _spans(ranks: Sequence[tuple[float, int]], rank: int) -> list[tuple[float, float]]:
    """When the assessed stage was at `rank` or above: from, until (infinity while it lasts)."""
    spans: list[tuple[float, float]] = []
    inside = False
    for at, now in ranks:
        if now >= rank and not inside:
            spans.append((at, float("inf")))
        elif now < rank and inside:
            spans[-1] = (spans[-1][0], at)
        inside = now >= rank
    return spans


def _delay(episode: tuple[float, float, int], spans: Sequence[tuple[float, float]]) -> float | None:
    """Seconds from the episode's first reading until the stage was there; None if it never was while it lasted."""
    first, last, _ = episode
    during = [max(start - first, 0.0) for start, end in spans if start <= last and end > first]
    return min(during) if during else None


def _stands_alone(every: Sequence[tuple[float, float]], at: float, threshold: float) -> bool:
    place = bisect_left(every, (at, float("-inf")))
    around = [every[i] for i in (place - 1, place + 1) if 0 <= i < len(every)]
    return len(around) == 2 and all(abs(when - at) <= NEAR and level < threshold for when, level in around)


def _leads(
    believed: Sequence[tuple[float, float]], spans: Sequence[tuple[float, float]], following: float
) -> list[float]:
    leads = []
    for start, end in spans:
        first = bisect_left(believed, (start, float("-inf")))
        last = bisect_right(believed, (end, float("inf")))
        reached = next((at for at, level in believed[first:last] if level >= following), None)
        if reached is not None:
            leads.append(reached - start)
    return leads


def _middle(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None
