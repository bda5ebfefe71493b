"""A night looked at afterwards: what was due, proposed, issued, early, late, missed, in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.river import Mode, Stage
from services.evacuation.afterwards import (
    Line,
    Night,
    Outcome,
    Proposed,
    StageChange,
    as_csv,
    moments,
    review,
    review_gauges,
    totals,
)
from services.evacuation.areas import District
from services.evacuation.orders import Kind, Officer, Order, Standing, State

START = datetime(2024, 7, 1, tzinfo=UTC)
SATO = Officer(id="1", name="佐藤")
EBA = District(id="eba", name="江波", gauges=("g1", "g2"))
HARAME = District(id="harame", name="=原目", gauges=("g3",))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def order(name: str, kind: Kind, minutes: float, level: int, *districts: str, **more: Any) -> Order:
    known: dict[str, Any] = {"id": name, "number": 1, "kind": kind, "state": State.ISSUED, "mode": Mode.ACTUAL}
    told = {"reason": "上昇", "note": "", "about": None, "asked_by": SATO, "asked_at": at(minutes)}
    return Order(**{**known, **told, "level": level, "districts": districts, "issued_at": at(minutes), **more})


def night(stages: list[StageChange], proposed: list[Proposed], orders: list[Order]) -> Night:
    return Night([EBA, HARAME], stages, proposed, orders, {"g1": "江波", "g3": "原目"})


def by_level(lines: list[Line]) -> dict[tuple[str, int], tuple[Outcome, float | None]]:
    return {(line.district, line.level): (line.outcome, line.lead_min) for line in lines}


def test_early_late_missed_and_in_vain() -> None:
    found = review(
        night(
            [
                StageChange("g1", at(10), Stage.EVACUATION),
                StageChange("g1", at(60), Stage.DANGER),
                StageChange("g1", at(90), Stage.OVERFLOW),
            ],
            [Proposed("eba", at(11), 3), Proposed("eba", at(61), 4), Proposed("harame", at(20), 3)],
            [order("a", Kind.ISSUE, 30, 4, "eba"), order("b", Kind.ISSUE, 40, 3, "harame")],
        )
    )
    assert by_level(found) == {
        ("eba", 5): (Outcome.MISS, None),
        ("eba", 4): (Outcome.EARLY, 30.0),
        ("eba", 3): (Outcome.LATE, -20.0),
        ("harame", 3): (Outcome.FALSE_ALARM, None),
    }
    assert totals(found) == {"early": 1, "late": 1, "miss": 1, "false-alarm": 1, "proposed": 0}
    assert (found[1].gauge, found[1].gauge_name, found[1].proposed) == ("g1", "江波", at(61))


def test_each_gauge_is_told_by_itself() -> None:
    """g2 is only just in time, g1 too late; a notice that g1 made right is no false alarm of g2's."""
    found = review_gauges(
        night(
            [StageChange("g1", at(10), Stage.DANGER), StageChange("g2", at(60), Stage.EVACUATION)],
            [Proposed("eba", at(11), 4)],
            [order("a", Kind.ISSUE, 30, 4, "eba"), order("b", Kind.ISSUE, 40, 3, "harame")],
        )
    )
    assert [(line.gauge, line.district, line.level, line.outcome, line.lead_min) for line in found] == [
        ("g1", "eba", 4, Outcome.LATE, -20.0),
        ("g1", "eba", 3, Outcome.LATE, -20.0),
        ("g2", "eba", 3, Outcome.EARLY, 30.0),
        ("g3", "harame", 3, Outcome.FALSE_ALARM, None),
    ]
    assert (found[0].gauge_name, found[0].proposed) == ("江波", at(11))


def test_what_was_withdrawn_was_not_issued_and_what_was_lifted_was() -> None:
    reached = [StageChange("g1", at(60), Stage.DANGER)]
    first = order("a", Kind.ISSUE, 30, 4, "eba")
    withdrawn = order("b", Kind.WITHDRAW, 35, 4, "eba", about="a", before={"eba": Standing()})
    again = order("c", Kind.ISSUE, 70, 4, "eba")
    lifted = order("d", Kind.LIFT, 200, 4, "eba")
    outcomes = by_level(review(night(reached, [], [first, withdrawn, again, lifted])))
    assert outcomes["eba", 4] == (Outcome.LATE, -10.0)
    assert by_level(review(night(reached, [], [first, withdrawn])))["eba", 4] == (Outcome.MISS, None)


def test_a_proposal_that_came_to_nothing_is_told() -> None:
    assert by_level(review(night([], [Proposed("eba", at(1), 3), Proposed("eba", at(9), 0)], []))) == {
        ("eba", 3): (Outcome.PROPOSED, None)
    }
    assert review(night([StageChange("g1", at(1), Stage.CAUTION)], [], [])) == []


def test_the_night_is_drawn_again_in_order() -> None:
    found = moments(
        night(
            [StageChange("g1", at(10), Stage.DANGER), StageChange("g1", at(50), Stage.BELOW)],
            [Proposed("eba", at(11), 4)],
            [
                order("a", Kind.ISSUE, 20, 4, "eba", "harame"),
                order("b", Kind.WITHDRAW, 30, 4, "harame", about="a", before={"harame": Standing(level=3)}),
                order("c", Kind.LIFT, 60, 4, "eba"),
            ],
        )
    )
    assert [(one.kind, one.district or one.gauge, one.level) for one in found] == [
        ("stage", "g1", None),
        ("proposed", "eba", 4),
        ("issue", "eba", 4),
        ("issue", "harame", 4),
        ("withdraw", "harame", 3),
        ("stage", "g1", None),
        ("lift", "eba", 0),
    ]


def test_the_table_for_a_spreadsheet() -> None:
    lines = review(night([StageChange("g3", at(0), Stage.DANGER)], [], [order("a", Kind.ISSUE, -90, 4, "harame")]))
    text = as_csv(lines).decode("utf-8-sig").splitlines()
    assert text[1] == "'=原目,4,原目,2024-07-01 09:00,,2024-07-01 07:30,90.0,到達の前に発令"
    assert len(text) == 3
