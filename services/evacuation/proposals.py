"""What the rivers suggest for a district, with the evidence. A proposal: only a person issues anything. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from schemas.river import QUALITY_NAMES, STAGE_NAMES, TREND_NAMES, Quality, Stage, Trend
from services.evacuation.around import Around

RULES = "2026-11-3"
"""The version of these rules, which every proposal names."""
STALE = timedelta(hours=3)
SOON = 3
"""Hours: 高齢者等避難 is for those who need this long."""
_MEANS = {Stage.EVACUATION: 3, Stage.DANGER: 4, Stage.OVERFLOW: 5}
_SILENT = (Stage.UNKNOWN, Stage.NONE)


class Ahead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A level forecast: for when, how many hours ahead of its reading, and the interval it should lie in (metres)."""

    at: datetime
    lead: int
    level: float
    low: float
    high: float


class Sign(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of one gauge at present. Levels in metres above its zero; None is a threshold not set."""

    gauge: str
    name: str = ""
    stage: Stage = Stage.UNKNOWN
    trend: Trend = Trend.UNKNOWN
    quality: Quality = Quality.MISSING
    level: float | None = None
    observed_at: datetime | None = None
    evacuation: float | None = None
    danger: float | None = None
    ahead: tuple[Ahead, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One gauge's part: the level it means (0: none), in words, and what it was judged by."""

    sign: Sign
    means: int
    why: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`level` is 0, 3, 4 or 5. `missing` names what could not be known; it is never taken for safety.

    `around` are the district's rain, dams and notices as they stood.
    """

    level: int
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    around: tuple[Around, ...] = ()
    rules: str = RULES

    @property
    def why(self) -> str:
        """What the proposed level rests on, in words; of all there is where nothing is proposed."""
        gauges = [f"{found.sign.name} {found.why}" for found in self.evidence if found.means == self.level]
        notices = [f"{one.name} {one.words}" for one in self.around if self.level and one.means == self.level]
        return "、".join(gauges + notices)


def propose(signs: Sequence[Sign], now: datetime, around: Sequence[Around] = ()) -> Proposal:
    """The gravest of what the district's gauges and the notices in force for it mean.

    避難判断水位 means 3, 氾濫危険水位 4, an observed overflow 5. A gauge without an 避難判断水位 means 3 when it
    is past 氾濫注意水位 and still rising: bulletins ask "reached and still rising" where nothing finer is set.
    A level forecast to reach 氾濫危険水位 within three hours means 3: that is when those who need time must go.
    """
    evidence = sorted((_evidence(sign, now) for sign in signs), key=lambda found: (-found.means, found.sign.gauge))
    missing = [gap for sign in signs for gap in _gaps(sign, now)]
    if not signs:
        missing.append("この地区を受け持つ水位計がありません")
    missing += [one.gap for one in around if one.gap]
    level = max([found.means for found in evidence] + [one.means for one in around], default=0)
    return Proposal(level=level, evidence=tuple(evidence), missing=tuple(missing), around=tuple(around))


def _evidence(sign: Sign, now: datetime) -> Evidence:
    where = STAGE_NAMES[sign.stage].ja
    trend = TREND_NAMES[sign.trend].ja
    if sign.stage in _MEANS:
        return Evidence(sign=sign, means=_MEANS[sign.stage], why=f"{where}に達し、{trend}")
    if sign.stage is Stage.CAUTION and sign.evacuation is None and sign.trend is Trend.RISING:
        return Evidence(sign=sign, means=3, why=f"{where}を超えて上昇中（避難判断水位の設定なし）")
    coming = soonest(sign, now)
    if coming is not None and sign.stage not in _SILENT:
        why = f"{where}、{trend}。{coming.lead}時間後に氾濫危険水位に達する見込み（{coming.level:.2f} m）"
        return Evidence(sign=sign, means=3, why=why)
    return Evidence(sign=sign, means=0, why=f"{where}、{trend}" if sign.stage not in _SILENT else where)


def soonest(sign: Sign, now: datetime) -> Ahead | None:
    """The first level forecast for the hours to come that reaches 氾濫危険水位; None where none does."""
    danger = sign.danger
    if danger is None or sign.quality is Quality.BAD:
        return None
    coming = (one for one in sign.ahead if one.lead <= SOON and one.at > now and one.level >= danger)
    return min(coming, key=lambda one: one.at, default=None)


def _gaps(sign: Sign, now: datetime) -> list[str]:
    name = sign.name or sign.gauge.rsplit(":", 1)[-1]
    if sign.stage is Stage.UNKNOWN or sign.observed_at is None:
        return [f"{name}: 水位が届いていません"]
    gaps = []
    if sign.stage is Stage.NONE:
        gaps.append(f"{name}: 基準水位が設定されていません")
    if now - sign.observed_at > STALE:
        gaps.append(f"{name}: 最後の値が{(now - sign.observed_at) // timedelta(hours=1)}時間前です")
    if sign.quality is not Quality.GOOD:
        gaps.append(f"{name}: 値の品質が「{QUALITY_NAMES[sign.quality].ja}」です")
    return gaps
