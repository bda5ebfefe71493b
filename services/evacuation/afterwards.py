"""Afterwards: what was proposed and issued in a night, against what the rivers did. Pure.

For each district and each of the mayor's levels:

- *due*: when a gauge of the district first reached the stage that means the level (避難判断水位 3, 氾濫危険水位 4,
  氾濫発生 5).
- *proposed* and *issued*: when that level or a graver one first was.
- *lead*: from the notice to what it was for; negative where the river was first.
- *miss*: due, and never issued. *False alarm*: issued, and never due. What was withdrawn counts as not issued.

For each gauge the same, by when that gauge itself was there. A gauge that never was is told of only where no other
gauge of the district was either: else the notice was right, whatever this gauge did.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from broker.catalogue.flat import shielded
from schemas.clock import JST
from schemas.river import Stage
from services.evacuation.areas import District
from services.evacuation.levels import MAYORS
from services.evacuation.orders import Kind, Order

_MEANS = {Stage.EVACUATION: 3, Stage.DANGER: 4, Stage.OVERFLOW: 5}
_HEADS = ("地区", "警戒レベル", "到達した水位計", "到達", "提案", "発令", "先行（分）", "結果")


class Outcome(StrEnum):
    """How a level of a district came out. `early` and `late` are both issued for what came."""

    EARLY = "early"
    LATE = "late"
    MISS = "miss"
    FALSE_ALARM = "false-alarm"
    PROPOSED = "proposed"


OUTCOME_NAMES = {
    Outcome.EARLY: "到達の前に発令",
    Outcome.LATE: "到達の後に発令",
    Outcome.MISS: "見逃し（発令なし）",
    Outcome.FALSE_ALARM: "空振り（到達なし）",
    Outcome.PROPOSED: "提案のみ（到達なし）",
}


class StageChange(NamedTuple):
    """A gauge came to a stage. `at` is when it was observed."""

    gauge: str
    at: datetime
    stage: Stage


class Proposed(NamedTuple):
    """A level came to be proposed for a district, 0 when nothing is any more; in the city's time."""

    district: str
    at: datetime
    level: int


class Night(NamedTuple):
    """What is known of a night, in order of time. `names` are the gauges' names."""

    districts: Sequence[District]
    stages: Sequence[StageChange]
    proposed: Sequence[Proposed]
    orders: Sequence[Order]
    names: Mapping[str, str]


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One level of one district. Times are None where it never was; `lead_min` where there is nothing to measure."""

    district: str
    name: str
    level: int
    gauge: str | None
    gauge_name: str
    due: datetime | None
    proposed: datetime | None
    issued: datetime | None
    lead_min: float | None
    outcome: Outcome


class Moment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that changed, for drawing the night again: a gauge's stage, or what a district is proposed or under."""

    at: datetime
    kind: str
    gauge: str | None = None
    stage: Stage | None = None
    district: str | None = None
    level: int | None = None


def review(night: Night) -> list[Line]:
    """Every level of every district that was due, proposed or issued; districts in their order, gravest first."""
    issued = _issued(night.orders)
    found = [_line(night, district, level, issued) for district in night.districts for level in reversed(MAYORS)]
    return [line for line in found if line is not None]


def review_gauges(night: Night) -> list[Line]:
    """The same for every gauge of a district, by when that gauge was there; gauges in the order of their districts."""
    issued = _issued(night.orders)
    found: list[Line] = []
    for gauge in dict.fromkeys(name for district in night.districts for name in district.gauges):
        for district in (one for one in night.districts if gauge in one.gauges):
            for level in reversed(MAYORS):
                line = _line(night, district, level, issued, gauge)
                if line is not None and (line.due is not None or _reached(night, district.gauges, level) is None):
                    found.append(line)
    return found


def _reached(night: Night, gauges: Collection[str], level: int) -> StageChange | None:
    return next((one for one in night.stages if one.gauge in gauges and _MEANS.get(one.stage, 0) >= level), None)


def _line(
    night: Night, district: District, level: int, issued: Mapping[tuple[str, int], datetime], only: str | None = None
) -> Line | None:
    reached = _reached(night, district.gauges if only is None else (only,), level)
    told = next((one for one in night.proposed if one.district == district.id and one.level >= level), None)
    sent = min((at for (name, graver), at in issued.items() if name == district.id and graver >= level), default=None)
    if reached is None and told is None and sent is None:
        return None
    due = reached.at if reached else None
    lead = round((due - sent).total_seconds() / 60, 1) if due and sent else None
    gauge = only or (reached.gauge if reached else None)
    return Line(
        district=district.id,
        name=district.name,
        level=level,
        gauge=gauge,
        gauge_name=night.names.get(gauge, "") if gauge else "",
        due=due,
        proposed=told.at if told else None,
        issued=sent,
        lead_min=lead,
        outcome=_outcome(due, sent),
    )


def _outcome(due: datetime | None, issued: datetime | None) -> Outcome:
    if due is None:
        return Outcome.PROPOSED if issued is None else Outcome.FALSE_ALARM
    if issued is None:
        return Outcome.MISS
    return Outcome.EARLY if issued <= due else Outcome.LATE


def _issued(orders: Iterable[Order]) -> dict[tuple[str, int], datetime]:
    """When each level was first issued in each district, less what was withdrawn."""
    ordered = list(orders)
    taken_back = {(order.about, name) for order in ordered if order.kind is Kind.WITHDRAW for name in order.districts}
    found: dict[tuple[str, int], datetime] = {}
    for order in ordered:
        if order.kind is Kind.ISSUE and order.issued_at is not None:
            for name in order.districts:
                if (order.id, name) not in taken_back:
                    found.setdefault((name, order.level), order.issued_at)
    return found


def moments(night: Night) -> list[Moment]:
    """The night as it went, in order of time."""
    found = [Moment(at=one.at, kind="stage", gauge=one.gauge, stage=one.stage) for one in night.stages]
    found += [Moment(at=one.at, kind="proposed", district=one.district, level=one.level) for one in night.proposed]
    for order in night.orders:
        if order.issued_at is not None:
            found += [
                Moment(at=order.issued_at, kind=order.kind, district=name, level=_after(order, name))
                for name in order.districts
            ]
    return sorted(found, key=lambda one: one.at)


def _after(order: Order, district: str) -> int:
    """What holds in the district after the notice."""
    if order.kind is Kind.LIFT:
        return 0
    return order.before[district].level if order.kind is Kind.WITHDRAW else order.level


def totals(lines: Sequence[Line]) -> dict[str, int]:
    """How many lines came out how."""
    return {outcome: sum(line.outcome is outcome for line in lines) for outcome in Outcome}


def as_csv(lines: Sequence[Line]) -> bytes:
    """For a spreadsheet, in Japan's time; UTF-8 with a mark, and no cell begins a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_HEADS)
    for line in lines:
        times = (_local(at) for at in (line.due, line.proposed, line.issued))
        lead: Any = "" if line.lead_min is None else line.lead_min
        names = (shielded(line.name), line.level, shielded(line.gauge_name))
        writer.writerow([*names, *times, lead, OUTCOME_NAMES[line.outcome]])
    return ("\ufeff" + out.getvalue()).encode()


def _local(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(JST).strftime("%Y-%m-%d %H:%M")
