"""River levels as Japan's flood defence speaks of them: stages, thresholds, trend, quality and the mode of a message.

The official stages are those of 水防法: each gauge has up to four threshold levels in metres above its own zero, and
any of them may be unset. Colours, and the names shown to residents, change by year and prefecture: they are data of
the rules file, the names here are the fixed ones of the law.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec


class Stage(StrEnum):
    """Where a gauge stands. `NONE`: no threshold is set, so nothing can be said (never "normal").

    `UNKNOWN`: no reading yet, or the gauge is silent. `OVERFLOW` is an overflow that a person has seen; no level
    implies it.
    """

    UNKNOWN = "unknown"
    NONE = "none"
    BELOW = "below"
    STANDBY = "standby"
    CAUTION = "caution"
    EVACUATION = "evacuation"
    DANGER = "danger"
    OVERFLOW = "overflow"

    @property
    def rank(self) -> int:
        """Order of gravity: 0 is below every threshold, 1 to 5 the stages; negative where nothing is known."""
        return _RANKS[self]


STAGES = (Stage.BELOW, Stage.STANDBY, Stage.CAUTION, Stage.EVACUATION, Stage.DANGER, Stage.OVERFLOW)
"""The stages that can be compared, by rank."""

_RANKS = {Stage.UNKNOWN: -2, Stage.NONE: -1, **{stage: rank for rank, stage in enumerate(STAGES)}}
_BY_RANK = {rank: stage for stage, rank in _RANKS.items()}


def stage_of_rank(rank: int) -> Stage:
    """The inverse of `Stage.rank`."""
    return _BY_RANK[rank]


class Name(NamedTuple):
    """A name in Japanese and in English."""

    ja: str
    en: str


STAGE_NAMES = {
    Stage.UNKNOWN: Name("不明", "Unknown"),
    Stage.NONE: Name("基準なし", "No threshold set"),
    Stage.BELOW: Name("基準未満", "Below all thresholds"),
    Stage.STANDBY: Name("水防団待機水位", "Flood-fighting standby level"),
    Stage.CAUTION: Name("氾濫注意水位", "Flood caution level"),
    Stage.EVACUATION: Name("避難判断水位", "Evacuation decision level"),
    Stage.DANGER: Name("氾濫危険水位", "Flood danger level"),
    Stage.OVERFLOW: Name("氾濫発生", "Overflow observed"),
}


class Thresholds(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gauge's four official levels in metres above its own zero; None where none is set."""

    standby: float | None = None
    caution: float | None = None
    evacuation: float | None = None
    danger: float | None = None

    def steps(self) -> tuple[tuple[float, int], ...]:
        """The levels that are set, with the rank each means, gravest first."""
        levels = ((self.danger, 4), (self.evacuation, 3), (self.caution, 2), (self.standby, 1))
        return tuple((level, rank) for level, rank in levels if level is not None)

    def stage(self, level: float) -> Stage:
        """The gravest stage whose threshold `level` reaches. A stage that is not set infers nothing."""
        steps = self.steps()
        if not steps:
            return Stage.NONE
        return next((stage_of_rank(rank) for threshold, rank in steps if level >= threshold), Stage.BELOW)


def parse_thresholds(data: Any) -> Thresholds:
    """Thresholds from plain data. Raises ValueError naming the stage when one is no number or below a lower one."""
    try:
        thresholds = msgspec.convert(data or {}, Thresholds)
    except msgspec.ValidationError as error:
        raise ValueError(f"stages: {error}; each of standby, caution, evacuation, danger is metres or null") from error
    rising = list(reversed(thresholds.steps()))
    for (lower, low_rank), (upper, high_rank) in pairwise(rising):
        if upper < lower:
            low, high = stage_of_rank(low_rank), stage_of_rank(high_rank)
            raise ValueError(f"stages: {high} is {upper} m but {low}, a lower stage, is {lower} m")
    return thresholds


class Trend(StrEnum):
    """Which way the level goes."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"
    UNKNOWN = "unknown"


TREND_NAMES = {
    Trend.RISING: Name("上昇中", "rising"),
    Trend.STEADY: Name("横ばい", "steady"),
    Trend.FALLING: Name("下降中", "falling"),
    Trend.UNKNOWN: Name("不明", "unknown"),
}


class Quality(StrEnum):
    """How far one value can be believed. A thing apart from 暫定/確定, which says whether a person has confirmed it."""

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"
    MISSING = "missing"


QUALITY_NAMES = {
    Quality.GOOD: Name("正常", "good"),
    Quality.SUSPECT: Name("要確認", "to be checked"),
    Quality.BAD: Name("異常", "bad"),
    Quality.MISSING: Name("欠測", "missing"),
}


class Mode(StrEnum):
    """What a message is: 本番, 訓練 or テスト. An exercise never reaches those who take only actual."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


MODE_NAMES = {
    Mode.ACTUAL: Name("本番", "Actual"),
    Mode.EXERCISE: Name("訓練", "Exercise"),
    Mode.TEST: Name("テスト", "Test"),
}
